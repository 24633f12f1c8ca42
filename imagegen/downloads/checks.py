"""What `doctor` tells of the models that a manifest lists. Nothing is looked at here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imagegen.backends.base import Check
from imagegen.downloads import licences, tokens
from imagegen.downloads.amounts import amount
from imagegen.downloads.inventory import Found, State
from imagegen.files import from_here


def of(found: Sequence[Found], environ: Mapping[str, str]) -> Iterator[Check]:
    """A line for each model that is not as it should be, one for all others, and one for each token that gated
    ones want. None is a failure: a server on another machine has models of its own."""
    there = [one for one in found if one.state is State.THERE]
    if there:
        yield Check("models", f"{len(there)} of {len(found)} that the manifest lists are on this machine")
    for one in found:
        if one.state is State.OTHER:
            where = from_here(one.path) if one.path else ""
            yield Check("model", f"{where} is not {one.model.name}", "warning", "move it away, or mend the manifest")
        elif one.state is State.MISSING:
            left_out = licences.lacking_token(one.model, environ)
            size = f" ({amount(one.model.size)})" if one.model.size else ""
            mend = left_out[1] if left_out else "imagegen setup models --yes"
            yield Check("model", f"{one.model.name} is not on this machine{size}", "warning", mend)
    gated = {tokens.variable(one.model.url) for one in found if one.model.gated} - {""}
    for name in sorted(gated):
        is_set = bool(tokens.token(name, environ))
        yield Check(
            "token", f"{name} is {'' if is_set else 'not '}set", "ok" if is_set else "warning", tokens.PAGES[name]
        )
