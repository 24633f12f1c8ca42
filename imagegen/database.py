"""doit's database. The pictures are the record, so it holds nothing but what `ignore` says, and is a
cache: a missing, damaged or unwritable one keeps nobody from working."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from doit.dependency import JsonDB

from imagegen.files import STATE, write_whole


def path(project: Path) -> Path:
    """Where it is."""
    return project / STATE / "doit.json"


class Database(JsonDB):
    """doit's JSON database, written whole and only when it changed; a damaged one is an empty one."""

    def _load(self) -> Any:
        try:
            found = json.loads(Path(self.name).read_bytes())
        except (OSError, ValueError):
            found = {}
        return found if isinstance(found, dict) else {}

    def __init__(self, name: str, codec: Any, *, module_name: str | None = None) -> None:
        super().__init__(name, codec, module_name=module_name)
        self._before = self.codec.encode(self._db)

    def dump(self) -> None:
        """Write what changed. A run changes nothing, so that a full disk or a read-only project can't
        fail it here; what `ignore` can't write it says (OSError)."""
        now = self.codec.encode(self._db)
        if now != self._before:
            write_whole(Path(self.name), now.encode())
            self._before = now


def for_doit_itself(project: Path) -> dict[str, Any]:
    """The settings for doit's own database classes, which crash on a damaged or unwritable file."""
    place = path(project)
    try:
        place.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            try:
                json.loads(place.read_bytes())
            except ValueError:
                place.unlink()
        with place.open("a"):  # may it be written to?
            pass
        if not place.stat().st_size:
            place.unlink()
    except OSError:
        return {"backend": "sqlite3", "dep_file": ":memory:"}
    return {"backend": "json", "dep_file": str(place)}
