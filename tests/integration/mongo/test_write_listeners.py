"""What the repository tells those who listen to its writes, on a real MongoDB."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from order_service.application.orders.create import IdempotencyKeyTaken
from order_service.domain.errors import StoreUnavailable, VersionConflict
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.telemetry.orders import OrderMetrics
from tests.integration.connections import connected
from tests.orders import CALLER, completed, key, later, moved_at, pending


class Listener:
    """Keeps each write that it hears of: what was tried, and what was stored."""

    def __init__(self) -> None:
        self.heard: list[tuple[list[Order], list[Order]]] = []

    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        self.heard.append((list(tried), list(stored)))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def repository(database: Database, listener: Listener) -> MongoOrderRepository:
    return MongoOrderRepository(database, [listener])


def test_a_listener_hears_of_each_write_once_with_the_orders_as_given(
    repository: MongoOrderRepository, listener: Listener
) -> None:
    placed = pending()
    done = moved_at(repository.add(placed), later(1))
    asked = repository.save(done).request_cancel(later(2), CALLER)
    repository.save_all([asked])
    assert listener.heard == [([placed], [placed]), ([done], [done]), ([asked], [asked])]
    assert done.new_events


def test_a_listener_hears_of_no_read_and_no_forgotten_key(
    repository: MongoOrderRepository, listener: Listener
) -> None:
    stored = repository.add(pending(idempotency=key()))
    listener.heard.clear()
    repository.get(stored.id)
    repository.unsettled(later(9), 9)
    repository.forget_key(stored.id)
    repository.save_all([])
    assert listener.heard == []


def test_a_listener_does_not_hear_of_an_order_whose_key_is_taken(
    repository: MongoOrderRepository, listener: Listener
) -> None:
    repository.add(pending(idempotency=key()))
    listener.heard.clear()
    with pytest.raises(IdempotencyKeyTaken):
        repository.add(pending(idempotency=key()))
    assert listener.heard == []


def test_a_listener_hears_that_the_loser_of_a_race_was_tried_and_not_stored(
    repository: MongoOrderRepository, listener: Listener
) -> None:
    orders = [repository.add(pending()) for _ in range(3)]
    repository.save(orders[1].defer(later(1)))
    moved = [moved_at(order, later(2)) for order in orders]
    listener.heard.clear()
    with pytest.raises(VersionConflict):
        repository.save(moved[1])
    repository.save_all(moved)
    assert listener.heard == [([moved[1]], []), (moved, [moved[0], moved[2]])]


def test_a_listener_hears_of_each_of_many_writes_at_once_with_its_own_orders(
    repository: MongoOrderRepository, listener: Listener
) -> None:
    orders = [repository.add(pending()) for _ in range(40)]
    lost = {order.id for order in orders[::3] if repository.save(order.give_up(later(1)))}
    done = [moved_at(order, later(2)) for order in orders]
    listener.heard.clear()

    def save(order: Order) -> None:
        with suppress(VersionConflict):
            repository.save(order)

    with ThreadPoolExecutor(len(done)) as threads:
        list(threads.map(save, done))
    expected = [([order], [] if order.id in lost else [order]) for order in done]
    assert sorted(listener.heard, key=_id) == sorted(expected, key=_id)


def _id(heard: tuple[list[Order], list[Order]]) -> str:
    return heard[0][0].id


def test_a_listener_hears_of_a_save_that_was_not_answered_with_nothing_stored(
    listener: Listener,
) -> None:
    order = completed().saved()
    with connected("mongodb://127.0.0.1:1", store_timeout=0.2) as database:
        repository = MongoOrderRepository(database, [listener])
        with pytest.raises(StoreUnavailable):
            repository.save(order)
    assert listener.heard == [([order], [])]


def test_the_outcomes_of_a_batch_are_counted_for_the_winners_of_the_race_alone(
    database: Database,
) -> None:
    registry = CollectorRegistry()
    repository = MongoOrderRepository(database, [OrderMetrics(registry)])
    won, lost = repository.add(pending()), repository.add(pending())
    MongoOrderRepository(database).save(lost.give_up(later(1)))
    repository.save_all([moved_at(order, later(2)) for order in (won, lost)])
    completed = registry.get_sample_value("order_service_orders_total", {"outcome": "completed"})
    assert completed == 1
    assert registry.get_sample_value("order_service_orders_placed_total") == 2


def test_what_becomes_of_held_orders_is_counted_once_for_each_order(database: Database) -> None:
    registry = CollectorRegistry()
    repository = MongoOrderRepository(database, [OrderMetrics(registry)])
    ends: list[Callable[[Order], Order]] = [
        lambda order: order.confirm(later(3), CALLER),
        lambda order: order.request_cancel(later(3), CALLER),
        lambda order: order.expire(later(62)),
    ]
    for end in ends:
        order = repository.save(moved_at(repository.add(pending(hold=Hold(60))), later(2)))
        order = repository.save(order.extend(later(50), later(2), CALLER))
        order = repository.save(end(order))
        if order.awaits_stock:
            repository.save(moved_at(order, later(70)))
    outcomes = {
        name: registry.get_sample_value("order_service_orders_total", {"outcome": name})
        for name in ("reserved", "completed", "cancelled", "expired")
    }
    assert outcomes == {"reserved": 3, "completed": 1, "cancelled": 1, "expired": 1}
    assert registry.get_sample_value("order_service_orders_placed_total") == 3
