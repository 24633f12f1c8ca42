"""What the command line wishes of a studio."""

from __future__ import annotations

from dataclasses import dataclass

from imagegen.options import Options


@dataclass(frozen=True)
class Wish:
    """``port`` is None for the first that is free; ``origins`` are other
    front ends that may listen; ``first_delay`` seconds pass before the second attempt;
    ``jobs_database`` is a URL, or empty for a file of the project's."""

    options: Options
    host: str = "127.0.0.1"
    port: int | None = None
    origins: frozenset[str] = frozenset()
    engine: str = "dbos"
    first_delay: float = 30.0
    jobs_database: str = ""
