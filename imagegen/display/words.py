"""How each event reads as a line."""

from __future__ import annotations

import os

from imagegen.progress import Ended, Event, Failed, Made, Note, Skipped


def line(event: Event, root: str = "") -> str | None:
    """The event's line; None for those that get none. ``root`` is the project's folder where
    that is not the current one."""
    match event:
        case Made():
            seed = "" if event.seed is None else f"  seed {event.seed}"
            return f"made     {_shown(root, event.target)}{seed}  {_took(event.seconds)}"
        case Failed():
            return f"failed   {event.task}: {event.message}" + (f"\n           {event.hint}" if event.hint else "")
        case Skipped():
            return f"skipped  {_shown(root, event.target)}: {event.reason}" if event.reason else None
        case Note():
            return f"note     {event.task + ': ' if event.task else ''}{event.message}"
        case Ended():
            return ended(event)
    return None


def _shown(root: str, target: str) -> str:
    if not root:
        return target
    whole = os.path.join(root, target)  # noqa: PTH118
    try:
        return os.path.relpath(whole)
    except ValueError:  # another drive
        return whole


def ended(event: Ended) -> str:
    """What stands at the end: the counts, and each failure again with its reason."""
    if not event.made and not event.failed:
        if event.status == 130:
            return "Interrupted; nothing was made."
        if event.status:
            return "Nothing was made."
        images = "the image is as it" if event.skipped == 1 else f"all {event.skipped} images are as they"
        return f"Nothing to do: {images} should be." if event.skipped else "Nothing to do: no images."
    counts = [f"{event.made} made", f"{event.skipped} skipped", f"{event.failed} failed"]
    text = f"{'Interrupted: ' if event.status == 130 else ''}{', '.join(counts)} in {_took(event.seconds)}"
    for failure in event.failures:
        text += f"\n  {failure.task}: {failure.message}" + (f"\n    {failure.hint}" if failure.hint else "")
    return text


def _took(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
