"""Which token goes to which host, and to no other."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagegen.downloads import urls
from imagegen.errors import WrongInput

HOSTS: Mapping[str, tuple[str, ...]] = {
    "HF_TOKEN": ("huggingface.co",),
    "CIVITAI_TOKEN": ("civitai.com", "civitai.red"),
}
"""For each variable of the environment the hosts, with those below them, that its token is for."""

PAGES: Mapping[str, str] = {
    "HF_TOKEN": "https://huggingface.co/settings/tokens",
    "CIVITAI_TOKEN": "https://civitai.com/user/account",
}
"""Where a token is made."""


def variable(url: str) -> str:
    """The variable whose token ``url`` takes; empty for an address that takes none of ours: any other host,
    plain http, or a port that is not the usual one. Raises NotAllowed."""
    who = urls.origin(url)
    if who.scheme == "https" and who.port == 443:
        for name, hosts in HOSTS.items():
            if any(who.host == host or who.host.endswith(f".{host}") for host in hosts):
                return name
    return ""


def token(name: str, environ: Mapping[str, str]) -> str:
    """The token in the environment; empty where it is not set. Raises WrongInput for what no header can hold."""
    found = environ.get(name, "").strip()
    if not re.fullmatch(r"[!-~]*", found):
        raise WrongInput(f"{name} holds letters that are in no token", "set it to the token alone")
    return found


def headers(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The header with the token that ``url`` takes; none where it takes none or none is set."""
    name = variable(url)
    secret = token(name, environ) if name else ""
    return {"Authorization": f"Bearer {secret}"} if secret else {}
