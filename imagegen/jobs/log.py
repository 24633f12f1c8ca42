"""What the engine's library has to say, in a file of the project's own instead of the terminal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST = 500_000
"""Bytes; the log before it is kept too."""


@contextlib.contextmanager
def kept_in(
    file: Path, name: str, cleaned: Callable[[str], str], expected: tuple[type[BaseException], ...] = ()
) -> Iterator[None]:
    """While inside, warnings of the logger ``name`` go to ``file`` and nowhere else, each through ``cleaned``, which
    takes secrets out; none that tells of an ``expected`` error."""
    logger = logging.getLogger(name)
    before = logger.handlers[:], logger.propagate
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=LARGEST, backupCount=1, delay=True, encoding="utf-8")
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], expected)))
    handler.setFormatter(_Cleaned(cleaned))
    logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before
        handler.close()


class _Cleaned(logging.Formatter):
    def __init__(self, cleaned: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._cleaned = cleaned

    def format(self, record: logging.LogRecord) -> str:
        return self._cleaned(super().format(record))
