"""Find the stock changes that do not begin where a change before them ended.

Where an inventory reads a stock twice and then writes it twice, one of the two changes is lost.
Both are told, and both begin at the same stock. A change that the log lacks shows likewise.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from order_service.application.clock import Clock
from order_service.application.stock_log.changes import StockChange

# Seconds in which the changes between two others may still come, from another partition or to
# another worker.
GRACE: Final = 30.0
# Seconds by which a change may be logged before one that was made before it.
_REORDERED: Final = 10.0
# Each doubt costs a query. A topic that is not keyed by item raises one with nearly every change.
_MOST_DOUBTS: Final = 100
_MOST_ITEMS: Final = 50_000
# An item has fewer changes in the time that is looked at.
_MOST_STEPS: Final = 10_000


class Step(NamedTuple):
    """A logged change. The log has a change twice that was published twice: ``at``, the
    inventory's time, tells such a repeat from a second change."""

    previous_stock: int
    new_stock: int
    at: datetime


class LoggedSteps(Protocol):
    def steps(self, item_id: str, since: datetime, limit: int) -> Sequence[Step]:
        """The item's changes that were logged since ``since``, the first logged first.

        Raises StoreUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class LostUpdate:
    """``change`` found another stock than ``left``, which is what the item's change before left;
    ``heard_at`` and ``left_at``: when the two were heard of, in monotonic seconds."""

    change: StockChange
    left: int
    heard_at: float
    left_at: float


class FindLostUpdates:
    """``heard`` belongs to one thread, and the calls to another.

    What a worker remembers raises doubts, and the log decides them: a worker that gets a record
    again, or a partition back, or a part of an item's changes, remembers a stock of long ago.
    """

    def __init__(self, log: LoggedSteps, clock: Clock, found: Callable[[LostUpdate], None]) -> None:
        self._log = log
        self._clock = clock
        self._found = found
        self._left: dict[str, tuple[int, float]] = {}
        self._doubts: deque[LostUpdate] = deque()

    def heard(self, changes: Iterable[StockChange]) -> None:
        """Changes that were logged, each partition's in order. A replay, which is a change of old,
        must not be among them."""
        now = self._clock.monotonic()
        if len(self._left) > _MOST_ITEMS:
            self._left.clear()
        for change in changes:
            left, left_at = self._left.get(change.item_id, (change.previous_stock, now))
            if left != change.previous_stock and len(self._doubts) < _MOST_DOUBTS:
                self._doubts.append(LostUpdate(change, left, now, left_at))
            self._left[change.item_id] = change.new_stock, now

    def __call__(self) -> int:
        """Decide the doubts that are older than GRACE; return how many updates were lost.

        Raises StoreUnavailable; the doubts that are left are decided the next time.
        """
        lost = 0
        while self._doubts and self._clock.monotonic() - self._doubts[0].heard_at > GRACE:
            if self._is_lost(self._doubts[0]):
                lost += 1
                self._found(self._doubts[0])
            self._doubts.popleft()
        return lost

    def _is_lost(self, doubt: LostUpdate) -> bool:
        ago = self._clock.monotonic() - doubt.left_at + _REORDERED
        since = self._clock.now() - timedelta(seconds=ago)
        steps = self._log.steps(doubt.change.item_id, since, _MOST_STEPS)
        return len(steps) < _MOST_STEPS and _begin_too_often(steps, doubt.change.previous_stock)


def _begin_too_often(steps: Sequence[Step], stock: int) -> bool:
    """Of changes that follow one another, as many begin at a stock as end there; one more where the
    first of them begins at that stock."""
    once = dict.fromkeys(steps)
    begun = sum(step.previous_stock == stock for step in once)
    ended = sum(step.new_stock == stock for step in once)
    first = bool(steps) and steps[0].previous_stock == stock
    return begun > ended + first
