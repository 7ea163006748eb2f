"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T], what: str, timeout: float = 10, pause: float = 0.02) -> T:
    """The first truthy answer of ``probe``; fails with ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {answer!r}")
        time.sleep(pause)
    return answer
