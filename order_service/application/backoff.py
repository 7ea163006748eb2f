"""How long to wait before the next try."""

import random
from collections.abc import Iterator


def delays(first: float, longest: float) -> Iterator[float]:
    """Seconds without end, doubling up to ``longest``. Each is cut at random by up to a half, so
    that many who failed together don't come back together."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1)  # noqa: S311  (spreads load, guards nothing)
        delay = min(2 * delay, longest)
