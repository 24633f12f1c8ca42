"""What the environment says of the Inngest server. Its keys come from nowhere else, and are shown nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagegen.errors import WrongInput

SIGNING, EVENTS = "INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY"
SECRETS = (SIGNING, "INNGEST_SIGNING_KEY_FALLBACK", EVENTS)
APP = "IMAGEGEN_INNGEST_APP"


def app_name(environ: Mapping[str, str]) -> str:
    """Under which name the server knows this studio: each of those that share a server needs its own.

    Raises WrongInput.
    """
    name = environ.get(APP) or "imagegen"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", name):
        raise WrongInput(f'{APP}: "{name[:80]}" is no name', "letters, digits and hyphens between them, at most 64")
    return name


def signed(environ: Mapping[str, str]) -> bool:
    """Whether the server signs what it asks; a development server (INNGEST_DEV) does not.

    Raises WrongInput where neither that nor the keys are given.
    """
    if environ.get("INNGEST_DEV", "").strip().lower() not in ("", "0", "false"):
        return False
    missing = [key for key in (SIGNING, EVENTS) if not environ.get(key)]
    if missing:
        raise WrongInput(
            f"the Inngest engine needs {' and '.join(missing)} in the environment",
            "INNGEST_DEV=1 (or its URL) is for a development server on this machine, which needs no keys",
        )
    return True


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    for key in SECRETS:
        if environ.get(key):
            text = text.replace(environ[key], "…")
    return text
