"""A PostgreSQL of the system's own, in a temporary folder, for the tests that want one.

``from tests.postgres import postgres`` brings the fixture. Where no PostgreSQL is installed such a test is skipped,
but not where ``CI`` is set: there it fails, so that nobody takes it for tested.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "Ein:geheimes/Wort%20"
"""Of the user ``painter``; with letters that a URL needs to write otherwise."""

WRITTEN_PASSWORD = "Ein%3Ageheimes%2FWort%2520"
_FAMILIAR = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)


class Postgres:
    """A running server with an empty database of the test's own."""

    def __init__(self, port: int, database: str) -> None:
        self.port, self.database = port, database

    @property
    def address(self) -> str:
        """As a manifest has it, with user and password."""
        return self.url(WRITTEN_PASSWORD)

    def url(self, password: str, database: str = "") -> str:
        return f"postgresql://painter:{password}@127.0.0.1:{self.port}/{database or self.database}"

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Another program's SQL, and what it gives."""
        return _execute(self.port, self.database, statement)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server with a new, empty database."""
    server = _server()
    if isinstance(server, str):
        if os.environ.get("CI"):
            pytest.fail(server)
        pytest.skip(server)
    database = f"board_{secrets.token_hex(4)}"
    _execute(server, "postgres", f"CREATE DATABASE {database}")
    yield Postgres(server, database)
    _execute(server, "postgres", f"DROP DATABASE {database} WITH (FORCE)")


def _execute(port: int, database: str, statement: str) -> list[tuple[object, ...]]:
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=port, dbname=database, user="painter", password=PASSWORD, autocommit=True
    ) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


@functools.cache
def _server() -> int | str:
    """The port of the one server of this test run, or why there is none."""
    programs = next((path for path in _FAMILIAR if (path / "postgres").exists()), None)
    if programs is None and (found := shutil.which("postgres")):
        programs = Path(found).parent
    if programs is None:
        return "no PostgreSQL is installed here (Debian: apt install postgresql)"
    # Not pytest's folder: the server's user, who is not root, could not reach it.
    folder = Path(tempfile.mkdtemp(prefix="storyboard-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user: dict[str, object] = {}
    if getattr(os, "geteuid", lambda: 1)() == 0:  # PostgreSQL refuses to run as root
        import pwd

        name = "postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody"
        shutil.chown(folder, name)
        user = {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n", "utf-8")
    secret.chmod(0o644)
    made = subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "painter", "-A", "scram-sha-256", f"--pwfile={secret}",
         "-E", "UTF8", "--locale=C", "--no-sync"],
        cwd=folder, capture_output=True, text=True, check=False, **user,  # type: ignore[call-overload]
    )  # fmt: skip
    if made.returncode:
        return f"PostgreSQL's initdb failed: {made.stderr.strip()}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = (folder / "log").open("wb")
    running = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **user,  # type: ignore[call-overload]
    )  # fmt: skip
    atexit.register(_stop, running)
    return port if _answers(running, port) else f"PostgreSQL did not start: {(folder / 'log').read_text()[-500:]}"


def _answers(running: subprocess.Popen[bytes], port: int) -> bool:
    import psycopg

    until = time.monotonic() + 30
    while running.poll() is None and time.monotonic() < until:
        try:
            _execute(port, "postgres", "SELECT 1")
            return True
        except psycopg.OperationalError:
            time.sleep(0.05)
    return False


def _stop(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGINT)  # "fast": who is connected is cut off
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        running.kill()
