"""What a process's own metrics tell for the samples."""

from collections.abc import Iterator
from math import inf

import pytest
from prometheus_client import CollectorRegistry, values

from order_service.application.overview.backlog import Backlog
from order_service.application.overview.samples import Counted
from order_service.domain.marks import FailureCode
from order_service.infrastructure.telemetry.backlog import BacklogCollector
from order_service.infrastructure.telemetry.counted import counted
from order_service.infrastructure.telemetry.orders import OrderMetrics
from order_service.infrastructure.telemetry.registry import count_in
from order_service.infrastructure.telemetry.shared import Place
from order_service.interface.http.metrics import RequestMetrics
from tests.orders import completed, pending

WORDS = 1 << 16


@pytest.fixture(autouse=True)
def _numbers_elsewhere_stay_as_they_are() -> Iterator[None]:
    kept = values.ValueClass
    yield
    values.ValueClass = kept


@pytest.fixture
def place() -> Place:
    return Place(memoryview(bytearray(8 * WORDS)))


class Process:
    """``place``: where it counts; None for a process that shares nothing, as a worker."""

    def __init__(self, place: Place | None = None) -> None:
        if place is not None:
            count_in(place)
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics(self.registry, lambda: self.registry)
        self.orders = OrderMetrics(self.registry)

    def serve(self) -> None:
        """Three that create orders, and others."""
        self.requests.observe("POST", "/api/orders", 201, 0.003)
        self.requests.observe("POST", "/api/orders/create", 400, 0.004)
        self.requests.observe("POST", "/api/orders/create", 201, 70)
        self.requests.observe("GET", "/api/orders", 200, 0.003)
        self.requests.observe("POST", "/api/orders/<order_id>/cancel", 200, 0.003)
        order = completed(pending().saved())
        self.orders.wrote([order], [order])

    def counted(self) -> Counted:
        return counted(self.registry)


def as_served(found: Counted) -> bool:
    creates = {bound: number for bound, number in found.creates.items() if number}
    orders = {outcome: number for outcome, number in found.orders.items() if number}
    return creates == {0.005: 2, inf: 1} and orders == {"completed": 1}


@pytest.mark.parametrize("is_shared", [True, False])
def test_requests_that_create_and_orders_outcomes_are_counted_and_each_in_one_bucket(
    is_shared: bool, place: Place
) -> None:
    process = Process(place if is_shared else None)
    process.serve()
    found = process.counted()
    assert as_served(found)
    assert len(found.creates) == 14
    assert {"reserved", "expired", *FailureCode} <= set(found.orders)


def test_the_next_process_in_a_place_finds_what_the_one_before_it_counted_from_the_beginning(
    place: Place,
) -> None:
    """Also of series that it has not counted in itself: they would come up later all at once."""
    Process(place).serve()
    second = Process(place)
    before = second.counted()
    assert as_served(before)
    second.serve()
    assert as_served(second.counted().since(before))


def test_nothing_is_read_of_the_store_to_tell_what_was_counted() -> None:
    def read() -> Backlog:
        raise AssertionError("the store was asked")

    process = Process()
    process.registry.register(BacklogCollector(read))
    process.serve()
    assert as_served(process.counted())
