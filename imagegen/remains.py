"""What can still be looked at of values of which something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imagegen.schema import Path_


class Remains:
    """``values`` (changed in place) without what the schemas found ``wrong``, so that one fault hides no other.

    ``left_out`` are the items that can't be looked at, ``lacking`` those that something was taken out of,
    ``taken`` everything that was; ``outer_is_bad`` says that something above the items was: then what an item
    lacks may only be misspelled there.
    """

    def __init__(self, values: dict[str, Any], wrong: Iterable[Path_] = ()) -> None:
        self.values = values
        self.left_out: set[Path_] = set()
        self.lacking: set[Path_] = set()
        self.taken: set[Path_] = set()
        self.outer_is_bad = False
        for path in wrong:
            self._take(path)

    def lacks(self, item: Path_) -> bool:
        """Whether what the item lacks need not be told."""
        return self.outer_is_bad or item in self.lacking

    def lost(self, path: Path_) -> bool:
        """Whether ``path`` or something below it was taken out."""
        return any(taken[: len(path)] == path for taken in self.taken)

    def _take(self, path: Path_) -> None:
        item = next((path[:n] for n in (2, 4) if path[n - 2 : n - 1] == ("items",) and len(path) >= n), None)
        if item is None:
            self.outer_is_bad |= path[:1] != ("models",)  # no setting comes from there
        elif path == item or path[len(item)] == "name":
            self.left_out.add(item)
            return
        else:
            self.lacking.add(item)
        first = len(item or ())
        in_list = next((n for n in range(first + 1, len(path)) if isinstance(path[n], int)), len(path))
        path = path[:in_list]  # a list with a hole would be another list
        self.taken.add(path)
        node: Any = self.values
        for step in path[:-1]:
            if isinstance(node, dict):
                node = node.get(step)
            else:
                node = node[step] if isinstance(node, list) and isinstance(step, int) else None
        if isinstance(node, dict) and path:
            node.pop(path[-1], None)
