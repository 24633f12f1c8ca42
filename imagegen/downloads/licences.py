"""Pages where a model's licence is accepted, and what is said where somebody has to go there first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from imagegen.downloads import tokens, urls
from imagegen.items import Model


def page(model: Model) -> str:
    """The page where the model is shown and its licence accepted: ``license`` where that is an address, else
    the repository on Hugging Face, the version on Civitai, the host's own page anywhere else."""
    if model.license.startswith("https://"):
        return model.license
    path = urlsplit(model.url).path
    host = tokens.variable(model.url)
    # huggingface.co/OWNER/NAME/resolve/REVISION/FILE; civitai.com/api/download/models/VERSION
    if host == "HF_TOKEN" and (found := re.match(r"/([^/]+/[^/]+)/(?:resolve|blob|raw)/", path)):
        return f"https://huggingface.co/{found[1]}"
    if host == "CIVITAI_TOKEN" and (found := re.match(r"/api/download/models/(\d+)", path)):
        return f"https://civitai.com/model-versions/{found[1]}"
    who = urls.origin(model.url)
    return urls.shown(model.url)[: len(f"{who.scheme}://")] + urlsplit(model.url).netloc


def lacking_token(model: Model, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Why a gated model is left out for want of its token, and the mend; None where nothing is in the way.
    Raises WrongInput for a token that can't be one."""
    if not model.gated:
        return None
    name = tokens.variable(model.url)
    if not name:
        return None  # another host may know this machine otherwise; its answer tells
    if tokens.token(name, environ):
        return None
    return f"is gated, and {name} is not set", how_to_get_in(model)


def refused(model: Model, status: int, sent: bool) -> tuple[str, str]:
    """The same for a server that answered 401 or 403. ``sent`` says that a token went along."""
    name = tokens.variable(model.url)
    if sent:
        return (
            f"its server refuses the token in {name} ({status})",
            f"accept the licence on {page(model)} with the token's account, and let the token read gated repositories",
        )
    return f"its server wants to know who asks ({status})", how_to_get_in(model)


def how_to_get_in(model: Model) -> str:
    """What a person does to be let in."""
    name = tokens.variable(model.url)
    if not name:
        return f"its page is {page(model)}: download it by hand and put it in place"
    return f"accept its licence on {page(model)}, make a token on {tokens.PAGES[name]}, and set {name} to it"
