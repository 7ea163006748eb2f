"""How long to wait before the next try."""

import random
from collections.abc import Iterator

from order_service.application.clock import Clock


def delays(first: float, longest: float, growth: float = 2) -> Iterator[float]:
    """Endless delays in seconds, growing up to ``longest``. Each delay is cut at random by up to a
    half, so that callers who failed together don't retry together."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1)  # noqa: S311  (spreads load, guards nothing)
        delay = min(growth * delay, longest)


def attempts(clock: Clock, until: float, longest: float = 0.1) -> Iterator[None]:
    """Yields at once, then after growing pauses, up to ``longest`` seconds, for the last time at
    the monotonic ``until``."""
    yield
    for delay in delays(0.005, longest, growth=1.5):
        left = until - clock.monotonic()
        if left <= 0:
            return
        clock.sleep(min(left, delay))
        yield
