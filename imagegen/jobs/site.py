"""What the steps of a job need around them: the project's storyboards, what builds, and who listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from imagegen.jobs.event import Event
    from imagegen.storyboard.database import Storyboard


class Built(NamedTuple):
    """``file`` is the target as in the manifest; ``digest`` the sentence's deciding digest that it was made from,
    empty for other items; ``made`` is false where it was fresh already."""

    file: str
    seed: int | None
    digest: str
    made: bool


class Builder(Protocol):
    """What makes images, by the manifest. Threads share it."""

    def build(self, task: str, job: str, attempt: int, candidate_seed: int | None = None) -> Built:
        """Make one item, trying once; ``attempt`` is 1, 2 or 3.

        Raises WillPass, WontPass, or errors.Interrupted where :meth:`cancel` or :meth:`leave` ended it.
        """

    def cancel(self, job: str) -> bool:
        """Stop this job's build and withdraw it from its server; whether one was under way. Only an engine calls
        it: its own ``cancel`` is what cancels a job."""

    def leave(self) -> None:
        """Stop and withdraw every build, and those that begin later at once."""


class Site(Protocol):
    """Where jobs are at home. Threads share it."""

    @property
    def builder(self) -> Builder: ...

    def storyboard(self, project_id: str) -> Storyboard | None:
        """The storyboard that has this project; None where none has. Raises WrongInput or Unreachable where it
        can't be opened."""

    def task_of(self, event: Event) -> str:
        """The item's task. Raises WrongInput where the manifest has no such item."""

    def announce(self, message: Mapping[str, Any]) -> None:
        """Hear what becomes of jobs, from any thread; must not block or raise. See :mod:`imagegen.jobs.telling`."""
