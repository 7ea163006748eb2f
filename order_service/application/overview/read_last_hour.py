"""What the whole fleet did in the last hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isinf
from typing import Final

from order_service.application.clock import Clock
from order_service.application.overview.samples import Sample, Samples, slot_of

_AN_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LastHour:
    """``began`` is the beginning of a slot, ``ended`` is now, both by the store's clock. Slots in
    which nothing was told are left out."""

    began: datetime
    ended: datetime
    slots: Sequence[Sample]


class ReadLastHour:
    def __init__(self, samples: Samples, clock: Clock) -> None:
        self._samples = samples
        self._clock = clock

    def __call__(self) -> LastHour:
        """Raises StoreUnavailable."""
        now = self._clock.now()
        began = slot_of(now - _AN_HOUR)
        return LastHour(began, now, self._samples.since(began))


def percentile(buckets: Mapping[float, int], part: float) -> float | None:
    """Seconds within which ``part`` (0 to 1) of what is counted lies; None where nothing is.

    As Prometheus has it: evenly spread within a bucket, whose lower bound is the bound before it,
    and what lies in the last, open bucket is told as that bucket's lower bound.
    """
    wanted, passed = part * sum(buckets.values()), 0
    for lower, upper in pairwise([0.0, *sorted(buckets)]):
        number = buckets[upper]
        if number and passed + number >= wanted:
            inside = (wanted - passed) / number
            return lower if isinf(upper) else lower + (upper - lower) * inside
        passed += number
    return None
