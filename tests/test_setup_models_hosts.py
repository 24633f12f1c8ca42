"""`setup models` with hosts of other names, over TLS: which token goes where, and gated models.

The hosts stand on loopback: certificates are made here, and a proxy leads to them by name, so that nothing in the
program has to be changed for it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.conftest import Project
from tests.model_stories import Story, content, sha256, told
from tests.servers.files import Asked, FileServer, Tunnel

SECRET = "hf_thisIsTheSecret"


class Hosts:
    """A story with hosts by name, each with a server of its own."""

    def __init__(self, story: Story, servers: dict[str, FileServer], tunnel: Tunnel) -> None:
        self.story, self.servers, self.tunnel = story, servers, tunnel

    def at(self, host: str) -> FileServer:
        return self.servers[host]

    def asked(self, host: str) -> list[Asked]:
        return self.servers[host].asked


NAMES = ("huggingface.co", "civitai.com", "cdn.example.com", "cdn.huggingface.co")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def hosts(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    authority: trustme.CA,
) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("state")
    servers = {}
    for name in NAMES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        servers[name] = FileServer(context)
    with told(project, capsys, monkeypatch, folder) as story, Tunnel({n: s.port for n, s in servers.items()}) as tunnel:
        bundle = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(bundle))
        for name in ("NO_PROXY", "no_proxy", "https_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        yield Hosts(story, servers, tunnel)
    for server in servers.values():
        server.__exit__(None, None, None)


PATH = "/owner/name/resolve/main/dream.safetensors"
DATA = content(100_000)


def gated(hosts: Hosts, **more: object) -> Path:
    """A model on huggingface.co that wants a token, and lies with a host of another name, as theirs do."""
    hosts.at("huggingface.co").offer(PATH, needs=SECRET, location="https://cdn.example.com/blob?Signature=key")
    hosts.at("cdn.example.com").offer("/blob", DATA, etag='"one"')
    return hosts.story.wants(
        "dream.safetensors", f"https://huggingface.co{PATH}", sha256=sha256(DATA), size=len(DATA), **more
    )


def test_a_token_goes_to_its_host_and_not_along_to_another(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gated(hosts, gated=True)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("CIVITAI_TOKEN", "civitai_secret")
    outcome = hosts.story.run().exits(0).says("verified").says_not(SECRET, "civitai_secret", "Signature")
    assert path.read_bytes() == DATA and outcome.err == ""
    assert [one.token for one in hosts.asked("huggingface.co")] == [f"Bearer {SECRET}"]
    assert [one.token for one in hosts.asked("cdn.example.com")] == [None]
    assert hosts.tunnel.asked == ["huggingface.co", "cdn.example.com"]


def test_once_another_host_was_named_no_token_is_sent_any_more(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to a host of the same owner, or back to the first."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    hosts.at("huggingface.co").offer("/a/b/resolve/x.sft", location="https://cdn.huggingface.co/x")
    hosts.at("cdn.huggingface.co").offer("/x", location="https://huggingface.co/y")
    hosts.at("huggingface.co").offer("/y", DATA)
    path = hosts.story.wants("x.sft", "https://huggingface.co/a/b/resolve/x.sft", sha256=sha256(DATA))
    hosts.story.run().exits(0)
    assert path.read_bytes() == DATA
    assert [one.token for one in hosts.asked("huggingface.co")] == [f"Bearer {SECRET}", None]
    assert [one.token for one in hosts.asked("cdn.huggingface.co")] == [None]


def test_a_manifest_s_host_can_t_draw_a_token_by_a_redirect(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    hosts.at("cdn.example.com").offer("/x", location="https://huggingface.co/y")
    hosts.at("huggingface.co").offer("/y", location="/z")
    hosts.at("huggingface.co").offer("/z", DATA)
    hosts.story.wants("x.sft", "https://cdn.example.com/x", sha256=sha256(DATA))
    hosts.story.run().exits(0)
    assert [one.token for one in hosts.asked("huggingface.co")] == [None, None]


def test_a_redirect_within_the_host_keeps_the_token(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_TOKEN", SECRET)
    hosts.at("civitai.com").offer("/api/download/models/1", location="/b2/1")
    hosts.at("civitai.com").offer("/b2/1", DATA, needs=SECRET)
    path = hosts.story.wants("x.sft", "https://civitai.com/api/download/models/1", sha256=sha256(DATA))
    hosts.story.run().exits(0)
    assert path.read_bytes() == DATA


def test_what_netrc_holds_is_not_sent(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hosts.at("cdn.example.com").offer("/x", DATA)
    hosts.story.wants("x.sft", "https://cdn.example.com/x", sha256=sha256(DATA))
    hosts.story.run().exits(0)
    assert [one.token for one in hosts.asked("cdn.example.com")] == [None]


def test_a_part_is_gone_on_with_through_redirects(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gated(hosts)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    hosts.at("cdn.example.com").offers["/blob"].cuts = [70_000]
    hosts.story.run().exits(0)
    assert path.read_bytes() == DATA
    first, second = (one.headers["Range"] for one in hosts.asked("cdn.example.com"))
    assert first is None and second in ("bytes=65536-", "bytes=70000-")  # a block that was cut may be lost


def test_a_gated_model_without_its_token_is_left_out_with_the_page_and_the_others_go_on(hosts: Hosts) -> None:
    path = gated(hosts, gated=True)
    other, data = hosts.story.offered("other.safetensors")
    for yes in (False, True):
        outcome = hosts.story.run(yes=yes).exits(1).says("gated    checkpoints/dream.safetensors  100 kB")
        outcome.says("is gated, and HF_TOKEN is not set", "accept its licence on https://huggingface.co/owner/name,")
        outcome.says("1 to download: 300 kB")
    assert not path.exists() and other.read_bytes() == data and hosts.asked("huggingface.co") == []
    hosts.story.run().exits(1).says("gated", "1 of 2 still to be mended").says_not("to download")


def test_a_401_says_the_same_and_the_others_go_on(hosts: Hosts) -> None:
    """The manifest does not say that it is gated."""
    gated(hosts)
    other, data = hosts.story.offered("other.safetensors")
    outcome = hosts.story.run().exits(1).says("its server wants to know who asks (401)")
    outcome.says("accept its licence on https://huggingface.co/owner/name, make a token on https://hugging", "HF_TOKEN")
    assert other.read_bytes() == data and len(hosts.asked("huggingface.co")) == 1


def test_a_403_says_what_the_token_lacks_and_not_the_token(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    gated(hosts, gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    outcome = hosts.story.run().exits(1).says("its server refuses the token in HF_TOKEN (403)")
    outcome.says("accept the licence on https://huggingface.co/owner/name with the token's account")
    outcome.says_not("hf_another", SECRET)


def test_a_page_to_log_in_says_how_to_get_in(hosts: Hosts) -> None:
    """Civitai leads there where no token came."""
    hosts.at("civitai.com").offer("/api/download/models/1", location="/login?returnUrl=x")
    hosts.at("civitai.com").offer("/login", fixed=(200, b"<!doctype html>"), kind="text/html")
    hosts.story.wants("x.sft", "https://civitai.com/api/download/models/1")
    outcome = hosts.story.run().exits(1).says("a web page came instead of a model")
    outcome.says("https://civitai.com/model-versions/1", "CIVITAI_TOKEN")


@pytest.mark.parametrize("location", ["http://cdn.example.com/x", "http://127.0.0.1:9/x?Signature=key", "https://a@b/"])
def test_a_redirect_that_may_not_be_followed_is_told(hosts: Hosts, location: str) -> None:
    hosts.at("cdn.example.com").offer("/x", location=location)
    hosts.story.wants("x.sft", "https://cdn.example.com/x")
    hosts.story.run().exits(1).says("its server redirects to an address that").says_not("Signature")
    assert len(hosts.asked("cdn.example.com")) == 1 and hosts.story.files.asked == []


def test_redirects_without_end_are_told(hosts: Hosts) -> None:
    hosts.at("cdn.example.com").offer("/x", location="/x")
    hosts.story.wants("x.sft", "https://cdn.example.com/x")
    hosts.story.run().exits(1).says("redirects more than 10 times")


def test_a_certificate_that_can_t_be_trusted_is_told(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("HF_TOKEN", SECRET)
    gated(hosts)
    hosts.story.run().exits(1).says("its certificate can't be trusted").says_not("Signature")
    assert hosts.asked("huggingface.co") == []


def test_a_proxy_that_gives_no_connection_is_told_without_its_password(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", hosts.tunnel.url.replace("http://", "http://me:hidden@"))
    hosts.story.wants("x.sft", "https://nowhere.example.com/x")
    hosts.story.run().exits(1).says("the proxy gives no connection").says_not("hidden")
