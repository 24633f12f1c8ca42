"""`imagegen setup models`: what is there, what is missing, and bringing it."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imagegen import files, manifest, stored
from imagegen.downloads import checks, fetching, inventory, showing, wire
from imagegen.downloads.part import Part
from imagegen.downloads.places import Places
from imagegen.errors import ImagegenError, Interrupted
from imagegen.items import Overrides
from tests.conftest import Project
from tests.model_stories import Story, content, sha256, told


@pytest.fixture
def story(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    with told(project, capsys, monkeypatch, tmp_path_factory.mktemp("state")) as one:
        yield one


# --- what is there ------------------------------------------------------------------------------


def test_without_yes_it_says_what_is_there_and_what_would_come_and_downloads_nothing(story: Story) -> None:
    there, data = story.offered("there.safetensors")
    there.parent.mkdir(parents=True)
    there.write_bytes(data)
    story.offered("one.safetensors", 2_000_000)
    story.offered("two.safetensors", 5_500_000)
    story.entries[-1]["license"] = "openrail"
    story.manifest()
    outcome = story.run(yes=False).exits(1)
    outcome.says("there    checkpoints/there.safetensors  300 kB", "missing  checkpoints/one.safetensors  2.0 MB")
    outcome.says("two.safetensors  5.5 MB, licence openrail", "2 to download: 7.5 MB; ", " free in ")
    outcome.says("imagegen setup models --yes downloads them")
    assert story.files.asked == [] and story.left_behind == ["checkpoints/there.safetensors"]


def test_when_all_are_there_it_says_so_and_asks_nobody(story: Story) -> None:
    path, data = story.offered()
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    for yes in (False, True):
        story.run(yes=yes).exits(0).says("Nothing to do: all models are there.")
    assert story.files.asked == []


def test_a_manifest_without_models_has_nothing_to_download(story: Story) -> None:
    story.manifest()
    story.run().exits(0).says("lists no models")


def test_it_needs_no_more_of_the_manifest_than_its_models(story: Story) -> None:
    """What the rest lacks may be what a server would tell that is not set up yet."""
    path, data = story.offered()
    story.manifest(defaults={"backend": "comfyui", "workflow": "not-there.json"})
    story.run().exits(0)
    assert path.read_bytes() == data


def test_a_file_of_another_size_is_another_file_and_is_left_alone(story: Story) -> None:
    path, _ = story.offered()
    other, data = story.offered("more.safetensors")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's own")
    outcome = story.run().exits(1)
    outcome.says("other    checkpoints/dream.safetensors", "is another file (14 bytes, not 300 kB)", "move it away")
    outcome.says("1 of 2 still to be mended")
    assert path.read_bytes() == b"somebody's own" and other.read_bytes() == data


def test_verify_reads_what_is_there(story: Story) -> None:
    path, data = story.offered()
    path.parent.mkdir(parents=True)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    story.run(yes=False).exits(0)
    story.run(yes=False, verify=True).exits(1).says("another file (not of the SHA-256 that the manifest gives)")
    path.write_bytes(data)
    story.run(yes=False, verify=True).exits(0)


def test_the_command_says_it_all(story: Story) -> None:
    path, data = story.offered()
    words = ("setup", "models", "--dir", "models")
    story.project.run(*words).exits(1).says("1 to download: 300 kB", "imagegen setup models --yes downloads it")
    story.project.run(*words, "--yes").exits(0).says("verified", "All models are there.")
    story.project.run(*words, "--verify").exits(0).says("Nothing to do: all models are there.")
    assert path.read_bytes() == data
    story.project.run("setup", "models").exits(1).says("no folder is known for checkpoints", "--dir names one")


# --- bringing it --------------------------------------------------------------------------------


def test_with_yes_it_downloads_verifies_and_puts_in_place_and_then_has_nothing_to_do(story: Story) -> None:
    path, data = story.offered("sdxl/dream.safetensors")
    story.run().exits(0).says("brought  checkpoints/sdxl/dream.safetensors  300 kB, verified", "All models are there.")
    assert path.read_bytes() == data and story.left_behind == ["checkpoints/sdxl/dream.safetensors"]
    story.run().exits(0).says("Nothing to do")
    assert len(story.files.asked) == 1


def test_what_git_would_take_of_it_is_told(story: Story) -> None:
    path = story.wants("[a] dream.safetensors", story.files.offer("/dream", content(9_000)))
    subprocess.run(["git", "init", "--quiet", story.project.root], check=True)
    line = "/models/checkpoints/\\[a] dream.safetensors"
    story.run().exits(0).says(f"add to .gitignore: {line}\n")
    path.unlink()
    story.project.write(".gitignore", f"{line}\n")
    story.run().exits(0).says("brought").says_not(".gitignore")


def test_without_a_digest_it_says_that_it_could_not_verify_and_prints_the_one_it_got(story: Story) -> None:
    data = content(50_000)
    path = story.wants("ink.safetensors", story.files.offer("/ink", data), kind="loras")
    story.run().exits(0).says("50 kB, not verified", f"sha256: {sha256(data)}")
    assert path.read_bytes() == data


def test_where_no_size_is_known_it_downloads_all_the_same(story: Story) -> None:
    data = content(50_000)
    path = story.wants("ink.safetensors", story.files.offer("/ink", data, claims=-1))
    story.run(yes=False).exits(1).says("size not known", "0 bytes and 1 of unknown size")
    story.run().exits(0)
    assert path.read_bytes() == data


def test_a_wrong_digest_is_told_and_what_came_is_removed_and_the_others_go_on(story: Story) -> None:
    data = content(1000)
    path = story.wants("evil.safetensors", story.files.offer("/evil", data), sha256="ab" * 32)
    other, _ = story.offered()
    story.run().exits(1).says("failed   checkpoints/evil.safetensors", sha256(data), "ab" * 32, "what came is removed")
    assert not path.exists() and other.exists() and story.left_behind == ["checkpoints/dream.safetensors"]


def test_a_size_that_the_server_does_not_have_is_told_before_anything_comes(story: Story) -> None:
    url = story.files.offer("/dream", content(5000))
    story.wants("dream.safetensors", url, size=6000)
    story.run().exits(1).says("the manifest says 6000 bytes, the server has 5000")
    assert story.left_behind == []


def test_more_bytes_than_the_manifest_says_are_not_taken(story: Story) -> None:
    url = story.files.offer("/dream", content(500_000), claims=-1)
    story.wants("dream.safetensors", url, size=6000)
    story.run().exits(1).says("the manifest says 6000 bytes, and more come")
    assert story.left_behind == []


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "application/octet-stream", "a web page came instead of a model"),
        (b"anything", "text/html; charset=utf-8", "a web page came instead of a model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "text/plain", "a git-lfs pointer came"),
    ],
)
def test_what_is_no_model_is_told(story: Story, data: bytes, kind: str, words: str) -> None:
    story.wants("dream.safetensors", story.files.offer("/dream", data, kind=kind))
    story.run().exits(1).says(words)
    assert story.left_behind == [] and len(story.files.asked) == 1


def test_what_is_packed_on_the_way_is_not_taken(story: Story) -> None:
    story.offered(headers={"Content-Encoding": "gzip"})
    story.run().exits(1).says("packs what it was asked to send as it is")


def test_a_file_that_came_meanwhile_is_not_written_over(story: Story) -> None:
    path, _ = story.offered(holds_after=100_000)
    process = story.start()
    wait_for_size(path.with_name("dream.safetensors.part"), 65536)
    path.write_bytes(b"somebody's own")
    story.files.offers["/dream.safetensors"].released.set()
    story.ends(process).exits(1).says("meanwhile there is another file")
    assert path.read_bytes() == b"somebody's own"


def test_two_at_once_download_once(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = story.offered(holds_after=100_000)
    first = story.start()
    wait_for_size(path.with_name("dream.safetensors.part"), 65536)

    def locked(*given: Any) -> Any:
        story.files.offers["/dream.safetensors"].released.set()  # from here on the second waits for the first
        return files.locked(*given)

    monkeypatch.setattr(fetching, "locked", locked)
    story.run().exits(0).says("another imagegen brought it meanwhile", "All models are there.")
    story.ends(first).exits(0).says("brought")
    assert path.read_bytes() == data and story.bytes_sent == len(data)


# --- breaks -------------------------------------------------------------------------------------


def test_a_broken_connection_is_gone_on_with(story: Story) -> None:
    path, data = story.offered(cuts=[100_000, 150_000])
    story.run().exits(0).says("the connection broke; the ", " that came are kept; trying again", "verified")
    assert path.read_bytes() == data and len(story.files.asked) == 3
    assert story.files.asked[1].headers["If-Range"] == '"one"'
    assert story.bytes_sent < len(data) + 2 * 65536  # a block that was cut comes again


def test_three_attempts_are_made_and_what_came_is_kept(story: Story) -> None:
    path, data = story.offered(cuts=[70_000, 70_000, 70_000])
    story.run().exits(1).says("the connection broke, in 3 attempts; the ", " that came are kept")
    assert len(story.files.asked) == 3 and not path.exists()
    story.run().exits(0)
    assert path.read_bytes() == data


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(story: Story, status: int) -> None:
    path, data = story.offered(fails=[status, status])
    story.run().exits(0).says(f"its server answers {status}; trying again")
    assert path.read_bytes() == data
    story.files.asked.clear()
    path.unlink()
    story.files.offers["/dream.safetensors"].fails = [status] * 4
    story.run().exits(1).says(f"its server answers {status}, in 3 attempts", "try again later")
    assert len(story.files.asked) == 3


@pytest.mark.parametrize(("status", "words"), [(404, "does not have it (404)"), (410, "(410)"), (400, "says no (400)")])
def test_a_server_that_says_no_is_not_asked_again(story: Story, status: int, words: str) -> None:
    story.wants("dream.safetensors", story.files.offer("/dream?secret=yes", fixed=(status, b"no")))
    story.files.offers["/dream"] = story.files.offers.pop("/dream?secret=yes")
    story.run().exits(1).says(words).says_not("secret")
    assert len(story.files.asked) == 1


def test_nobody_there_is_told_without_a_traceback(story: Story) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    story.wants("dream.safetensors", f"http://127.0.0.1:{port}/dream")
    story.run().exits(1).says("no connection came about, in 3 attempts")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_ends_half_way_is_gone_on_with_by_the_next(story: Story, how: signal.Signals) -> None:
    half = 65536 * 20
    path, data = story.offered(size=2 * half, holds_after=half)
    process = story.start()
    story.files.wait_until_sent(half)
    part = path.with_name("dream.safetensors.part")
    wait_for_size(part, half)
    process.send_signal(how)
    outcome = story.ends(process)
    if how != signal.SIGKILL:
        outcome.exits(130).says("interrupted: 1.3 MB of checkpoints/dream.safetensors are kept")
        outcome.says("imagegen setup models --yes goes on from there")
    assert not path.exists() and part.stat().st_size == half
    story.files.offers["/dream.safetensors"].released.set()
    story.run(yes=False).exits(1).says("1.3 MB of it are there", "1 to download: 1.3 MB")
    story.run().exits(0).says("verified")
    assert path.read_bytes() == data and story.left_behind == ["checkpoints/dream.safetensors"]
    assert story.files.asked[1].headers["Range"] == f"bytes={half}-" and story.files.asked[1].bytes_sent == half


def wait_for_size(path: Path, size: int) -> None:
    """Until the file has grown to ``size``; it does as soon as what was sent is written."""
    import time

    until = time.monotonic() + 30
    while not path.is_file() or path.stat().st_size < size:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_being_left_by_the_run_around_it_keeps_the_part(story: Story) -> None:
    import threading

    path, _ = story.offered(size=1_000_000, holds_after=500_000)
    cancelled = threading.Event()

    def leave() -> None:
        wait_for_size(path.with_name("dream.safetensors.part"), 65536 * 7)
        cancelled.set()
        story.files.offers["/dream.safetensors"].released.set()

    threading.Thread(target=leave).start()
    with pytest.raises(Interrupted, match="interrupted: .* are kept"):
        story.run(cancelled=cancelled)
    assert not path.exists() and story.left_behind[0].endswith(".part")


def begun(story: Story, path: Path, count: int = 131072) -> None:
    """Let a run break for good after ``count`` bytes, as often as it asks."""
    offer = story.files.offers["/dream.safetensors"]
    offer.cuts = [count, 0, 0]
    story.run().exits(1)
    assert path.with_name("dream.safetensors.part").stat().st_size == count
    story.files.asked.clear()
    offer.cuts = []


def test_a_file_that_changed_there_comes_from_the_beginning(story: Story) -> None:
    path, _ = story.offered()
    begun(story, path)
    now = content(300_000, seed=2)
    offer = story.files.offers["/dream.safetensors"]
    offer.data, offer.etag = now, '"two"'
    story.entries[0]["sha256"] = sha256(now)
    story.manifest()
    story.run().exits(0).says("from the beginning")
    assert path.read_bytes() == now


def test_a_server_that_heeds_no_if_range_and_has_another_file_is_found_out(story: Story) -> None:
    """Its ETag says so; the part is given up, and the next attempt begins anew."""
    path, _ = story.offered()
    del story.entries[0]["sha256"]
    story.manifest()
    begun(story, path)
    now = content(300_000, seed=2)
    offer = story.files.offers["/dream.safetensors"]
    offer.data, offer.etag, offer.modified = now, '"two"', '"one"'  # the condition holds by another mark
    story.run().exits(0).says("can't go on where the part ends")
    assert path.read_bytes() == now


def test_a_server_without_ranges_begins_anew(story: Story) -> None:
    path, data = story.offered(ranges=False)
    begun(story, path)
    story.run().exits(0).says("from the beginning")
    assert path.read_bytes() == data


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_mark_only_the_digest_allows_to_go_on(story: Story, etag: str) -> None:
    path, data = story.offered(etag=etag)
    begun(story, path)
    story.run().exits(0)
    assert path.read_bytes() == data and story.files.asked[0].headers["Range"] == "bytes=131072-"
    assert story.files.asked[0].headers["If-Range"] is None
    path.unlink()
    del story.entries[0]["sha256"]
    story.manifest()
    begun(story, path)
    story.run().exits(0)
    assert path.read_bytes() == data and story.files.asked[0].headers["Range"] is None


def test_the_date_of_change_is_a_mark_too(story: Story) -> None:
    when = "Wed, 21 Oct 2026 07:28:00 GMT"
    path, data = story.offered(etag="", modified=when)
    begun(story, path)
    story.run().exits(0)
    assert path.read_bytes() == data and story.files.asked[0].headers["If-Range"] == when


def test_a_part_that_was_spoilt_is_found_out_and_begun_anew(story: Story) -> None:
    path, data = story.offered()
    begun(story, path)
    part = path.with_name("dream.safetensors.part")
    part.write_bytes(b"spoilt" + part.read_bytes()[6:])
    story.run().exits(0).says("what was pieced together is not the file", "verified")
    assert path.read_bytes() == data


def test_a_part_from_another_address_is_not_gone_on_with(story: Story) -> None:
    path, data = story.offered()
    begun(story, path)
    story.entries[0]["url"] = story.files.offer("/moved", data, etag='"one"')
    story.manifest()
    story.run().exits(0)
    assert path.read_bytes() == data and story.files.asked[0].headers["Range"] is None


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": "other"}', '{"new": 1, ', '{"size": "y", '])
def test_a_part_of_which_nothing_is_known_is_begun_anew(story: Story, note: str) -> None:
    path, data = story.offered()
    begun(story, path)
    file = path.with_name("dream.safetensors.part.json")
    known = json.loads(file.read_text())
    known.pop("size")
    file.write_text(note + json.dumps(known)[1:] if note.endswith(", ") else note)
    story.run().exits(0).says("from the beginning")
    assert path.read_bytes() == data and story.files.asked[0].headers["Range"] is None


def test_the_address_is_not_kept_beside_the_part(story: Story) -> None:
    path, _ = story.offered()
    begun(story, path)
    assert story.files.url("") not in path.with_name("dream.safetensors.part.json").read_text()


def test_a_run_killed_before_the_move_is_ended_without_asking(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = story.offered()

    def killed(self: Part, path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Part, "become", killed)
        with pytest.raises(Interrupted):
            story.run()
    story.files.asked.clear()
    story.run().exits(0)
    assert path.read_bytes() == data and story.files.asked == []


def test_a_whole_part_of_unknown_size_is_taken_as_the_server_says(story: Story) -> None:
    """It answers 416 where nothing is behind the part."""
    data = content(131072)
    story.files.offer("/dream.safetensors", data, etag='"one"', claims=-1)
    path = story.wants("dream.safetensors", story.files.url("/dream.safetensors"))
    from imagegen.downloads.part import Source

    part = Part(path)
    part.begin(Source(sha256(story.files.url("/dream.safetensors").encode()), etag='"one"'))
    part.append(data)
    story.run().exits(0)
    assert path.read_bytes() == data and story.bytes_sent == 0


# --- room ---------------------------------------------------------------------------------------


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_little_room_is_told_before_anything_is_asked(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.offered("one.safetensors", 300_000)
    story.offered("two.safetensors", 300_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 5 * 10**5, 5 * 10**5))
    with pytest.raises(ImagegenError, match="has 500 kB free, and 600 kB are to come"):
        story.run()
    assert story.files.asked == [] and story.left_behind == []


def test_too_little_room_for_what_the_server_tells_is_told_before_it_comes(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.wants("dream.safetensors", story.files.offer("/dream", content(300_000)))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 9 * 10**5, 10**5))
    story.run().exits(1).says("300 kB are to come and 100 kB are free")
    assert story.left_behind == []


def test_a_disk_that_fills_up_keeps_the_part(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = story.offered()
    append = Part.append

    def full(self: Part, block: bytes) -> None:
        if self.size > 100_000:
            raise OSError(28, "No space left on device")
        append(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(Part, "append", full)
        story.run().exits(1).says("can't be written: the disk is full; the 131 kB that came are kept")
    story.run().exits(0)
    assert path.read_bytes() == data


def test_a_folder_that_can_t_be_made_is_told(story: Story) -> None:
    story.offered()
    story.models.mkdir()
    (story.models / "checkpoints").write_text("a file")
    story.run().exits(1).says("failed   checkpoints/dream.safetensors: can't be written")


# --- where they go ------------------------------------------------------------------------------


def test_a_comfyui_named_on_the_command_line_gets_them_in_its_models(story: Story) -> None:
    _, data = story.offered()
    comfyui = story.project.root / "elsewhere"
    (comfyui / "models").mkdir(parents=True)
    story.run(folder=comfyui).exits(0)
    assert (comfyui / "models/checkpoints/dream.safetensors").read_bytes() == data


def test_a_folder_in_the_project_is_found_in_the_manifest(story: Story) -> None:
    _, data = story.offered()
    story.manifest(backends={"comfyui": {"checkpoint_paths": ["big/checkpoints"]}})
    story.run(folder=None).exits(0)
    assert (story.project.root / "big/checkpoints/dream.safetensors").read_bytes() == data


def test_a_folder_outside_that_only_the_manifest_names_is_not_written_to(story: Story, tmp_path_factory: Any) -> None:
    """A cloned manifest could name any: but what is in there counts as there."""
    path, data = story.offered()
    outside = tmp_path_factory.mktemp("outside")
    story.manifest(backends={"comfyui": {"checkpoint_paths": [str(outside)]}})
    with pytest.raises(ImagegenError, match="lies outside the project") as caught:
        story.run(folder=None)
    assert f"--allow-path {outside}" in caught.value.hint and list(outside.iterdir()) == []
    story.run(folder=None, yes=False, allow=(outside,)).exits(1)
    story.run(folder=None, allow=(outside,)).exits(0)
    assert (outside / path.name).read_bytes() == data
    story.run(folder=None).exits(0).says("Nothing to do")


def test_a_link_out_of_the_project_is_no_way_around(story: Story, tmp_path_factory: Any) -> None:
    story.offered()
    outside = tmp_path_factory.mktemp("outside")
    (story.project.root / "models-link").symlink_to(outside)
    story.manifest(backends={"comfyui": {"checkpoint_paths": ["models-link"]}})
    with pytest.raises(ImagegenError, match="lies outside the project"):
        story.run(folder=None)
    assert list(outside.iterdir()) == []


def test_the_comfyui_that_was_set_up_here_comes_first(story: Story, tmp_path_factory: Any) -> None:
    from imagegen.backends.comfyui.install import noted

    _, data = story.offered()
    comfyui = tmp_path_factory.mktemp("comfyui")
    story.manifest(backends={"comfyui": {"checkpoint_paths": ["big"]}})
    noted.note(noted.Installed(str(comfyui.resolve()), "python"), story.project.root)
    story.run(folder=None).exits(0)
    assert (comfyui / "models/checkpoints/dream.safetensors").read_bytes() == data


def test_a_kind_without_a_folder_is_told_with_the_mend(story: Story) -> None:
    story.offered()
    with pytest.raises(ImagegenError, match="no folder is known for checkpoints") as caught:
        story.run(folder=None)
    assert "imagegen setup comfyui" in caught.value.hint and story.files.asked == []


# --- in the manifest ----------------------------------------------------------------------------


def test_the_manifest_carries_its_models_stored_or_not(story: Story) -> None:
    story.offered("sdxl/dream.safetensors")
    file = story.project.root / "assets.yaml"
    first = stored.manifest(file, Overrides()).models
    assert stored.current(file, Overrides()) is not None
    assert stored.manifest(file, Overrides()).models == first
    (model,) = first
    assert (model.name, model.size, model.gated) == ("checkpoints/sdxl/dream.safetensors", 300_000, False)
    assert model.line > 1


def test_validate_tells_what_is_wrong_with_models_beside_all_else(project: Project) -> None:
    project.manifest("""\
        defaults: {backend: placeholder}
        items: [a]
        models:
          - {kind: checkpoint, file: dream.safetensors, url: "https://example.com/dream"}
          - {kind: loras, file: ../../.bashrc, url: "http://example.com/ink"}
          - {kind: loras, file: run.py, url: "https://me:secret@example.com/ink", sha256: 12}
        """)
    outcome = project.run("validate").exits(3)
    outcome.says("assets.yaml:4", 'not "checkpoint"', 'did you mean "checkpoints"?')
    outcome.says("assets.yaml:5", "can't be a file in the models' folder", "is plain http")
    outcome.says("assets.yaml:6", '"run.py" has no model\'s ending', "holds a name or password", "64 hex digits")
    outcome.says("has no prompt").says_not("secret")


def test_names_that_no_wire_can_be_asked_for_never_reach_it(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "asked", lambda *given: pytest.fail("asked"))
    story.wants("../dream.safetensors", story.files.url("/dream"))
    with pytest.raises(ImagegenError, match="can't be a file"):
        story.run()


# --- how it is shown ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_is_gone_afterwards() -> None:
    stream = Terminal()
    with showing.shown("loras/ink.safetensors", stream, {"TERM": "xterm", "COLUMNS": "100"}) as one:
        one.at(50_000_000, 100_000_000)
        one.note("the connection broke")
        one.at(100_000_000, 100_000_000)
    text = stream.getvalue()
    assert "loras/ink.safetensors" in text and "100.0/100.0 MB" in text and "the connection broke" in text
    assert text.rstrip().endswith("\x1b[2K")  # the bar's line is wiped


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"CI": "1"}])
def test_a_dumb_terminal_and_ci_get_lines(environ: dict[str, str]) -> None:
    stream = Terminal()
    with showing.shown("loras/ink.safetensors", stream, environ) as one:
        for done in range(1001):
            one.at(done * 1_000_000, 1_000_000_000)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["  loras/ink.safetensors: 0 bytes of 1.0 GB", "  loras/ink.safetensors: 100 MB of 1.0 GB"]
    assert len(lines) == 10 and "\x1b" not in stream.getvalue()


def test_of_unknown_size_a_line_comes_now_and_then() -> None:
    stream = io.StringIO()
    with showing.shown("loras/ink.safetensors", stream, {}) as one:
        for done in range(0, 3_000_000_000, 1_000_000):
            one.at(done, 0)
    assert len(stream.getvalue().splitlines()) == 3


# --- doctor -------------------------------------------------------------------------------------


def test_doctor_s_lines_tell_what_is_missing_and_which_token(story: Story) -> None:
    there, data = story.offered("there.safetensors")
    there.parent.mkdir(parents=True)
    there.write_bytes(data)
    story.offered("missing.safetensors")
    story.wants("gated.sft", "https://huggingface.co/o/n/resolve/main/g.sft", gated=True)
    models, blocks = manifest.models(story.project.root / "assets.yaml")
    places = Places(blocks, {}, story.project.root, story.models)
    lines = list(checks.of(inventory.of(models, places.folders, places.goal), {}))
    assert [(line.what, line.state) for line in lines] == [
        ("models", "ok"), ("model", "warning"), ("model", "warning"), ("token", "warning"),
    ]  # fmt: skip
    assert lines[1].mend == "imagegen setup models --yes" and "https://huggingface.co/o/n" in lines[2].mend
    (*_, token) = checks.of(inventory.of(models, places.folders, places.goal), {"HF_TOKEN": "hf_secret"})
    assert (token.found, token.state) == ("HF_TOKEN is set", "ok")
