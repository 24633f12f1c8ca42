"""What is announced about a job: ``{"name", "jobId", "projectId", "sentenceId", "task", "candidate", "data"}``.

``projectId`` and ``sentenceId`` are None and ``task`` is what it is for an item that is no sentence; for a sentence
``task`` is empty. ``name`` and ``data`` belong together:

| name | data |
| --- | --- |
| image/queued | {} |
| image/generating | attempt |
| image/retrying | error, hint, attempt (the one that failed), seconds (until the next) |
| image/completed | projectId, sentenceId, imageFile (other items: imageFile); beside it ``result``: file, seed |
| image/failed | error, hint, attempts |
| image/cancelled | {} |

Each may come twice after a kill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.jobs.event import Event
from imagegen.jobs.site import Site


def tell(site: Site, event: Event, what: str, /, result: Mapping[str, Any] | None = None, **data: Any) -> None:
    """Announce ``image/<what>``."""
    message = {
        "name": f"image/{what}",
        "jobId": event.id,
        "projectId": event.project or None,
        "sentenceId": event.sentence or None,
        "task": event.data.get("task", ""),
        "candidate": bool(event.data.get("candidate")),
        "data": data,
    }
    site.announce(message if result is None else {**message, "result": dict(result)})


def completed(event: Event, result: Mapping[str, Any]) -> dict[str, Any]:
    """The data of `image/completed`."""
    whose = {"projectId": event.project, "sentenceId": event.sentence} if event.sentence else {}
    return {**whose, "imageFile": result["file"]}
