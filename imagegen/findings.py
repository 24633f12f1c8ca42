"""What is wrong with a manifest, as far as it has been looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagegen.errors import Problem


@dataclass
class Findings:
    """What is wrong so far. ``askable`` are those problems that the backend ``asking`` could mend by asking
    its server."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    askable: list[Problem] = field(default_factory=list)
    asking: str = ""
    _once: set[Problem] = field(default_factory=set)

    def useless(self, problem: Problem, layer: int) -> None:
        """A setting without use: an error where an item or job gives it, a warning from defaults."""
        (self.problems if layer else self.warnings).append(problem)

    def warn_once(self, problem: Problem) -> None:
        """A warning that many items may give rise to."""
        if problem not in self._once:
            self._once.add(problem)
            self.warnings.append(problem)
