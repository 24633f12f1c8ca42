"""Items written in the manifest itself: a list of names and mappings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from imagegen.document import Document
from imagegen.sources import Entry


def entries(items: Sequence[Any], document: Document, path: tuple[str | int, ...]) -> Iterator[Entry]:
    """``items`` as entries; ``path`` is where the list stands in ``document``."""
    for index, item in enumerate(items):
        values = item if isinstance(item, dict) else {"name": item}
        yield Entry(values, document, (*path, index))
