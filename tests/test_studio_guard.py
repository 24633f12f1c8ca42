"""No other web page, no program of another origin, no odd path gets into the studio."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from imagegen.studio import fence, refusal, token
from imagegen.studio.fence import Asked, Fence, Pass, Preflight, Refusal, Welcome
from imagegen.studio.guard import Guard
from tests.awaiting import awaited
from tests.conftest import Project
from tests.studios import Studio, state_home

TOKEN = "t" * 43
OURS = Fence(8300, TOKEN, clock=lambda: 1000.0)
HOST = "127.0.0.1:8300"
ORIGIN = f"http://{HOST}"
COOKIE = f"imagegen_8300={TOKEN}"
BEARER = f"Bearer {TOKEN}"


def asked(method: str = "GET", path: str = "/api/project", websocket: bool = False, **headers: Any) -> Asked:
    """A request; a header is named in letters with ``_``, None leaves it out, and a list gives it more than once."""
    sent = {"host": HOST, **headers}
    pairs = [
        (name.replace("_", "-").encode(), one.encode("latin-1"))
        for name, value in sent.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    line, _, query = path.partition("?")
    return Asked(method, line.encode(), query.encode(), pairs, websocket)


def status(ruling: Any) -> int:
    return ruling.status if isinstance(ruling, Refusal) else 200


# --- decided by the first lines alone ---------------------------------------------------------------


def test_the_page_itself_may_ask_and_change() -> None:
    same = {"cookie": COOKIE, "sec_fetch_site": "same-origin"}
    assert OURS.rule(asked(**same)) == Pass()
    assert OURS.rule(asked("POST", origin=ORIGIN, **same)) == Pass()
    assert OURS.rule(asked(path="/api/live", websocket=True, origin=ORIGIN, **same)) == Pass()


def test_a_program_with_the_token_may() -> None:
    assert OURS.rule(asked(authorization=BEARER)) == Pass()
    assert OURS.rule(asked("DELETE", authorization=BEARER.replace("Bearer", "bearer"))) == Pass()
    assert OURS.rule(asked(websocket=True, authorization=BEARER)) == Pass()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("websocket", [False, True])
def test_nothing_goes_without_the_token(method: str, websocket: bool) -> None:
    for headers in (
        {},
        {"origin": ORIGIN},
        {"cookie": "imagegen_8300="},
        {"cookie": f"imagegen_8300={TOKEN[:-1]}"},
        {"cookie": f"imagegen_8301={TOKEN}"},
        {"cookie": f"other={TOKEN}"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": [BEARER, "Bearer x"]},
        {"authorization": "Bearer \xff\xfe"},
        {"cookie": "imagegen_8300=\xff"},
    ):
        assert status(OURS.rule(asked(method, websocket=websocket, **headers))) == 401, headers


def test_one_good_cookie_among_others_is_enough() -> None:
    for cookies in (f"a=b; {COOKIE}; c=d", ["a=b", COOKIE], f"imagegen_8300=old; {COOKIE}", f'imagegen_8300="{TOKEN}"'):
        assert OURS.rule(asked(cookie=cookies)) == Pass(), cookies


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8300",  # DNS rebinding: its owner points it at 127.0.0.1
        "127.0.0.1.evil.example:8300",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8301",
        "localhost:83000",
        "localhost.:8300",
        "127.0.0.1:8300@evil.example",
        "evil.example@127.0.0.1:8300",
        "127.0.0.1:8300, evil.example",
        "0.0.0.0:8300",
        "[::]:8300",
        "192.168.0.7:8300",
        "2130706433:8300",
        "127.1:8300",
        "",
        ":8300",
        "[::1]",
        "::1:8300",
        "[127.0.0.1]:8300x",
    ],
)
def test_another_host_is_refused_whatever_else_is_right(host: str) -> None:
    for websocket in (False, True):
        ruling = OURS.rule(asked(host=host, cookie=COOKIE, authorization=BEARER, websocket=websocket))
        assert status(ruling) in (400, 403), host


@pytest.mark.parametrize("host", [HOST, "localhost:8300", "LocalHost:8300", "[::1]:8300"])
def test_each_name_of_this_machine_is_ours(host: str) -> None:
    assert OURS.rule(asked(host=host, cookie=COOKIE)) == Pass()
    assert OURS.rule(asked("POST", host=host, cookie=COOKIE, origin=f"http://{host.lower()}")) == Pass()


def test_two_hosts_or_none_are_refused() -> None:
    for hosts in ([HOST, HOST], [HOST, "evil.example"], ["evil.example", HOST], None):
        assert status(OURS.rule(asked(host=hosts, authorization=BEARER))) == 400


def test_port_80_needs_not_be_written() -> None:
    assert Fence(80, TOKEN).rule(asked(host="127.0.0.1", authorization=BEARER)) == Pass()
    assert Fence(80, TOKEN).rule(asked(host="[::1]", authorization=BEARER)) == Pass()


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:9000",  # another program here: the same site, so that the cookie comes along
        "http://127.0.0.1",
        "http://localhost:8300",  # the same program under another name is another origin
        "https://127.0.0.1:8300",
        "null",
        "",
        "file://",
        f"{ORIGIN}.evil.example",
        f"{ORIGIN}/",
        [ORIGIN, ORIGIN],
        [ORIGIN, "http://evil.example"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("websocket", [False, True])
def test_another_origin_is_refused_even_with_cookie_and_token(origin: Any, method: str, websocket: bool) -> None:
    ruling = OURS.rule(asked(method, origin=origin, cookie=COOKIE, authorization=BEARER, websocket=websocket))
    assert status(ruling) == 403


def test_a_form_of_another_page_changes_nothing() -> None:
    """With an Origin it is told from it; an old browser that sends none has to send none of a change either."""
    form = {"cookie": COOKIE, "content_type": "application/x-www-form-urlencoded"}
    assert status(OURS.rule(asked("POST", origin="http://evil.example", **form))) == 403
    assert status(OURS.rule(asked("POST", origin="null", **form))) == 403
    assert status(OURS.rule(asked("POST", **form))) == 403
    assert status(OURS.rule(asked("POST", content_type="text/plain", cookie=COOKIE, sec_fetch_site="none"))) == 403


def test_a_web_socket_of_another_page_is_refused() -> None:
    for origin in ("http://evil.example", "http://127.0.0.1:9000", "null", None):
        assert status(OURS.rule(asked(websocket=True, origin=origin, cookie=COOKIE))) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new", "", ["same-origin", "cross-site"]])
def test_pictures_and_scripts_that_another_page_embeds_are_refused(site: Any) -> None:
    """They come without an Origin, and from another port with the cookie."""
    assert status(OURS.rule(asked(path="/pictures/a:b", cookie=COOKIE, sec_fetch_site=site))) == 403
    assert status(OURS.rule(asked(path="/", cookie=COOKIE, sec_fetch_site=site, sec_fetch_mode="navigate"))) == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/%2E./secret",
        "/static/..%2f..%2fetc/passwd",
        "/static/%252e%252e/secret",
        "/static/%252fetc",
        "/static/..%5c..%5csecret",
        "/static/..\\..\\secret",
        "/static//etc/passwd",
        "//etc/passwd",
        "//evil.example/",
        "/static/./app.js",
        "/static/app.js%00.png",
        "/static/%0d%0aSet-Cookie:x",
        "/static/\x7f",
        "/static/%ff",
        "/static/%c0%ae%c0%ae/secret",
        "http://127.0.0.1:8300/api/project",
        "*",
        "",
        "static/app.js",
        "/pictures/a:b/..",
        "/pictures/%2e%2e",
        "/pictures/a%2fb",
        "/pictures/C:\\secret",
        "/pictures/a:b%23",
    ],
)
def test_no_path_has_two_readings(path: str) -> None:
    expected = 200 if path.endswith("%23") else 400
    assert status(OURS.rule(asked(path=path, authorization=BEARER))) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/static/app.js",
        "/pictures/kins:a..b",
        "/pictures/k%C3%B6nig:%E2%98%83",
        "/pictures/50%25:a",
        "/pictures/a%3Ab",
    ],
)
def test_what_a_task_may_be_called_is_a_path(path: str) -> None:
    assert OURS.rule(asked(path=path, authorization=BEARER)) == Pass()


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_path_that_is_taken_leads_nowhere_else(first: str, second: str) -> None:
    from urllib.parse import quote

    sent = f"/{quote(first)}/{quote(second, safe='/%.')}".encode()
    path = fence.plain_path(sent)
    if path is not None:
        parts = path.split("/")
        assert parts[0] == "" and not {"..", "."} & set(parts) and "" not in parts[1:-1]
        assert "\\" not in path and "\0" not in path


def test_the_link_opens_the_studio() -> None:
    link = f"/?token={TOKEN}"
    assert OURS.rule(asked(path=link)) == Welcome()
    assert OURS.rule(asked(path=link, sec_fetch_site="none")) == Welcome()
    followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert OURS.rule(asked(path=link, **followed)) == Welcome(through_other=True)
    assert status(OURS.rule(asked(path=link, **{**followed, "sec_fetch_dest": "iframe"}))) == 403
    assert status(OURS.rule(asked(path=link, sec_fetch_site="cross-site", sec_fetch_mode="no-cors"))) == 403
    assert status(OURS.rule(asked(path=link, host="evil.example:8300"))) == 403
    for wrong in (f"/?token={TOKEN}x", "/?token=", f"/?token={TOKEN}&token=x", "/", f"/?other={TOKEN}", "/?token=%ff"):
        assert status(OURS.rule(asked(path=wrong))) == 401, wrong
    for elsewhere in (f"/api/project?token={TOKEN}", f"/api/live?token={TOKEN}"):
        assert status(OURS.rule(asked(path=elsewhere))) == 401
    assert status(OURS.rule(asked("POST", path=link, origin=ORIGIN))) == 401
    assert status(OURS.rule(asked(path=link, websocket=True, origin=ORIGIN))) == 401


def test_a_browser_is_started_with_a_pass_that_soon_means_nothing() -> None:
    assert OURS.rule(asked(path=f"/?token={token.a_pass(TOKEN, 990.0)}")) == Welcome()
    for bad in (
        token.a_pass(TOKEN, 900.0),  # too old
        token.a_pass(TOKEN, 5000.0),  # from a clock that is ahead
        token.a_pass("another", 990.0),
        token.a_pass(TOKEN, 990.0) + "0",
        "9" + token.a_pass(TOKEN, 990.0),
        "1050.",
        ".",
        "x.y",
    ):
        assert status(OURS.rule(asked(path=f"/?token={bad}"))) == 401, bad
    passing = token.a_pass(TOKEN, 990.0)
    assert status(OURS.rule(asked(authorization=f"Bearer {passing}"))) == 401
    assert status(OURS.rule(asked(cookie=f"imagegen_8300={passing}"))) == 401


# --- other front ends --------------------------------------------------------------------------------

FRONT = "http://localhost:5173"
WITH_FRONT = Fence(8300, TOKEN, origins=frozenset({FRONT}))


def test_another_front_end_listens_where_it_is_allowed_and_has_the_token() -> None:
    from_there = {"origin": FRONT, "sec_fetch_site": "same-site"}
    assert WITH_FRONT.rule(asked("POST", authorization=BEARER, **from_there)) == Pass(FRONT)
    listens = asked(websocket=True, sec_websocket_protocol=f"imagegen, bearer.{TOKEN}", **from_there)
    assert WITH_FRONT.rule(listens) == Pass(FRONT)
    assert status(OURS.rule(listens)) == 403
    assert status(WITH_FRONT.rule(asked("POST", **from_there))) == 401
    for protocols in ("imagegen", f"bearer.{TOKEN}", "imagegen, bearer.x", f"imagegen, bearer.{TOKEN}, bearer.x"):
        wrong = asked(websocket=True, sec_websocket_protocol=protocols, **from_there)
        assert status(WITH_FRONT.rule(wrong)) == 401, protocols


def test_its_browser_asks_before() -> None:
    before = asked("OPTIONS", origin=FRONT, access_control_request_method="PATCH", sec_fetch_site="same-site")
    assert WITH_FRONT.rule(before) == Preflight(FRONT)
    assert status(OURS.rule(before)) == 403


def test_where_jobs_come_in_browsers_have_no_business() -> None:
    open_there = Fence(8300, TOKEN, open_paths=frozenset({"/api/inngest"}))
    assert open_there.rule(asked("POST", path="/api/inngest")) == Pass()
    assert open_there.rule(asked("PUT", path="/api/inngest")) == Pass()
    assert status(OURS.rule(asked("PUT", path="/api/inngest"))) == 401
    for headers in (
        {"origin": ORIGIN},
        {"origin": "null"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_mode": "cors"},
    ):
        assert status(open_there.rule(asked("POST", path="/api/inngest", cookie=COOKIE, **headers))) == 403
    assert status(open_there.rule(asked("PUT", path="/api/inngest", host="evil.example:8300"))) == 403
    assert status(open_there.rule(asked("PUT", path="/api/inngest/x"))) == 401
    assert status(open_there.rule(asked(path="/api/inngest", websocket=True))) == 401


def test_listened_at_everywhere_numbers_are_believed_and_names_are_not() -> None:
    wide = Fence(8300, TOKEN, host="0.0.0.0", names=frozenset({"desk", "desk.local"}))
    for host in ("192.168.0.7:8300", "[fe80::1]:8300", "desk:8300", "desk.local:8300", HOST):
        assert wide.rule(asked(host=host, authorization=BEARER)) == Pass(), host
    for host in ("evil.example:8300", "0.0.0.0:8300", "desk.evil.example:8300", "192.168.0.7"):
        assert status(wide.rule(asked(host=host, authorization=BEARER))) == 403, host
    one = Fence(8300, TOKEN, host="192.168.0.7")
    assert one.rule(asked(host="192.168.0.7:8300", authorization=BEARER)) == Pass()
    assert status(one.rule(asked(host="192.168.0.8:8300", authorization=BEARER))) == 403


@given(st.binary(max_size=40), st.lists(st.tuples(st.sampled_from([b"host", b"origin", b"cookie", b"authorization",
       b"sec-fetch-site", b"sec-websocket-protocol"]), st.binary(max_size=60)), max_size=6), st.booleans())  # fmt: skip
def test_nothing_that_is_sent_at_random_gets_in_or_breaks_it(path: bytes, headers: Any, websocket: bool) -> None:
    assert isinstance(OURS.rule(Asked("GET", path, b"token=" + path, headers, websocket)), Refusal)


def test_behind_a_proxy_that_encrypts() -> None:
    outside = "https://studio.example.org"
    behind = Fence(8300, TOKEN, origins=frozenset({outside}))
    same = {"cookie": COOKIE, "sec_fetch_site": "same-origin"}
    assert behind.rule(asked(**same)) == Pass()
    assert behind.rule(asked("POST", origin=outside, **same)) == Pass(outside)
    assert behind.rule(asked(websocket=True, origin=outside, **same)) == Pass(outside)
    assert status(behind.rule(asked("POST", origin="https://evil.example.org", **same))) == 403


HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


# --- a bug inside ------------------------------------------------------------------------------------


def answered(app: Any, guard: Guard | None = None, method: str = "GET") -> httpx.Response:
    """What comes out of a guard around ``app``."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(guard or Guard(app, OURS), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.request(method, "/x", headers={"Authorization": BEARER})

    return awaited(ask())


def test_a_bug_keeps_its_traceback_and_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("of ours")

    answer = answered(broken)
    assert answer.status_code == 500 and "fault of imagegen" in answer.json()["error"]
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "ZeroDivisionError: of ours" in capsys.readouterr().err

    made = FastAPI()
    refusal.install(made)

    @made.get("/x")
    def route() -> None:
        raise ZeroDivisionError("in a route")

    answer = answered(made)
    assert answer.status_code == 500 and "fault of imagegen" in answer.json()["error"]
    assert "ZeroDivisionError: in a route" in capsys.readouterr().err


def test_while_it_ends_nothing_is_changed_any_more() -> None:
    async def fine(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    guard = Guard(fine, OURS)
    assert answered(fine, guard, "POST").status_code == 200
    guard.leaving = True
    assert answered(fine, guard, "POST").status_code == 503
    assert answered(fine, guard).status_code == 200


def test_what_the_app_says_of_a_picture_stands_and_what_it_says_of_safety_does_not() -> None:
    async def picture(scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"Content-Security-Policy", b"default-src 'none'; sandbox"), (b"Cache-Control", b"private"),
            (b"X-Content-Type-Options", b"perhaps"), (b"Cross-Origin-Resource-Policy", b"cross-origin"),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"fine"})

    found = answered(picture).headers
    assert found.get_list("content-security-policy") == ["default-src 'none'; sandbox"]
    assert found.get_list("cache-control") == ["private"]
    assert found.get_list("x-content-type-options") == ["nosniff"]
    assert found.get_list("cross-origin-resource-policy") == ["same-origin"]


# --- around a real studio ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    project = Project(tmp_path_factory.mktemp("guarded"))
    state_home(project)
    project.manifest("defaults: {backend: placeholder, prompt: a secret prompt, size: 16x16}\nitems: [a]\n")
    with Studio(project) as running:
        yield running
    assert "Traceback" not in running.outcome.err


def raw(studio: Studio, sent: bytes, end: bool = False) -> bytes:
    """What the studio answers to these bytes."""
    with socket.create_connection(("127.0.0.1", studio.port), timeout=20) as connection:
        answer = b""
        connection.sendall(sent)
        if end:
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # it listened no longer to what we still sent
            while part := connection.recv(65536):
                answer += part
    return answer


def lines(studio: Studio, first: str, *headers: str, host: str = "") -> bytes:
    own = (f"Host: {host or f'127.0.0.1:{studio.port}'}", f"Authorization: Bearer {studio.token}", "Connection: close")
    return "\r\n".join([first, *own, *headers, "", ""]).encode("latin-1")


def test_every_answer_has_the_headers(studio: Studio) -> None:
    answers = []
    with studio.client() as client, studio.stranger() as stranger:
        for path in ("/", "/static/app.js", "/static/none.js", "/api/project", "/api/none", "/pictures/none:none"):
            answers.append(client.get(path))
        answers.append(client.post("/api/project", json={}))
        answers.append(client.post("/api/builds", content=b"x" * 1_100_000))
        answers.append(client.get("/api/items?limit=wrong"))
        answers += [stranger.get("/"), stranger.get("/api/project"), stranger.get(f"/?token={studio.token}")]
        answers.append(stranger.get("/", headers={"Host": "evil.example"}))
    assert sorted({answer.status_code for answer in answers}) == [200, 303, 401, 403, 404, 405, 413, 422]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.request.url
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers.get_list("content-security-policy") == [policy]
        assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers


def test_who_has_no_token_learns_nothing(studio: Studio) -> None:
    with studio.stranger() as stranger:
        for path in (
            "/",
            "/static/app.js",
            "/api/project",
            "/api/items",
            "/pictures/images:a",
            "/docs",
            "/openapi.json",
        ):
            answer = stranger.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 401
            assert "imagegen studio" in answer.text and "secret" not in answer.text
            assert studio.token not in answer.text and studio.project.root.name not in answer.text
        assert stranger.get("/api/items").json() == {"error": fence.NO_TOKEN.message, "hint": fence.NO_TOKEN.hint}


def test_the_link_sets_a_cookie_that_is_enough(studio: Studio) -> None:
    with studio.stranger() as browser:
        answer = browser.get(studio.link, headers={"Sec-Fetch-Site": "none"})
        assert answer.status_code == 303 and answer.headers["location"] == "/" and answer.text == ""
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"imagegen_{studio.port}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert browser.get("/").status_code == 200
        assert "secret" in browser.get("/api/items/images:a").text
        changes = {"Origin": studio.url, "Sec-Fetch-Site": "same-origin"}
        assert browser.post("/api/builds/cancel", json={"all": True}, headers=changes).status_code == 200
        assert browser.post("/api/builds/cancel", json={"all": True}).status_code == 403


def test_a_link_on_another_page_leads_on_from_a_page_of_ours(studio: Studio) -> None:
    """A browser does not send the cookie along with a redirect that began elsewhere."""
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with studio.stranger() as browser:
        answer = browser.get(studio.link, headers=followed)
        assert answer.status_code == 200 and "set-cookie" in answer.headers
        assert 'content="0; url=/"' in answer.text and studio.token not in answer.text
        came = browser.get("/", headers={**followed, "Accept": "text/html"})
        assert came.status_code == 403 and '<a href="/">' in came.text


def test_two_hosts_are_refused_on_the_wire(studio: Studio) -> None:
    for second in ("evil.example", f"127.0.0.1:{studio.port}"):
        answer = raw(studio, lines(studio, "GET /api/project HTTP/1.1", f"Host: {second}"))
        assert answer.startswith(b"HTTP/1.1 400")
    assert raw(studio, lines(studio, "GET /api/project HTTP/1.1", host="evil.example")).startswith(b"HTTP/1.1 403")
    assert raw(studio, b"GET /api/project HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(studio, b"GET /api/project HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(studio, lines(studio, "GET /api/project HTTP/1.1")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/static/%2e%2e/%2e%2e/pyproject.toml", "/static/..%5c..%5capp.py", "//etc/passwd",
     "/static/%252e%252e/app.py", "/static/..\\app.py", "/pictures/%00", "http://evil.example/../x",
     "/pictures/..%2f..%2fassets.yaml"],
)  # fmt: skip
def test_odd_paths_are_refused_on_the_wire(studio: Studio, path: str) -> None:
    answer = raw(studio, lines(studio, f"GET {path} HTTP/1.1"))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404"))
    assert b"backend" not in answer and b"root:" not in answer


def test_a_body_is_counted_as_it_comes(studio: Studio) -> None:
    post = "POST /api/builds/cancel HTTP/1.1"
    announced = raw(studio, lines(studio, post, "Content-Length: 5000000"))
    assert announced.startswith(b"HTTP/1.1 413") and b'"at most 1 MB"' in announced
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    endless = lines(studio, post, "Transfer-Encoding: chunked") + chunk * 20
    assert raw(studio, endless).startswith(b"HTTP/1.1 413")
    for lie in ("-1", "0x10", "1e9", "99999999999999999999", "5, 5000000"):
        assert raw(studio, lines(studio, post, f"Content-Length: {lie}")).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    both = lines(studio, post, "Content-Length: 2", "Transfer-Encoding: chunked") + chunk * 20
    assert raw(studio, both).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    raw(studio, lines(studio, post, "Content-Length: 1000") + b"{}", end=True)  # went away in the middle of it
    with studio.client() as client:
        assert client.post("/api/builds/cancel", json={"all": True}).json() == {"cancelled": 0}
        assert client.post("/api/builds/cancel", content=b"x" * 1_000_001).status_code == 413
        assert client.post("/api/builds/cancel", content=(b"x" * 70_000 for _ in range(16))).status_code == 413


def test_a_body_that_is_no_json_is_an_answer_and_no_bug(studio: Studio) -> None:
    with studio.client() as client:
        for body in (b"", b"{", b"\xff\xfe", b"null", b"[]", b'"' + b"a" * 1000 + b'"', b"[" * 100_000):
            answer = client.post("/api/builds", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422), body[:20]
            assert answer.json()["error"]


def test_web_sockets_are_refused_before_they_are_open(studio: Studio) -> None:
    address = f"ws://127.0.0.1:{studio.port}/api/live"
    bearer, cookie = f"Bearer {studio.token}", f"imagegen_{studio.port}={studio.token}"
    for headers, origin in (
        ({}, None),
        ({}, studio.url),
        ({"Cookie": cookie}, None),
        ({"Cookie": cookie}, "http://evil.example"),
        ({"Cookie": cookie}, "http://127.0.0.1:9000"),
        ({"Cookie": cookie}, "null"),
        ({"Authorization": bearer}, "http://evil.example"),
        ({"Authorization": bearer, "Host": "evil.example"}, None),
        ({"Authorization": bearer, "Host": f"127.0.0.1:{studio.port}"}, None),  # a second one
    ):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(
                address,
                additional_headers=headers,
                origin=origin,
                proxy=None,  # type: ignore[arg-type]
            ),
        ):
            pass
        assert refused.value.response.status_code in (400, 403), (headers, origin)
    for headers, origin in (({"Cookie": cookie}, studio.url), ({"Authorization": bearer}, None)):
        with connect(address, additional_headers=headers, origin=origin, proxy=None) as open_one:  # type: ignore[arg-type]
            assert '"hello"' in open_one.recv(timeout=20)


def test_a_front_end_that_is_allowed_listens_and_asks(tmp_path_factory: pytest.TempPathFactory) -> None:
    project = Project(tmp_path_factory.mktemp("allowing"))
    state_home(project)
    project.manifest("defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [a]\n")
    with Studio(project, "--allow-origin", f"{FRONT}/") as studio:
        protocols = ["imagegen", f"bearer.{studio.token}"]
        address = f"ws://127.0.0.1:{studio.port}/api/live"
        with connect(address, origin=FRONT, subprotocols=protocols, proxy=None) as listening:  # type: ignore[arg-type]
            assert listening.subprotocol == "imagegen"
            assert '"hello"' in listening.recv(timeout=20)
        with studio.stranger() as browser:
            before = browser.options("/api/builds", headers={"Origin": FRONT, "Access-Control-Request-Method": "POST"})
            assert before.status_code == 204
            assert before.headers["access-control-allow-origin"] == FRONT
            assert "authorization" in before.headers["access-control-allow-headers"]
        with studio.client(headers={"Origin": FRONT, "Sec-Fetch-Site": "same-site"}) as front:
            answer = front.get("/api/project")
            assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == FRONT
            assert answer.headers["vary"] == "Origin"
        with studio.client(headers={"Origin": "http://localhost:5174"}) as other:
            assert other.get("/api/project").status_code == 403
