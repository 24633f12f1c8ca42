"""Where a job's items come from. A source yields :class:`Entry`, one an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagegen.document import Document


@dataclass(frozen=True)
class Entry:
    """One item as its source gives it: what it sets, and where in which document that stands."""

    values: Mapping[str, Any]
    document: Document
    path: tuple[str | int, ...]
