"""Waiting for what is asynchronous, from a test that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def awaited(story: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine gives. It has a thread of its own: in the tests' own a browser's loop may run."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()
