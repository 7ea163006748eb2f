"""Compare what is told of one item, for a caller who waits for the answer."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from order_service.application.clock import Clock
from order_service.application.one_at_a_time import OneAtATime
from order_service.domain.errors import InvalidValue, ItemNotFound, NoSuchItem, TooMuchToCompare
from order_service.reconciliation.reconcile import Reconcile
from order_service.reconciliation.report import ItemReport

# Orders and entries of the log.
MOST_RECORDS: Final = 20_000
_USUAL: Final = timedelta(days=1)


class Compared(NamedTuple):
    """``since``: older records are not judged."""

    since: datetime
    report: ItemReport


class ReconcileItem:
    """``prepare``: asks the store how long the log is kept, so it is called for each request, and
    never before one. ``in_time``: bounds the time of all that the store is asked for within it."""

    def __init__(
        self,
        prepare: Callable[[], Reconcile],
        in_time: Callable[[], AbstractContextManager[object]],
        clock: Clock,
    ) -> None:
        self._prepare = prepare
        self._in_time = in_time
        self._clock = clock
        self._turns = OneAtATime("Another request compares an item: try again in a moment.")

    def __call__(self, item_id: str, since: datetime | None = None) -> Compared:
        """``since``: a day ago, where it is None.

        One item at a time: a comparison sorts thousands of records, in the store and here.

        Raises InvalidValue, TooMuchToCompare, NoSuchItem, Busy, InventoryUnavailable,
        StoreUnavailable.
        """
        with self._turns.turn(), self._in_time():
            now = self._clock.now()
            since = since or now - _USUAL
            if since >= now:
                raise InvalidValue("since", "must be in the past")
            return self._compared(item_id, since)

    def _compared(self, item_id: str, since: datetime) -> Compared:
        reconcile = self._prepare()
        since = reconcile.compared_since(since) or since
        records = reconcile.size(item_id, since)
        if records > MOST_RECORDS:
            raise TooMuchToCompare(item_id, records, MOST_RECORDS)
        try:
            [report] = reconcile(item_id, since, _unheard)
        except ItemNotFound:
            raise NoSuchItem(item_id) from None
        return Compared(since, report)


def _unheard() -> None:
    """Nobody watches the progress."""
