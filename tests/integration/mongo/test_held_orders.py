"""Held orders in the store: how they are found and counted, and how many one customer may have."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from order_service.application.orders.create import (
    CreateOrder,
    CreateOrderCommand,
    HoldLimits,
    HoldSlotTaken,
    IdempotencyKeyTaken,
)
from order_service.domain.errors import TooManyHolds
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from tests.integration.cli.commands import Commands
from tests.orders import (
    CALLER,
    ITEM,
    as_stored,
    completed,
    held,
    in_every_state,
    key,
    later,
    moved_at,
    pending,
)

SOMEBODY = "somebody"


def has(database: Database, *orders: Order) -> None:
    database["orders"].insert_many([as_stored(order) for order in orders])


def keys_in(database: Database, index: str) -> int:
    keys: int = database.command("validate", "orders")["keysPerIndex"][index]
    return keys


# --- finding them


def explained(database: Database, commands: Commands, ask: Callable[[], object]) -> dict[str, Any]:
    """How the server carries out the one command that ``ask`` sends."""
    commands.sent.clear()
    ask()
    kept = ("find", "aggregate", "filter", "pipeline", "sort", "limit", "projection", "cursor")
    [sent] = [each for each in commands.sent if next(iter(each)) in kept]
    command = {name: sent[name] for name in (*kept, "hint") if name in sent}
    answer: dict[str, Any] = database.command("explain", command, verbosity="executionStats")
    return answer


def found_in(plan: Any, name: str) -> list[Any]:
    """Every value of the name in a plan, whatever that is wrapped in."""
    if isinstance(plan, list):
        return [value for part in plan for value in found_in(part, name)]
    if not isinstance(plan, dict):
        return []
    below = [value for part in plan.values() for value in found_in(part, name)]
    return [plan[name], *below] if name in plan else below


def winner(plan: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The stages and the indexes of the plan that was carried out."""
    [stats] = found_in(plan, "executionStats")
    return set(found_in(stats, "stage")), set(found_in(stats, "indexName"))


def test_the_index_of_held_orders_holds_the_orders_that_are_held_and_no_other(
    database: Database,
) -> None:
    orders = [replace(each, idempotency=None) for each in in_every_state().values()]
    has(database, *(replace(each, customer_id=each.id) for each in orders))
    are_held = [order for order in orders if order.phase is OrderPhase.HELD]
    assert len(are_held) >= 2
    assert keys_in(database, "held") == len(are_held)


@pytest.mark.parametrize(
    "let_go",
    [
        lambda order: order.confirm(later(4), CALLER),
        lambda order: order.request_cancel(later(4), CALLER),
        lambda order: order.expire(later(62)),
    ],
    ids=["confirmed", "to be cancelled", "expiring"],
)
def test_an_order_leaves_the_index_of_held_orders_with_the_write_that_ends_its_hold(
    let_go: Callable[[Order], Order], database: Database
) -> None:
    repository = MongoOrderRepository(database)
    order = repository.save(moved_at(repository.add(pending(hold=Hold(60))), later(2)))
    assert keys_in(database, "held") == 1
    assert repository.held_until(later(62), 9) == [order]
    repository.save(let_go(order))
    assert keys_in(database, "held") == 0
    assert repository.held_until(later(1000), 9) == []


@pytest.mark.parametrize("others", [20, 2000])
def test_holds_that_are_over_are_found_along_their_index_however_many_orders_there_are(
    others: int, database: Database, commands: Commands
) -> None:
    repository = MongoOrderRepository(database)
    over = [held(seconds) for seconds in (30, 10, 20)]
    has(database, *over)
    has(database, *(held(5000) for _ in range(others)))
    has(database, *(completed() for _ in range(others)), *(pending() for _ in range(others)))
    found = repository.held_until(later(100), 32)
    assert [order.id for order in found] == [over[1].id, over[2].id, over[0].id]
    plan = explained(database, commands, lambda: repository.held_until(later(100), 32))
    stages, indexes = winner(plan)
    assert indexes == {"held"}
    assert not stages & {"COLLSCAN", "SORT"}
    assert plan["executionStats"]["totalDocsExamined"] == 3
    assert plan["executionStats"]["totalKeysExamined"] == 3


def test_a_batch_of_the_holds_that_are_over_costs_no_more_than_the_batch(
    database: Database, commands: Commands
) -> None:
    repository = MongoOrderRepository(database)
    has(database, *(held(1 + number) for number in range(1000)))
    plan = explained(database, commands, lambda: repository.held_until(later(5000), 32))
    stages, _ = winner(plan)
    assert not stages & {"COLLSCAN", "SORT"}
    assert plan["executionStats"]["totalDocsExamined"] == 32
    assert plan["executionStats"]["totalKeysExamined"] == 32


# --- counting them


def test_the_backlog_counts_held_orders_and_those_whose_hold_is_over(database: Database) -> None:
    now = StoreClock(database).now()
    assert (read_backlog(database).held, read_backlog(database).holds_overdue) == (0, 0)
    going_on = [moved_at(pending(at=now, hold=Hold(3600)), now) for _ in range(3)]
    has(database, *going_on, held(), held(), *(completed() for _ in range(5)))
    backlog = read_backlog(database)
    assert (backlog.held, backlog.holds_overdue) == (5, 2)
    assert (backlog.pending, backlog.stuck) == (0, 0)
    database["orders"].update_many({}, {"$unset": {"heldUntil": ""}})
    assert read_backlog(database).held == 0


def test_the_backlog_of_held_orders_is_read_along_their_index_and_no_other_order_is(
    database: Database, commands: Commands
) -> None:
    has(database, *(held() for _ in range(7)), *(completed() for _ in range(300)))
    commands.sent.clear()
    read_backlog(database)
    [sent] = [each for each in commands.named("aggregate") if each["hint"] == "held"]
    kept = {name: sent[name] for name in ("aggregate", "pipeline", "cursor", "hint")}
    plan = database.command("explain", kept, verbosity="executionStats")
    stages, indexes = winner(plan)
    assert indexes == {"held"}
    assert not stages & {"COLLSCAN", "SORT"}
    assert found_in(plan, "totalDocsExamined")[0] <= 7
    assert found_in(plan, "totalKeysExamined")[0] <= 8


# --- how many a customer may have


class MovesAtOnce:
    """A StockMover whose stock never ends."""

    def __init__(self, orders: MongoOrderRepository, clock: StoreClock) -> None:
        self._orders = orders
        self._clock = clock

    def require_available(self) -> None:
        """It always is."""

    def move(self, order: Order, deadline: float) -> Order:
        return self._orders.save(moved_at(order, self._clock.now()))


def creating(database: Database, most: int) -> CreateOrder:
    """As one process does it."""
    orders, clock = MongoOrderRepository(database), StoreClock(database)
    limits = HoldLimits(seconds=86_400, for_each_customer=most)
    stock = MovesAtOnce(orders, clock)
    return CreateOrder(orders, stock, clock, 9, timedelta(days=1), limits)


def asks(customer: str | None = SOMEBODY, seconds: int | None = 600) -> CreateOrderCommand:
    return CreateOrderCommand([Line(ITEM, 1)], customer, hold_seconds=seconds)


def slots_of(orders: list[Order]) -> list[int | None]:
    return [order.hold.slot for order in orders if order.hold]


def test_of_100_creates_at_once_a_customer_gets_as_many_held_orders_as_the_limit_says(
    database: Database,
) -> None:
    processes = [creating(database, most=20) for _ in range(2)]

    def create(number: int) -> Order | None:
        try:
            return processes[number % 2](asks()).order
        except TooManyHolds:
            return None

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(create, range(100)))
    created = [order for order in answers if order]
    assert [order.status for order in created] == ["RESERVED"] * 20
    assert sorted(slot or 0 for slot in slots_of(created)) == list(range(1, 21))
    assert database["orders"].count_documents({}) == 20
    assert keys_in(database, "held") == keys_in(database, "one_hold_for_each_slot") == 20


def test_a_customer_at_the_limit_may_buy_at_once_and_others_may_hold(database: Database) -> None:
    create = creating(database, most=1)
    create(asks())
    with pytest.raises(TooManyHolds):
        create(asks())
    assert create(asks(seconds=None)).order.status is OrderStatus.COMPLETED
    assert create(asks("somebody else")).order.status is OrderStatus.RESERVED
    for _ in range(3):
        # Of customers that nobody knows nobody can say who is who.
        assert create(asks(None)).order.status is OrderStatus.RESERVED


@pytest.mark.parametrize(
    "end",
    [
        lambda order: order.confirm(order.updated_at, CALLER),
        lambda order: moved_at(order.request_cancel(order.updated_at, CALLER), order.updated_at),
        lambda order: moved_at(order.expire(order.held_until), order.held_until),
    ],
    ids=["confirmed", "cancelled", "expired"],
)
def test_a_slot_is_free_again_with_the_write_that_ends_the_order_that_had_it(
    end: Callable[[Order], Order], database: Database
) -> None:
    create, repository = creating(database, most=1), MongoOrderRepository(database)
    order = create(asks()).order
    assert repository.hold_slots(SOMEBODY) == {1}
    repository.save(end(order))
    assert repository.hold_slots(SOMEBODY) == set()
    assert create(asks()).order.status is OrderStatus.RESERVED


def test_an_order_whose_stock_is_still_on_its_way_back_keeps_its_slot(database: Database) -> None:
    create, repository = creating(database, most=1), MongoOrderRepository(database)
    order = create(asks()).order
    asked = repository.save(order.request_cancel(order.updated_at, CALLER))
    with pytest.raises(TooManyHolds):
        create(asks())
    repository.save(moved_at(asked, asked.updated_at))
    create(asks())


def test_an_order_that_failed_before_it_was_held_frees_its_slot(database: Database) -> None:
    repository = MongoOrderRepository(database)
    order = repository.add(pending(hold=Hold(60, 1), customer_id=SOMEBODY))
    repository.save(order.fail(Failure(FailureCode.INVENTORY_UNAVAILABLE), later(1)))
    repository.add(pending(hold=Hold(60, 1), customer_id=SOMEBODY))


def test_a_customers_slots_are_found_without_reading_the_customers_other_orders(
    database: Database, commands: Commands
) -> None:
    repository = MongoOrderRepository(database)
    has(database, *(completed(customer_id=SOMEBODY) for _ in range(2000)))
    has(database, *(completed(customer_id="somebody else") for _ in range(2)))
    has(database, *(held(slot=slot, customer_id=SOMEBODY) for slot in (1, 7)))
    for _ in range(5):
        # Whatever plan suits a customer of few orders.
        assert repository.hold_slots("somebody else") == set()
    plan = explained(database, commands, lambda: repository.hold_slots(SOMEBODY))
    assert repository.hold_slots(SOMEBODY) == {1, 7}
    _, indexes = winner(plan)
    assert indexes == {"one_hold_for_each_slot"}
    assert plan["executionStats"]["totalKeysExamined"] <= 3


def test_slots_are_seen_as_soon_as_their_index_has_them_whatever_a_majority_knows(
    database: Database, commands: Commands
) -> None:
    commands.sent.clear()
    MongoOrderRepository(database).hold_slots(SOMEBODY)
    [find] = commands.named("find")
    assert find["readConcern"] == {"level": "local"}


NAMES_OF_THE_SLOT = ["one_hold_for_each_slot", "hold.slot", '{ "hold.slot": 1 }', "customerId"]


@pytest.mark.parametrize("name", NAMES_OF_THE_SLOT)
def test_a_taken_key_that_is_called_like_the_index_of_the_slots_is_told_as_a_taken_key(
    name: str, database: Database
) -> None:
    repository = MongoOrderRepository(database)
    same = {"idempotency": key(name, caller=name), "customer_id": name}
    holder = repository.add(pending(hold=Hold(60, 1), **same))
    with pytest.raises(IdempotencyKeyTaken) as taken:
        repository.add(pending(hold=Hold(60, 2), **same))
    assert taken.value.holder == holder


@pytest.mark.parametrize("name", [*NAMES_OF_THE_SLOT, "one_order_for_each_key", "idempotency.key"])
def test_a_taken_slot_is_told_as_a_taken_slot_whatever_the_key_is_called(
    name: str, database: Database
) -> None:
    repository = MongoOrderRepository(database)
    repository.add(pending(hold=Hold(60, 1), customer_id=name, idempotency=key(name)))
    with pytest.raises(HoldSlotTaken):
        repository.add(
            pending(hold=Hold(60, 1), customer_id=name, idempotency=key(f"other {name}"))
        )


def test_of_many_orders_added_at_once_each_is_told_what_was_taken_of_it(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    repository.add(pending(hold=Hold(60, 1), customer_id=SOMEBODY, idempotency=key()))
    orders = [
        pending(hold=Hold(60, 1), customer_id=SOMEBODY),
        pending(idempotency=key()),
        pending(hold=Hold(60, 2), customer_id=SOMEBODY),
    ] * 10
    orders = [replace(order, id=repository.next_id()) for order in orders]

    def add(order: Order) -> str:
        try:
            repository.add(order)
        except (HoldSlotTaken, IdempotencyKeyTaken) as error:
            return type(error).__name__
        return "stored"

    with ThreadPoolExecutor(len(orders)) as threads:
        told = list(threads.map(add, orders))
    assert told[::3] == ["HoldSlotTaken"] * 10
    assert told[1::3] == ["IdempotencyKeyTaken"] * 10
    assert sorted(told[2::3]) == [*["HoldSlotTaken"] * 9, "stored"]
