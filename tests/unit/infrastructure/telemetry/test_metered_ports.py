"""What is counted around the ports."""

import pytest
import responses
from prometheus_client import CollectorRegistry

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.domain.marks import Failure, FailureCode, Shortage
from order_service.domain.order import Order
from order_service.infrastructure.inventory.conditional import ConditionalInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.telemetry import leases
from order_service.infrastructure.telemetry.inventory import InventoryMetrics
from order_service.infrastructure.telemetry.leases import LeaseMetrics
from order_service.infrastructure.telemetry.orders import OrderMetrics
from order_service.settings import Settings
from tests.orders import basket, later, moved_at, pending
from tests.unit.fakes import ITEM


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def outcomes(registry: CollectorRegistry, outcome: str) -> float:
    return registry.get_sample_value("order_service_orders_total", {"outcome": outcome}) or 0


def complete(order: Order) -> Order:
    return moved_at(order, later(1))


def test_an_order_counts_when_it_is_added_and_when_it_is_settled(
    registry: CollectorRegistry,
) -> None:
    metrics = OrderMetrics(registry)
    placed = [pending() for _ in range(3)]
    for order in placed:
        metrics.wrote([order], [order])
    assert registry.get_sample_value("order_service_orders_placed_total") == 3
    added = [order.saved() for order in placed]
    settled = [complete(order) for order in added[:2]]
    settled.append(added[2].fail(Failure(FailureCode.ABANDONED), later(1)))
    metrics.wrote(settled, settled)
    assert (outcomes(registry, "completed"), outcomes(registry, "abandoned")) == (2, 1)
    assert registry.get_sample_value("order_service_orders_placed_total") == 3


def test_a_basket_counts_once_for_all_its_lines(registry: CollectorRegistry) -> None:
    metrics, placed = OrderMetrics(registry), basket()
    metrics.wrote([placed], [placed])
    done = complete(placed.saved())
    metrics.wrote([done], [done])
    assert registry.get_sample_value("order_service_orders_placed_total") == 1
    assert outcomes(registry, "completed") == 1


def test_a_basket_that_was_given_up_counts_under_why_once_it_has_failed(
    registry: CollectorRegistry,
) -> None:
    metrics = OrderMetrics(registry)
    short = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 0),))
    given_up = basket().saved().give_up(later(1), short)
    metrics.wrote([given_up], [given_up])
    assert outcomes(registry, "insufficient_stock") == 0
    failed = given_up.saved().fail(Failure(FailureCode.ABANDONED), later(2))
    metrics.wrote([failed], [failed])
    assert outcomes(registry, "insufficient_stock") == 1
    assert outcomes(registry, "abandoned") == 0


def test_only_the_winners_of_a_batch_that_lost_a_race_are_counted(
    registry: CollectorRegistry,
) -> None:
    won, lost = complete(pending().saved()), complete(pending().saved())
    OrderMetrics(registry).wrote([won, lost], [won])
    assert outcomes(registry, "completed") == 1


def test_a_call_of_the_inventory_counts_under_the_code_of_its_error(
    registry: CollectorRegistry,
) -> None:
    settings = Settings(inventory_service_url="http://inventory.test", breaker_failures=1)
    inventory = ConditionalInventory(InventoryHttp(settings), InventoryMetrics(registry))
    calls_to = "http://inventory.test/api/items"
    with responses.RequestsMock() as server:
        server.post(f"{calls_to}/restore-stock/{ITEM}", json={"stock": 7, "price": 1})
        inventory.restore(ITEM, 1, "an operation")
    assert registry.get_sample_value("order_service_inventory_breaker_open") == 0
    with responses.RequestsMock() as server:
        server.post(f"{calls_to}/deduct-stock/{ITEM}", status=502)
        with pytest.raises(OutcomeUnknown):
            inventory.deduct(ITEM, 1, "another")
    with pytest.raises(InventoryUnavailable):
        inventory.deduct(ITEM, 1, "one more")
    assert registry.get_sample_value("order_service_inventory_breaker_open") == 1
    calls = "order_service_inventory_call_seconds_count"
    ok = {"operation": "restore", "outcome": "ok"}
    failed = {"operation": "deduct", "outcome": "inventory_unavailable"}
    assert registry.get_sample_value(calls, ok) == 1
    unknown = {"operation": "deduct", "outcome": OutcomeUnknown.code}
    assert registry.get_sample_value(calls, failed) == 1
    assert registry.get_sample_value(calls, unknown) == 1


class Elapsed:
    """Stands for the time module: each look at the time takes 5 ms."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.005
        return self.now


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Elapsed:
    elapsed = Elapsed()
    monkeypatch.setattr(leases, "time", elapsed)
    return elapsed


def waits(registry: CollectorRegistry) -> tuple[float | None, float]:
    total = registry.get_sample_value("order_service_lease_wait_seconds_sum") or 0
    return registry.get_sample_value("order_service_lease_wait_seconds_count"), round(total, 3)


def test_a_wait_for_a_lease_lasts_from_the_first_look_until_the_lease_is_free(
    registry: CollectorRegistry, elapsed: Elapsed
) -> None:
    metrics = LeaseMetrics(registry)
    metrics.looked([ITEM], elapsed.monotonic(), held=False)
    assert waits(registry) == (1, 0.005)
    for _ in range(3):
        metrics.looked([ITEM], elapsed.monotonic(), held=True)
        elapsed.now += 0.1
    metrics.looked([ITEM], elapsed.monotonic(), held=False)
    # Seven looks at the time, and three pauses.
    assert waits(registry) == (2, 0.34)


def test_a_wait_for_a_lease_that_was_given_up_does_not_lengthen_the_next_wait(
    registry: CollectorRegistry, elapsed: Elapsed
) -> None:
    metrics = LeaseMetrics(registry)
    metrics.looked([ITEM], elapsed.monotonic(), held=True)
    elapsed.now += 30
    metrics.looked([ITEM], elapsed.monotonic(), held=False)
    assert waits(registry) == (1, 0.005)


def test_a_basket_waits_for_the_leases_of_all_its_items_as_for_one(
    registry: CollectorRegistry, elapsed: Elapsed
) -> None:
    metrics, items = LeaseMetrics(registry), [ITEM, "b" * 24]
    metrics.looked(items, elapsed.monotonic(), held=True)
    elapsed.now += 0.1
    metrics.looked(items, elapsed.monotonic(), held=False)
    assert waits(registry) == (1, 0.115)


def test_a_wait_for_some_items_does_not_count_for_others_that_share_one(
    registry: CollectorRegistry, elapsed: Elapsed
) -> None:
    metrics = LeaseMetrics(registry)
    metrics.looked([ITEM, "b" * 24], elapsed.monotonic(), held=True)
    elapsed.now += 0.1
    metrics.looked([ITEM], elapsed.monotonic(), held=False)
    assert waits(registry) == (1, 0.005)
