"""An Inngest server outside of development signs what it asks; and its keys are seen nowhere."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from imagegen.errors import Unreachable, WrongInput  # noqa: E402
from imagegen.jobs import inngest_engine  # noqa: E402
from imagegen.jobs.retrying import WillPass  # noqa: E402
from tests.jobs_site import PictureSite  # noqa: E402
from tests.servers.inngest import InngestServer  # noqa: E402
from tests.servers.inngest_studio import InngestStudio  # noqa: E402

KEY, OTHER, EVENTS = "signkey-prod-" + "0a" * 32, "signkey-prod-" + "0b" * 32, "event-key-that-nobody-sees"
VARIABLES = ("INNGEST_DEV", "INNGEST_SIGNING_KEY", "INNGEST_SIGNING_KEY_FALLBACK", "INNGEST_EVENT_KEY")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[InngestServer]:
    with InngestServer(KEY, EVENTS, pace=0.1) as running:
        for name, value in zip(VARIABLES, (None, KEY, None, EVENTS), strict=True):
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("INNGEST_BASE_URL", running.url)
        yield running


@pytest.fixture
def studio(server: InngestServer, tmp_path: Path) -> Iterator[InngestStudio]:
    with InngestStudio(tmp_path) as running:
        yield running


def test_a_job_is_done_with_signatures_on_both_sides(server: InngestServer, studio: InngestStudio) -> None:
    answer = server.sync(studio.url)
    assert answer.headers["x-inngest-sync-kind"] == "in_band"
    assert answer.body["app_id"] == "imagegen" and answer.body["url"] == studio.url
    studio.builder.faults[f"script:{studio.sentences[0]}"] = [WillPass("trouble")]
    job = studio.generate()
    server.wait_for_runs()
    assert studio.engine.signed and studio.job(job).status == "completed"
    assert all(one.answer.status for one in server.exchanges)  # else an answer was not signed


def test_an_older_key_still_holds_while_it_is_changed(
    server: InngestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY", OTHER)
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", KEY)
    with InngestStudio(tmp_path) as studio:
        server.sync(studio.url)
        studio.generate()
        (run,) = server.wait_for_runs()
        assert run.status == "Completed"


def test_a_wrong_signature_is_refused(server: InngestServer, studio: InngestStudio) -> None:
    server.sync(studio.url)
    server.forge = OTHER
    studio.generate()
    run, _ = server.wait_for_runs(2)
    assert run.status == "Failed" and not run.steps and not studio.builder.began
    assert {one.answer.status for one in server.exchanges if one.method == "POST"} == {401}
    assert server.look(studio.url).status == 401 and server.sync(studio.url).status == 401


def test_what_is_not_signed_is_refused(server: InngestServer, studio: InngestStudio) -> None:
    """Also the wish to register, with which somebody could have the server call another address."""
    call = {"ctx": {}, "event": {"name": "image/generate", "data": {"task": "a:b"}}, "steps": {}, "use_api": False}
    query = "?fnId=imagegen-image-generate&stepId=step"
    answers = [
        requests.post(studio.url + query, json=call, timeout=10),
        requests.get(studio.url, timeout=10),
        requests.put(studio.url, timeout=10),
        requests.put(studio.url, headers={"Host": "elsewhere.example"}, timeout=10),
        requests.put(studio.url, json={"url": "x"}, headers={"x-inngest-sync-kind": "in_band"}, timeout=10),
    ]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert not server.functions and not studio.builder.began


def test_the_keys_are_seen_nowhere(
    server: InngestServer, studio: InngestStudio, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the log with everything in it, not in an error whose text has one, not in what the server keeps."""
    caplog.set_level(logging.DEBUG)
    server.sync(studio.url)
    studio.builder.faults[f"script:{studio.sentences[0]}"] = [ValueError("a fault of ours")] * 3
    studio.generate(0)
    studio.generate(1)
    server.wait_for_runs(3)
    server.forge = OTHER
    studio.generate(2)
    server.wait_for_runs(5)
    server.forge, server.refusal = None, 401  # its answer names the address, which has the key in it
    with pytest.raises(Unreachable) as refused:
        studio.generate(0, "again")
    error = "".join(traceback.format_exception(refused.value)) + refused.value.hint
    assert "refused: /e/…" in error
    written = capfd.readouterr()
    seen = (error, caplog.text, written.out, written.err, repr(server.exchanges), repr(server.runs))
    for text in (*seen, repr(studio.site.heard), studio.job("again").error):
        for key in (KEY, OTHER, EVENTS, "0a" * 32):
            assert key not in text


@pytest.mark.parametrize("dev", [None, "0", "false", ""])
@pytest.mark.parametrize("missing", ["INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY"])
def test_without_a_key_it_does_not_begin(
    server: InngestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, dev: str | None
) -> None:
    monkeypatch.delenv(missing)
    if dev is not None:
        monkeypatch.setenv("INNGEST_DEV", dev)
    with pytest.raises(WrongInput) as wrong:
        inngest_engine.InngestEngine(PictureSite(tmp_path))
    assert missing in wrong.value.message and "INNGEST_DEV=1" in str(wrong.value)


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inngest", None)
    monkeypatch.delitem(sys.modules, inngest_engine.__name__)
    with pytest.raises(WrongInput) as wrong:
        importlib.import_module(inngest_engine.__name__)
    assert "inngest" in wrong.value.message and "pip install 'imagegen[inngest]'" in str(wrong.value)
