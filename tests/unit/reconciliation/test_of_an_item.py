"""Comparing one item for a caller who waits."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from order_service.application import one_at_a_time
from order_service.domain.errors import (
    Busy,
    InvalidValue,
    NoSuchItem,
    StoreUnavailable,
    TooMuchToCompare,
)
from order_service.reconciliation import of_an_item
from order_service.reconciliation.evidence import SLACK
from order_service.reconciliation.of_an_item import ReconcileItem
from order_service.reconciliation.reconcile import Reconcile, TimeLimits
from tests.unit.fakes import FakeClock
from tests.unit.reconciliation.books import DAY, ITEM, OTHER, FakeBooks

NOW = FakeClock().now()


class Service:
    """What is asked of the store while ``bounded`` is true is bounded in time."""

    def __init__(self, log_kept: timedelta | None = None) -> None:
        self.books = FakeBooks()
        self.bounded = False
        self.prepared = 0
        self._log_kept = log_kept
        self.compare = ReconcileItem(self.prepare, self.in_time, FakeClock())

    def prepare(self) -> Reconcile:
        assert self.bounded
        self.prepared += 1
        limits = TimeLimits(timedelta(seconds=60), self._log_kept)
        return Reconcile(self.books, self.books, FakeClock(), limits)

    @contextmanager
    def in_time(self) -> Iterator[None]:
        self.bounded = True
        try:
            yield
        finally:
            self.bounded = False


def test_an_item_is_compared_over_the_last_day() -> None:
    service = Service()
    service.books.order(ITEM, 10, 7)
    since, report = service.compare(ITEM)
    assert since == NOW - DAY
    assert (report.item_id, report.agrees, report.stock_now) == (ITEM, True, 7)
    assert (report.took.units, report.logged.units) == (3, -3)


def test_an_item_is_compared_since_the_time_that_is_asked_for() -> None:
    service = Service()
    service.books.order(ITEM, 10, 7)
    since, report = service.compare(ITEM, NOW - timedelta(hours=1))
    assert (since, report.took.units) == (NOW - timedelta(hours=1), 0)


def test_a_time_from_which_the_log_keeps_nothing_is_brought_forward_and_told() -> None:
    service = Service(log_kept=2 * DAY)
    service.books.order(ITEM, 10, 7)
    assert service.compare(ITEM, NOW - 90 * DAY).since == NOW - 2 * DAY + 2 * SLACK


def test_nothing_is_asked_of_the_store_before_a_request_and_each_request_asks_anew() -> None:
    service = Service()
    service.books.order(ITEM, 10, 7)
    assert service.prepared == 0
    service.compare(ITEM)
    service.compare(ITEM)
    assert service.prepared == 2


@pytest.mark.parametrize("since", [NOW, NOW + DAY])
def test_a_time_still_to_come_is_refused(since: datetime) -> None:
    service = Service()
    with pytest.raises(InvalidValue, match="past"):
        service.compare(ITEM, since)
    assert service.prepared == 0


def test_as_many_records_as_a_request_may_read_are_compared_and_one_more_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_an_item, "MOST_RECORDS", 3)
    service = Service()
    for stock in (10, 9, 8):
        service.books.order(ITEM, stock, stock - 1)
    assert service.compare(ITEM).report.took.times == 3
    service.books.order(ITEM, 7, 6)
    with pytest.raises(
        TooMuchToCompare, match=f"later `since`.*reconcile --item {ITEM}"
    ) as refused:
        service.compare(ITEM)
    assert (refused.value.records, refused.value.most) == (4, 3)
    assert len(service.books.asked_since) == 1
    # Of the day before that there is less to read.
    assert service.compare(ITEM, NOW - timedelta(hours=1)).report.took.times == 0


def test_an_item_that_nobody_knows_is_no_such_item() -> None:
    with pytest.raises(NoSuchItem) as missing:
        Service().compare(OTHER)
    assert missing.value.item_id == OTHER


def test_an_item_that_the_inventory_no_longer_has_is_compared_all_the_same() -> None:
    service = Service()
    service.books.order(ITEM, 10, 7)
    service.books.stocks.clear()
    assert service.compare(ITEM).report.stock_now is None


def test_a_store_that_goes_away_meanwhile_is_unavailable() -> None:
    service = Service()
    service.books.breaks_at = ITEM
    with pytest.raises(StoreUnavailable):
        service.compare(ITEM)
    assert not service.bounded


def test_one_item_is_compared_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "_LONGEST_WAIT", 0.01)
    service = Service()
    service.books.order(ITEM, 10, 7)
    asked, may_go_on = threading.Event(), threading.Event()

    def prepare() -> Reconcile:
        asked.set()
        assert may_go_on.wait(10)
        return service.prepare()

    compare = ReconcileItem(prepare, service.in_time, FakeClock())
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(compare, ITEM)
        assert asked.wait(10)
        try:
            with pytest.raises(Busy, match="Another request"):
                compare(ITEM)
        finally:
            may_go_on.set()
        assert first.result().report.agrees
    assert compare(ITEM).report.agrees


def test_after_a_comparison_that_failed_comes_the_next() -> None:
    service = Service()
    service.books.order(ITEM, 10, 7)
    with pytest.raises(NoSuchItem):
        service.compare(OTHER)
    assert service.compare(ITEM).report.agrees
