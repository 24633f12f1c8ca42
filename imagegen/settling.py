"""What is kept beside the pictures, such as a storyboard's flags, follows the verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagegen import sources
from imagegen.errors import ImagegenError

if TYPE_CHECKING:
    from imagegen.session import Session


def settle(session: Session) -> list[str]:
    """Bring every live source of the manifest in line with its pictures as they are now; what could not be done, as
    warnings: the pictures are the record, and rows a convenience."""
    if not session.manifest.sources:
        return []
    verdicts = session.judged_all()
    fresh = {task: found.fresh for task, found in zip(session.manifest.columns.tasks, verdicts, strict=True)}
    warnings = []
    for source in session.manifest.sources:
        items = [item for item in session.manifest.items if item.job == source.job]
        try:
            sources.settle(
                session.project,
                source,
                {item.slug: fresh[item.task] for item in items},
                {item.slug: item.target for item in items},
            )
        except ImagegenError as error:
            warnings.append(f"warning: {source.kind} {source.job}: {error.message}")
    return warnings
