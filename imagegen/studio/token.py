"""The key to a project's studio, kept in the user's own state folder and never in the project.

It stays the same from one start to the next, so that pages which are open go on when the studio comes back.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from imagegen.errors import WrongInput

VARIABLE = "IMAGEGEN_STUDIO_TOKEN"
LEAST = 16
"""Letters of a token that is given: fewer could be found by trying."""


class Token(NamedTuple):
    """``given``: by the environment. ``kept`` is False where the state folder can't be written, so that every start
    draws a new one."""

    text: str
    given: bool = False
    kept: bool = True


def of_project(project: Path, environ: Mapping[str, str]) -> Token:
    """The project's token; drawn and kept the first time. Raises WrongInput for one in the environment that is none."""
    if given := environ.get(VARIABLE, ""):
        if len(given) < LEAST or not re.fullmatch(r"[A-Za-z0-9._~-]+", given):
            raise WrongInput(
                f"{VARIABLE} is no token",
                f"at least {LEAST} letters, digits and . _ ~ -; without it, one is drawn and kept",
            )
        return Token(given, given=True)
    file = _file(project)
    try:
        return Token(_read(file) or _draw(file))
    except OSError:
        return Token(secrets.token_urlsafe(32), kept=False)


PASSING = 60
"""Seconds for which a pass holds."""


def a_pass(token: str, now: float) -> str:
    """What opens the studio for a minute in the token's place: a browser is started with its address on a command
    line, which everybody on this machine can read. ``now`` is in seconds."""
    until = str(int(now) + PASSING)
    return f"{until}.{_signed(until, token)}"


def is_pass(given: str, token: str, now: float) -> bool:
    """Whether ``given`` is one that :func:`a_pass` made, and still holds."""
    until, _, signature = given.partition(".")
    if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), _signed(until, token).encode()):
        return False
    return 0 <= int(until) - now <= PASSING  # signed by us, so it is a number


def _signed(until: str, token: str) -> str:
    return hmac.new(token.encode(), until.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _file(project: Path) -> Path:
    import platformdirs

    real = os.path.normcase(os.path.realpath(project))
    name = hashlib.sha256(real.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return platformdirs.user_state_path("imagegen", appauthor=False) / "studio" / f"{name}.token"


def _read(file: Path) -> str:
    """The token in ``file``; empty where there is none, or where others could have read it."""
    try:
        if os.name != "nt" and file.stat().st_mode & 0o077:
            return ""
        text = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return text if re.fullmatch(r"[A-Za-z0-9_-]{43}", text) else ""


def _draw(file: Path) -> str:
    """A new token in ``file``, which from its first byte on nobody else may read. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = secrets.token_urlsafe(32)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as out:
            out.write(text)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return text
