"""The ollama backend by the API: `imagegen` as a process, over HTTP to stand-in servers."""

from __future__ import annotations

import base64
import json
import signal
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from imagegen import png
from tests.comfyui_stories import ended, started, whole
from tests.conftest import Outcome, Project
from tests.handiwork import draw, record
from tests.servers.ollama import Fault, OllamaServer, digest_of, drawn

QUICK = {"transport": "api", "retry_delay": 0.02, "request_timeout": 2}


@pytest.fixture
def ollama(project: Project) -> Iterator[OllamaServer]:
    """A stand-in server; the project's environment names none."""
    project.environ = {key: value for key, value in project.environ.items() if not key.startswith("OLLAMA")}
    project.environ["OLLAMA_MODELS"] = str(project.root / "none")
    with OllamaServer() as running:
        yield running


def wants(
    project: Project, *names: str, at: OllamaServer | str | list[str], block: dict[str, Any] | None = None, **more: Any
) -> None:
    url = at.url if isinstance(at, OllamaServer) else at
    where = {"urls": url} if isinstance(url, list) else {"url": url}
    manifest = {
        "backends": {"ollama": {**QUICK, **where, **(block or {})}},
        "defaults": {"backend": "ollama", "size": "64x64", **more},
        "items": [{"name": name, "prompt": f"portrait of {name}"} for name in names],
    }
    project.manifest(json.dumps(manifest))


def target(name: str) -> str:
    return f"assets/images/{name}.png"


def made(project: Project, *servers: OllamaServer, names: str) -> None:
    """Each is there, whole, with the pixels that a server drew for just this one."""
    bodies = {body["prompt"]: body for server in servers for body in server.made}
    for name in names:
        data = project.png(target(name))
        assert whole(data)
        assert png.pixel_digest(data) == png.pixel_digest(drawn(bodies[f"portrait of {name}"]))
    assert project.stray_files() == []


def not_made(project: Project, *names: str) -> None:
    assert not [name for name in names if (project.root / target(name)).exists()]
    assert project.stray_files() == []


# From a manifest to images


def test_a_manifest_becomes_images(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", "b", "c", at=ollama)
    project.run("run").exits(0).says("3 made")
    made(project, ollama, names="abc")
    asked = len(ollama.requests)
    project.run("run").exits(0).says("Nothing to do")
    project.run("status", "--check", "--verify").exits(0)
    assert len(ollama.requests) == asked


def test_what_it_is_asked_for(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama, steps=4, seed=77)
    project.run("run").exits(0)
    assert ollama.made == [
        {
            "model": "x/z-image-turbo", "prompt": "portrait of a", "width": 64, "height": 64, "steps": 4,
            "options": {"seed": 77}, "stream": True,
        }
    ]  # fmt: skip


def test_without_steps_the_model_takes_its_own(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    project.run("run").exits(0)
    assert "steps" not in ollama.made[0] and ollama.made[0]["options"]["seed"] > 0


def test_steps_are_told(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    events = project.run("run", "--json").exits(0).events
    steps = [(event["value"], event["total"]) for event in events if event["event"] == "step"]
    assert steps == [(step, 9) for step in range(10)]


def test_every_prompt_is_sent_as_it_is(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama, steps=1)
    project.edit("portrait of a", "like /home/me/cat.png")
    project.run("run").exits(0)
    assert ollama.made[0]["prompt"] == "like /home/me/cat.png"


def test_references_are_input_images(project: Project, ollama: OllamaServer) -> None:
    ollama.models["x/flux2-klein:latest"] = ["image"]
    sent = draw(project.root / "cat.png")
    wants(project, "a", at=ollama, model="x/flux2-klein", references=["cat.png"])
    project.run("run").exits(0).says_not("may pass over")
    assert [base64.b64decode(one) for one in ollama.made[0]["images"]] == [sent]
    project.run("status", "--check").exits(0)
    draw(project.root / "cat.png", "red")
    project.run("status", "--check").exits(1)


def test_another_item_s_image_is_made_first_and_sent(project: Project, ollama: OllamaServer) -> None:
    ollama.models["x/flux2-klein:latest"] = ["image"]
    wants(project, "a", "b", at=ollama, model="x/flux2-klein")
    manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
    manifest["items"][0]["references"] = [{"item": "b"}]
    project.manifest(json.dumps(manifest))
    project.run("run").exits(0)
    first, second = ollama.made
    assert (first["prompt"], second["prompt"]) == ("portrait of b", "portrait of a")
    assert base64.b64decode(second["images"][0]) == project.png(target("b"))


def test_a_model_that_is_known_to_take_no_pictures_is_told_of(project: Project, ollama: OllamaServer) -> None:
    draw(project.root / "cat.png")
    wants(project, "a", at=ollama, references=["cat.png"])
    project.run("run").exits(0).says("may pass over reference pictures", "x/flux2-klein")


@pytest.mark.parametrize("form", ["{host}", "http://{host}", "http://{host}/", '"{host}"', " {host} "])
def test_ollama_host_says_where(form: str, project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at="http://127.0.0.1:9")
    project.run("run", OLLAMA_HOST=form.format(host=f"127.0.0.1:{ollama.port}")).exits(0).says("1 made")


def test_an_address_to_listen_on_does_not_say_where(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    project.run("run", OLLAMA_HOST="0.0.0.0:9").exits(0).says("1 made")


def test_a_path_before_its_own(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=f"{ollama.url}/ollama/")
    project.run("run").exits(0)
    assert ollama.asked("/ollama/api/generate")


def test_https_with_a_certificate_that_can_be_trusted(project: Project, ollama: OllamaServer) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(project.root / "authority.pem"))
    with OllamaServer(tls=context) as server:
        wants(project, "a", at=server)
        project.run("run").exits(1).says("certificate")
        project.run("run", SSL_CERT_FILE=str(project.root / "authority.pem")).exits(0).says("1 made")


def test_a_host_s_name_that_can_t_be_is_told(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at="http://a..b:1")
    project.run("run").exits(1).says("no answer from http://a..b:1")


def test_an_ollama_host_that_is_no_address_is_told_when_one_is_needed(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    project.run("status", OLLAMA_HOST="ftp://me:s3cret@box").exits(0)
    project.run("run", OLLAMA_HOST="ftp://me:s3cret@box").exits(3).says("OLLAMA_HOST").says_not("s3cret")


# What the model is


def test_the_model_s_digest_is_in_the_record_and_need_not_be_known(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    project.run("run").exits(0)
    known = record(project.root / target("a"))["known"]
    assert known == {"model": f"sha256:{digest_of('x/z-image-turbo:latest')}"}
    project.run("status", "--check").exits(0)


def test_a_model_is_pulled_before_its_first_image(project: Project, ollama: OllamaServer) -> None:
    ollama.models.clear()
    wants(project, "a", "b", at=ollama)
    events = project.run("run", "--json").exits(0).events
    notes = [event["message"] for event in events if event["event"] == "note"]
    assert any("12.0 GB" in note for note in notes)
    assert any(event["event"] == "step" and event["total"] == 100 for event in events)
    assert len(ollama.asked("/api/pull")) == 1
    routes = [asked.route for asked in ollama.requests]
    assert routes.index("/api/pull") < routes.index("/api/generate")
    known = record(project.root / target("a"))["known"]
    assert known == {"model": f"sha256:{digest_of('x/z-image-turbo:latest')}"}


def test_pulling_can_be_forbidden(project: Project, ollama: OllamaServer) -> None:
    ollama.models.clear()
    wants(project, "a", at=ollama, block={"pull": "never"})
    project.run("run").exits(3).says("ollama pull x/z-image-turbo")
    assert ollama.asked("/api/pull") == ollama.asked("/api/generate") == []


def test_a_download_that_breaks_is_gone_on_with(project: Project, ollama: OllamaServer) -> None:
    ollama.models.clear()
    ollama.faults += [Fault("/api/pull", "error", body="max retries exceeded: EOF"), Fault("/api/pull", "cut")]
    wants(project, "a", at=ollama)
    project.run("run").exits(0).says("1 made")
    assert len(ollama.asked("/api/pull")) == 3


def test_a_download_that_fails_for_good_is_not_begun_again(project: Project, ollama: OllamaServer) -> None:
    ollama.models.clear()
    ollama.faults += [Fault("/api/pull", "error", body="no space left on device", times=9)]
    wants(project, "a", "b", at=ollama)
    project.run("run").exits(1).says("no space left on device", "2 failed")
    assert len(ollama.asked("/api/pull")) == 1


def test_a_model_that_there_is_not(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama, model="x/nothing")
    project.run("run").exits(1).says("no such model", "x/flux2-klein")
    assert len(ollama.asked("/api/pull")) == 1


def test_a_model_that_makes_no_images(project: Project, ollama: OllamaServer) -> None:
    ollama.models["llama3.2:latest"] = ["completion"]
    wants(project, "a", at=ollama, model="llama3.2")
    project.run("run").exits(3).says("llama3.2 makes no images")
    assert ollama.asked("/api/generate") == []


def test_a_model_that_somebody_removes_meanwhile_is_pulled(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", "b", at=ollama)
    ollama.hold()
    with started(project, "run") as process:
        ollama.wait_until(lambda: ollama.at_once)
        ollama.models.clear()
        ollama.release()
        ended(process).exits(0).says("2 made")
    assert len(ollama.asked("/api/pull")) == 1


# Versions


@pytest.mark.parametrize("version", ["0.13.5", "0.32.6", "0.40.0"])
def test_a_version_that_can_t_is_refused_before_anything(version: str, project: Project, ollama: OllamaServer) -> None:
    ollama.version = version
    wants(project, "a", at=ollama)
    project.run("run").exits(3).says(version, "0.14.0 to 0.32.5", "backend: comfyui")
    assert [asked.route for asked in ollama.requests] == ["/api/version"]


@pytest.mark.parametrize("version", ["0.0.0", "main", ""])
def test_a_version_that_can_t_be_read_is_a_warning(version: str, project: Project, ollama: OllamaServer) -> None:
    ollama.version = version
    wants(project, "a", "b", at=ollama)
    assert project.run("run").exits(0).out.count("as its version") == 1


def test_a_server_that_says_that_it_makes_no_images(project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault("/api/generate", status=400, body="image generation models are not currently supported"))
    wants(project, "a", at=ollama)
    project.run("run").exits(1).says("is Ollama 0.32.5 and makes no images", "0.14.0 to 0.32.5")
    assert len(ollama.asked("/api/generate")) == 1


# What goes wrong


def test_nobody_is_there(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", "b", at="http://127.0.0.1:9")
    project.run("run").exits(1).says("no answer from http://127.0.0.1:9", "connection refused", "ollama serve")


PASSING = {
    "busy": Fault("/api/generate", status=503, body="server busy, please try again"),
    "behind a proxy": Fault("/api/generate", status=502, body="<html>Bad gateway</html>"),
    "a page": Fault("/api/generate", status=200, body="<html>Just a moment</html>"),
    "dropped": Fault("/api/generate", "drop"),
    "cut": Fault("/api/generate", "cut"),
    "asked in vain": Fault("/api/version", "drop"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_can_pass_is_tried_again(fault: Fault, project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault(**{**vars(fault), "times": 2}))
    wants(project, "a", at=ollama)
    project.run("run").exits(0).says("1 made")
    made(project, ollama, names="a")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_three_times_in_all(fault: Fault, project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault(**{**vars(fault), "times": 99}))
    wants(project, "a", at=ollama)
    project.run("run").exits(1).says("(3 attempts)")
    assert len(ollama.asked(fault.route)) == 3
    not_made(project, "a")


FINAL = {
    "an error in the stream": (Fault("/api/generate", "error", body="out of memory"), "out of memory"),
    "a runner that fails": (Fault("/api/generate", body="mlx runner failed: exit 255"), "mlx runner failed"),
    "an end without a picture": (Fault("/api/generate", "end"), "ended without a picture"),
    "done without a picture": (Fault("/api/generate", "empty"), "sent no picture"),
    "letters that are no base64": (Fault("/api/generate", "letters"), "not base64"),
    "a text": (Fault("/api/generate", "text"), "no whole PNG"),
    "half a picture": (Fault("/api/generate", "half"), "no whole PNG"),
    "another size": (Fault("/api/generate", "other"), "80 × 64"),
    "refused": (Fault("/api/generate", status=400, body="bad request of ours"), "bad request of ours"),
    "sent elsewhere": (Fault("/api/generate", status=302, headers={"Location": "http://else"}), "sends elsewhere"),
    "something else": (Fault("/api/generate", status=200, body=[1, 2]), "something unexpected"),
}


@pytest.mark.parametrize(("fault", "says"), FINAL.values(), ids=FINAL)
def test_what_can_t_pass_is_not(fault: Fault, says: str, project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault(**vars(fault)))
    wants(project, "a", at=ollama)
    project.run("run").exits(1).says(says, "1 failed")
    assert len(ollama.asked("/api/generate")) == 1
    not_made(project, "a")


def test_one_failure_stops_no_other(project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault("/api/generate", "error", body="out of memory"))
    wants(project, "a", "b", "c", at=ollama)
    project.run("run").exits(1).says("2 made", "1 failed")


def test_one_that_hangs_is_left_after_its_time(project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault("/api/generate", "hang"))
    wants(project, "a", "b", at=ollama, timeout=0.5)
    project.run("run").exits(1).says("took longer than 0.5 seconds", "1 made", "1 failed")


def test_one_that_works_for_ever_is_left_after_its_time(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama, timeout=0.5)
    ollama.hold()
    project.run("run").exits(1).says("took longer than 0.5 seconds")
    ollama.wait_until(lambda: len(ollama.left) == 1)  # it was told to stop


ODD = [{"completed": "x", "total": 9}, {"completed": None, "total": 9}, {"total": "9"}, {"done": True, "image": 7}, {}]


@pytest.mark.parametrize("line", ODD, ids=str)
def test_lines_of_another_shape_are_no_fault_of_ours(line: Any, project: Project, ollama: OllamaServer) -> None:
    ollama.faults.append(Fault("/api/generate", status=200, body=line))
    wants(project, "a", at=ollama)
    project.run("run").exits(1).says("1 failed")


def test_a_server_that_is_no_ollama(project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama)
    ollama.faults.append(Fault("/api/version", status=404, body="<html>", times=9))
    project.run("run").exits(1).says("is no Ollama")


@pytest.mark.parametrize("route", ["/api/version", "/api/show", "/api/tags", "/api/generate"])
def test_a_secret_is_told_nowhere(route: str, project: Project, ollama: OllamaServer) -> None:
    basic = base64.b64encode(b"me:s3cret-word").decode()
    ollama.wants = ("Authorization", f"Basic {basic}")
    wants(project, "a", at=f"http://me:s3cret-word@127.0.0.1:{ollama.port}")
    outcomes = [project.run("run").exits(0), project.run("explain", "images:a"), project.run("doctor")]
    ollama.faults.append(Fault(route, status=400, body=f"no: me:s3cret-word {basic}", times=9))
    outcomes += [project.run("run", "-a"), project.run("run", "-a", "--json"), project.run("doctor")]
    ollama.wants = ("Authorization", "another")
    outcomes += [project.run("run", "-a").exits(1).says("401"), project.run("validate", "--online").exits(3)]
    for outcome in outcomes:
        outcome.says_not("s3cret-word", basic)
    for path in project.root.rglob("*"):
        if path.is_file() and path.name != "assets.yaml" and "manifest" not in path.name:
            assert b"s3cret-word" not in path.read_bytes(), path


def test_when_the_server_goes_all_fail_and_soon(project: Project, ollama: OllamaServer) -> None:
    wants(project, *"abcdefgh", at=ollama, block={"retry_delay": 0.5})
    ollama.hold()
    with started(project, "run") as process:
        ollama.wait_until(lambda: ollama.at_once)
        ollama.close()
        ended(process, 15).exits(1).says("8 failed", "ollama serve")  # not 8 times three attempts
    not_made(project, *"abcdefgh")


# Leaving


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_leaving_stops_the_server(sent: signal.Signals, project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", "b", at=ollama)
    ollama.hold()
    with started(project, "run") as process:
        ollama.wait_until(lambda: ollama.at_once)
        process.send_signal(sent)
        ended(process, 10).exits(130).says("Interrupted")
    ollama.wait_until(lambda: len(ollama.left) == 1)
    not_made(project, "a", "b")


@pytest.mark.parametrize("route", ["/api/version", "/api/show", "/api/generate", "/api/pull"])
def test_leaving_waits_for_nobody(route: str, project: Project, ollama: OllamaServer) -> None:
    wants(project, "a", at=ollama, block={"request_timeout": 60})
    ollama.models.pop("x/z-image-turbo:latest") if route == "/api/pull" else None
    ollama.faults.append(Fault(route, "hang", times=9))
    with started(project, "run") as process:
        ollama.wait_until(lambda: ollama.asked(route))
        process.send_signal(signal.SIGINT)
        ended(process, 10).exits(130)


# Several servers


@pytest.fixture
def other(ollama: OllamaServer) -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


def both(ollama: OllamaServer, other: OllamaServer) -> list[str]:
    return [ollama.url, other.url]


def shared(project: Project, ollama: OllamaServer, other: OllamaServer) -> Outcome:
    outcome = project.run("run").exits(0).says("4 made")
    made(project, ollama, other, names="abcd")
    return outcome


def test_servers_share_the_work_one_image_at_a_time(
    project: Project, ollama: OllamaServer, other: OllamaServer
) -> None:
    wants(project, *"abcd", at=both(ollama, other))
    ollama.hold()
    other.hold()
    with started(project, "run") as process:
        ollama.wait_until(lambda: ollama.at_once)
        other.wait_until(lambda: other.at_once)
        ollama.release()
        other.release()
        ended(process).exits(0).says("4 made")
    assert ollama.most_at_once == other.most_at_once == 1
    assert len(ollama.made) + len(other.made) == 4 and ollama.made and other.made
    made(project, ollama, other, names="abcd")


def test_a_server_that_is_not_there_is_left_out(project: Project, ollama: OllamaServer) -> None:
    wants(project, *"abcd", at=["127.0.0.1:9", ollama.url])
    outcome = project.run("run").exits(0).says("4 made", "127.0.0.1:9 is left out for now")
    assert outcome.out.count("left out") == 1


def test_a_server_of_another_version_is_left_out(project: Project, ollama: OllamaServer, other: OllamaServer) -> None:
    other.version = "0.32.6"
    wants(project, *"abcd", at=both(ollama, other))
    shared(project, ollama, other).says("is left out", "0.32.6")
    assert other.asked("/api/generate") == []


def test_none_of_the_servers_has_a_version_that_can(
    project: Project, ollama: OllamaServer, other: OllamaServer
) -> None:
    ollama.version, other.version = "0.13.0", "0.32.6"
    wants(project, "a", at=both(ollama, other))
    project.run("run").exits(3).says("0.13.0", "0.32.6")


BREAKDOWNS = {
    "drops": Fault("/api/generate", "drop", times=99),
    "cuts": Fault("/api/generate", "cut", times=99),
    "busy": Fault("/api/generate", status=503, times=99),
    "runner": Fault("/api/generate", body="image runner failed", times=99),
    "unsupported": Fault(
        "/api/generate", status=400, body="image generation models are not currently supported", times=99
    ),
}


@pytest.mark.parametrize("fault", BREAKDOWNS.values(), ids=BREAKDOWNS)
def test_what_a_server_fails_at_goes_to_the_others(
    fault: Fault, project: Project, ollama: OllamaServer, other: OllamaServer
) -> None:
    ollama.faults.append(Fault(**vars(fault)))
    wants(project, *"abcd", at=both(ollama, other), block={"retry_delay": 5})  # no wait where another is there
    shared(project, ollama, other).says("left out")


def test_a_server_that_lacks_the_model_gets_it(project: Project, ollama: OllamaServer, other: OllamaServer) -> None:
    other.models.clear()
    wants(project, *"ab", at=both(ollama, other))
    ollama.hold()
    with started(project, "run") as process:
        other.wait_until(lambda: other.made)
        ollama.release()
        ended(process).exits(0)
    assert len(other.asked("/api/pull")) == 1 and ollama.asked("/api/pull") == []


def test_or_stays_without_work_where_pulling_is_forbidden(
    project: Project, ollama: OllamaServer, other: OllamaServer
) -> None:
    other.models.clear()
    wants(project, *"abcd", at=both(ollama, other), block={"pull": "never"})
    project.run("run").exits(0).says("4 made")
    assert other.asked("/api/generate") == other.asked("/api/pull") == []


def test_all_of_them_fail(project: Project, ollama: OllamaServer, other: OllamaServer) -> None:
    for one in (ollama, other):
        one.faults.append(Fault("/api/generate", "drop", times=99))
    wants(project, "a", at=both(ollama, other))
    project.run("run").exits(1).says("(3 attempts)")
    assert len(ollama.asked("/api/generate")) + len(other.asked("/api/generate")) <= 3


def test_doctor_tells_of_each(project: Project, ollama: OllamaServer, other: OllamaServer) -> None:
    other.version = "0.32.6"
    wants(project, "a", at=[*both(ollama, other), "127.0.0.1:9"])
    outcome = project.run("doctor").exits(0).says(ollama.url, other.url, "0.32.6", "http://127.0.0.1:9")
    assert outcome.out.count("warning") >= 2
    ollama.close()
    project.run("doctor").exits(1)


def test_judging_loads_no_http(project: Project, ollama: OllamaServer) -> None:
    from tests.test_imports import loaded_by

    wants(project, "a", at=ollama)
    project.run("run").exits(0)
    assert loaded_by(project, "run") == loaded_by(project, "status") == set()
