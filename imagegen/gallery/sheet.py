"""The contact sheet's page: pure, values in and HTML out. All that comes from a project is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from imagegen.verdict import State

ORDER = (State.FRESH, State.MISSING, State.STALE, State.EDITED, State.FOREIGN, State.DAMAGED)


class Card(NamedTuple):
    """One image. ``thumbnail`` and ``picture`` are files of the gallery, empty where there is no picture; ``seed`` is
    a number's letters, ``random`` or empty."""

    task: str
    name: str
    state: State
    reasons: tuple[str, ...]
    seed: str
    backend: str
    prompt: str
    thumbnail: str
    picture: str
    width: int
    height: int

    @property
    def job(self) -> str:
        return self.task.partition(":")[0]


def page(title: str, cards: Sequence[Card]) -> str:
    """The whole page."""
    counts = Counter(card.state for card in cards)
    states = [state for state in ORDER if counts[state]]
    jobs: dict[str, list[Card]] = {}
    for card in cards:
        jobs.setdefault(card.job, []).append(card)
    said = ", ".join(f"{counts[state]} {state.value}" for state in states) or "no images"
    filters = "".join(
        f'<label class="state {state.value}"><input type="checkbox" name="state" value="{state.value}" checked>'
        f"<span>{state.value} {counts[state]}</span></label>"
        for state in states
    )
    sections = "\n".join(_section(job, own) for job, own in jobs.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}: images</title>
<link rel="stylesheet" href="gallery.css">
<script src="gallery.js" defer></script>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p>{said}</p>
<form id="filter" role="search" hidden>
<label class="text">Find <input type="search" name="text" autocomplete="off"></label>
<fieldset><legend>Verdicts</legend>{filters}</fieldset>
<output id="shown"></output>
</form>
</header>
<main>
{sections}
</main>
</body>
</html>
"""


def _section(job: str, cards: Iterable[Card]) -> str:
    own = list(cards)
    return (
        f'<section aria-labelledby="job-{escape(job)}">\n<h2 id="job-{escape(job)}">{escape(job)}'
        f' <small>{len(own)}</small></h2>\n<ul class="sheet">\n' + "\n".join(map(_card, own)) + "\n</ul>\n</section>"
    )


def _card(card: Card) -> str:
    state = card.state.value
    words = " ".join((card.task, card.name, card.prompt, card.backend, card.seed)).lower()
    if card.thumbnail:
        image = (
            f'<a class="picture" href="{escape(card.picture)}"><img src="{escape(card.thumbnail)}" loading="lazy"'
            f' decoding="async" width="{card.width}" height="{card.height}" alt="{escape(card.name)}"></a>'
        )
    else:
        image = '<div class="picture none"><span>no picture</span></div>'
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in card.reasons)
    told = f'<ul class="reasons">{reasons}</ul>' if reasons else ""
    seed = f"<div><dt>seed</dt> <dd>{escape(card.seed)}</dd></div>" if card.seed else ""
    prompt = f"<details><summary>prompt</summary><p>{escape(card.prompt)}</p></details>" if card.prompt else ""
    return (
        f'<li class="card" data-state="{state}" data-words="{escape(words)}">{image}'
        f'<h3>{escape(card.name)}</h3><p class="verdict {state}">{state}</p>{told}'
        f"<dl>{seed}<div><dt>backend</dt> <dd>{escape(card.backend)}</dd></div></dl>"
        f'<p class="task">{escape(card.task)}</p>{prompt}</li>'
    )
