"""What `setup models` decides without asking anybody: addresses, tokens, answers, pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from imagegen.backends.comfyui import models
from imagegen.document import Document
from imagegen.downloads import answers, declared, inventory, licences, tokens, urls
from imagegen.downloads.amounts import amount
from imagegen.downloads.inventory import State
from imagegen.downloads.part import Source
from imagegen.errors import WrongInput
from imagegen.items import Model

HF = "https://huggingface.co/owner/name/resolve/main/dream.safetensors"
CIVITAI = "https://civitai.com/api/download/models/128713?type=Model"
ENVIRON = {"HF_TOKEN": "hf_secret", "CIVITAI_TOKEN": "civitai_secret"}


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [HF, CIVITAI, "https://example.com", "https://example.com:8443/a?b=c#d", "http://127.0.0.1:8000/a",
     "http://localhost/a", "http://[::1]:80/a", "HTTPS://Example.COM/ä"],
)  # fmt: skip
def test_an_address_of_https_or_of_this_machine_may_be_asked(url: str) -> None:
    urls.check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/a", "plain http"),
        ("http://127.0.0.1.example.com/a", "plain http"),
        ("http://127.example.com/a", "plain http"),
        ("ftp://example.com/a", "is no address"),
        ("file:///etc/passwd", "is no address"),
        ("example.com/a", "is no address"),
        ("https:///a", "is no address"),
        ("https://exa mple.com/a", "is no address"),
        ("https://example.com/a\nb", "is no address"),
        ("https://[::1/a", "is no address"),
        ("https://[12]/a", "host or port"),
        ("https://example.com:70000/a", "host or port"),
        ("https://me:secret@example.com/a", "name or password"),
        ("https://huggingface.co@example.com/a", "name or password"),
        ("https://example.com\\@huggingface.co/a", "name or password"),
        ("https://example.com/a?token=secret", "holds a secret (token=…)"),
        ("https://example.com/a?x=1&API_KEY=secret", "holds a secret"),
    ],
)
def test_other_addresses_may_not_and_no_message_shows_them(url: str, why: str) -> None:
    with pytest.raises(urls.NotAllowed, match=re.escape(why)) as caught:
        urls.check(url)
    assert "secret@" not in str(caught.value) and "=secret" not in str(caught.value)


@given(st.text(alphabet="abc.:/\\@?#[]% 1\t-é", max_size=40))
def test_an_address_that_may_be_asked_has_one_host_whoever_reads_it(rest: str) -> None:
    """The host that gets a token must be the host that is asked."""
    try:
        who = urls.origin(f"https://{rest}")
    except urls.NotAllowed:
        return
    assert (urlsplit(f"https://{rest}").hostname or "") == who.host.strip("[]")
    try:
        asked = requests.Request("GET", f"https://{rest}").prepare().url or ""
    except (requests.exceptions.InvalidURL, UnicodeError):
        return  # never asked
    assert (urllib3.util.parse_url(asked).host or "").lower() == who.host


@pytest.mark.parametrize(
    ("url", "location", "there"),
    [
        (HF, "/api/resolve-cache/x?y", "https://huggingface.co/api/resolve-cache/x?y"),
        (HF, "https://cdn.example.com/x?Signature=1", "https://cdn.example.com/x?Signature=1"),
        ("http://127.0.0.1:1/a", "http://localhost:2/b", "http://localhost:2/b"),
    ],
)
def test_a_redirect_is_followed_by_hand(url: str, location: str, there: str) -> None:
    assert urls.redirected(url, location) == there


@pytest.mark.parametrize(
    "location", ["http://example.com/a", "http://127.0.0.1:8188/x", "https://localhost/x", "file:///x", "//[x"]
)
def test_no_redirect_leads_to_plain_http_or_to_this_machine(location: str) -> None:
    with pytest.raises(urls.NotAllowed):
        urls.redirected(HF, location)


def test_what_stands_behind_the_question_mark_is_never_shown() -> None:
    assert urls.shown("https://example.com/a?Signature=secret#x") == "https://example.com/a"


# --- tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (HF, "hf_secret"),
        ("https://HuggingFace.co/a", "hf_secret"),
        ("https://hub.huggingface.co/a", "hf_secret"),
        (CIVITAI, "civitai_secret"),
        ("https://civitai.red/a", "civitai_secret"),
        ("https://evilhuggingface.co/a", None),
        ("https://huggingface.co.example.com/a", None),
        ("https://huggingface.com/a", None),
        ("https://huggingface.co:8443/a", None),
        ("https://example.com/huggingface.co", None),
        ("http://127.0.0.1/a", None),
    ],
)
def test_a_token_goes_to_its_own_host_alone(url: str, secret: str | None) -> None:
    assert tokens.headers(url, ENVIRON) == ({"Authorization": f"Bearer {secret}"} if secret else {})


def test_a_token_goes_over_https_alone() -> None:
    with pytest.raises(urls.NotAllowed):
        tokens.headers(HF.replace("https", "http"), ENVIRON)


def test_without_a_token_nothing_is_sent() -> None:
    assert tokens.headers(HF, {}) == tokens.headers(HF, {"HF_TOKEN": " \n"}) == {}
    assert tokens.headers(HF, {"HF_TOKEN": "hf_secret\n"}) == {"Authorization": "Bearer hf_secret"}


@pytest.mark.parametrize("token", ["hf_secret\r\nHost: evil", "hf secret", "hf_sécret"])
def test_what_no_header_can_hold_is_told_without_being_shown(token: str) -> None:
    with pytest.raises(WrongInput, match="HF_TOKEN holds letters that are in no token") as caught:
        tokens.headers(HF, {"HF_TOKEN": token})
    assert "secret" not in str(caught.value)


@given(
    st.text(max_size=30), st.sampled_from(["https://", "https://huggingface.co", "https://x.civitai.com", "http://"])
)
def test_no_address_draws_a_token_to_another_host(rest: str, begin: str) -> None:
    try:
        sent = tokens.headers(begin + rest, ENVIRON)
    except urls.NotAllowed:
        return
    host = urllib3.util.parse_url(begin + rest).host or ""  # what will be asked
    ours = re.fullmatch(r"(.*\.)?(huggingface\.co|civitai\.com|civitai\.red)", host, re.IGNORECASE)
    assert not sent or ours


# --- pages --------------------------------------------------------------------------------------


def model(url: str = HF, **more: object) -> Model:
    return Model("checkpoints", "dream.safetensors", url)._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "page"),
    [
        (model(), "https://huggingface.co/owner/name"),
        (model(CIVITAI), "https://civitai.com/model-versions/128713"),
        (model("https://example.com:8443/a/b?c"), "https://example.com:8443"),
        (model(license="https://example.com/licence"), "https://example.com/licence"),
        (model(license="openrail"), "https://huggingface.co/owner/name"),
    ],
)
def test_the_page_of_a_licence(one: Model, page: str) -> None:
    assert licences.page(one) == page


def test_a_gated_model_wants_its_host_s_token() -> None:
    gated = model(gated=True)
    why, mend = licences.lacking_token(gated, {}) or ("", "")
    assert why == "is gated, and HF_TOKEN is not set"
    assert "https://huggingface.co/owner/name" in mend and "https://huggingface.co/settings/tokens" in mend
    assert licences.lacking_token(gated, ENVIRON) is None
    assert licences.lacking_token(model(), {}) is None
    assert licences.lacking_token(model("https://example.com/a", gated=True), {}) is None


# --- answers ------------------------------------------------------------------------------------

WANTED = Source("address", "digest")


@pytest.mark.parametrize(
    ("known", "size", "headers"),
    [
        (None, 5, None),
        (Source("address", "digest", '"e"'), 0, None),
        (Source("address", "digest", '"e"', "date"), 5, {"Range": "bytes=5-", "If-Range": '"e"'}),
        (Source("address", "digest", 'W/"e"', "date"), 5, {"Range": "bytes=5-", "If-Range": "date"}),
        (Source("address", "digest", 'W/"e"'), 5, {"Range": "bytes=5-"}),
        (Source("other", "digest", '"e"'), 5, None),
        (Source("address", "other", '"e"'), 5, None),
        (Source("address", "digest", '"e"', size=4), 5, None),
    ],
)
def test_a_part_is_gone_on_with_where_that_is_safe(
    known: Source | None, size: int, headers: dict[str, str] | None
) -> None:
    assert answers.question(known, WANTED, size) == headers


def test_without_mark_and_digest_it_is_not() -> None:
    assert answers.question(Source("address"), Source("address"), 5) is None


@pytest.mark.parametrize(
    ("status", "headers", "behind"),
    [
        (200, {"Content-Length": "9"}, answers.Behind(0, 9)),
        (200, {}, answers.Behind(0, 0)),
        (206, {"Content-Range": "bytes 5-8/9"}, answers.Behind(5, 9)),
        (206, {"Content-Range": "bytes 5-8/*"}, answers.Behind(5, 0)),
        (206, {"Content-Range": "bytes 5-8/9", "ETag": '"other"'}, None),
        (206, {"Content-Range": "bytes 5-8/9", "ETag": 'W/"other"'}, answers.Behind(5, 9)),
        (206, {}, None),
        (206, {"Content-Range": "lines 5-8/9"}, None),
        (416, {"Content-Range": "bytes */9"}, answers.Behind(9, 9)),
        (416, {}, None),
    ],
)
def test_what_an_answer_holds(status: int, headers: dict[str, str], behind: answers.Behind | None) -> None:
    assert answers.behind(status, headers, Source("address", etag='"e"')) == behind


def test_a_model_s_first_bytes_are_no_page() -> None:
    answers.check_kind("application/octet-stream", b"\x10\0\0\0\0\0\0\0{")
    answers.check_kind("", b"")
    for begin in (b"  \n<!DOCTYPE html>", b"<HTML>"):
        with pytest.raises(answers.NoModel):
            answers.check_kind("", begin)


# --- the manifest -------------------------------------------------------------------------------


def wrong(**entry: object) -> list[str]:
    whole = {"kind": "checkpoints", "file": "dream.safetensors", "url": HF, **entry}
    _, problems = declared.models({"models": [whole]}, Document("assets.yaml", {}))
    return [f"{problem.path}: {problem.message}" for problem in problems]


def test_a_whole_entry_is_right() -> None:
    for digest in ("ab" * 32, "SHA256:" + "AB" * 32):
        assert wrong(sha256=digest, size=5, license="x", gated=True) == []
    assert wrong(sha256="ab" * 31) == ["models[0].sha256: must be 64 hex digits"]


@pytest.mark.parametrize(
    "file",
    ["../up.safetensors", "/etc/x.bin", "a/../../x.bin", "a\\..\\x.bin", "C:/x.bin", "C:x.bin", "a//b.bin", "./x.bin",
     "nul.bin", "x.bin ", "x.bin:stream", "x\0.bin", "x.py", "x", ".bashrc", "x.safetensors/", "~/../x.bin"],
)  # fmt: skip
def test_a_file_may_not_leave_its_folder_or_be_no_model(file: str) -> None:
    assert [text.partition(":")[0] for text in wrong(file=file)] == ["models[0].file"]


@pytest.mark.parametrize("file", ["dream.safetensors", "sdxl/dream v1.0.CKPT", "a/b/ink.gguf", "..x/y.pt", "ünï.sft"])
def test_a_file_in_its_folder_may_be(file: str) -> None:
    assert wrong(file=file) == []


@pytest.mark.parametrize(
    "url",
    ["https://huggingface.co/owner/name", "https://huggingface.co/owner/name/blob/main/a.safetensors",
     "https://huggingface.co/owner/name/raw/main/a.bin", "https://civitai.com/models/1234/dream?modelVersionId=5"],
)  # fmt: skip
def test_the_page_of_a_model_is_not_its_file(url: str) -> None:
    assert "is the page of a model" in wrong(url=url)[0] and "modelVersionId" not in wrong(url=url)[0]


def test_two_models_can_t_be_one_file() -> None:
    entries = [{"kind": "loras", "file": name, "url": HF} for name in ("Ink.safetensors", "ink.safetensors")]
    _, problems = declared.models({"models": entries}, Document("assets.yaml", {}))
    assert [problem.message for problem in problems] == ["loras/ink.safetensors is listed twice"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kind", "file", "url", "sha256", "size", "gated", "license"]), inner)
        ),
    )
)
def test_whatever_stands_there_is_looked_at_without_a_fall(value: object) -> None:
    declared.models({"models": value}, Document("assets.yaml", {}))
    declared.models({"models": [value]}, Document("assets.yaml", {}))


def test_the_endings_are_those_that_comfyui_takes() -> None:
    assert set(declared.ENDINGS) == models.ENDINGS


# --- what is there ------------------------------------------------------------------------------


def test_the_inventory_looks_in_every_folder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    (second / "dream.safetensors").write_bytes(b"12345")
    folders = [first, second]
    (there,) = inventory.of([model(size=5)], lambda kind: folders, lambda kind: first)
    assert there.state is State.THERE and there.path == second / "dream.safetensors"
    (other,) = inventory.of([model(size=6)], lambda kind: folders, lambda kind: first)
    assert other.state is State.OTHER and inventory.lacking([there, other]) == [other]
    (missing,) = inventory.of([model(file="b.safetensors")], lambda kind: folders, lambda kind: first)
    assert missing.state is State.MISSING and missing.path == first / "b.safetensors"
    (nowhere,) = inventory.of([model()], lambda kind: [], lambda kind: None)
    assert nowhere == (model(), State.MISSING, None, 0)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (228_000_000, "228 MB"), (6_938_040_682, "6.9 GB"),
     (12_345_678_901, "12.3 GB"), (2_100_000_000_000, "2.1 TB")],
)  # fmt: skip
def test_bytes_are_read_by_people(size: int, text: str) -> None:
    assert amount(size) == text
