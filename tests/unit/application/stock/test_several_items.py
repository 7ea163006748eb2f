"""Moving the stock of several items, all or none, over both contracts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from order_service.application.stock.lease import Lease, Primary
from order_service.domain.errors import (
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage
from order_service.domain.moves import Intent, Overwrite
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.domain.stock import StockReading
from tests.unit.application.stock.exploring import crash, recover
from tests.unit.application.stock.processes import Process, Slow, quietly
from tests.unit.application.stock.promises import broken_promises
from tests.unit.application.stock.wires import Crash, DiesAt, Recording, Tripwire
from tests.unit.application.stock.world import CANCELS, HOLD, LONG, A, B, C, World
from tests.unit.fakes import PRICE

SOON = 5.0


@pytest.fixture
def world() -> World:
    return World()


def move(world: World, contract: str, order: Order, wire: Tripwire | None = None) -> Order:
    deadline = world.clock.monotonic() + SOON
    return Process(world, contract, wire).move(order, deadline)


def settle_later(world: World, contract: str = "absolute") -> None:
    world.clock.sleep(30)
    Process(world, contract).settle()


def stands(world: World, order: Order) -> Order:
    return world.orders.by_id[order.id]


def moves_of(order: Order) -> dict[str, tuple[bool, bool]]:
    return {
        line.item_id: (line.taken is not None, line.returned is not None) for line in order.lines
    }


def cancelling(world: World, contract: str, *wanted: tuple[str, int]) -> Order:
    done = move(world, contract, world.place(*wanted))
    return world.orders.save(done.request_cancel(world.clock.now(), CANCELS))


def expiring(world: World, contract: str, *wanted: tuple[str, int]) -> Order:
    held = move(world, contract, world.place(*wanted, hold=HOLD))
    world.clock.sleep(HOLD)
    return world.orders.save(held.expire(world.clock.now()))


# --- the absolute contract: one commit


def test_an_order_of_one_line_costs_one_write_of_a_lease_and_one_overwrite(world: World) -> None:
    wire = Recording()
    order = world.place((A, 3))
    assert move(world, "absolute", order, wire).status is OrderStatus.COMPLETED
    assert wire.names == ["look", "get_many", "read", "acquire", "overwrite", "save_all", "release"]


def test_an_order_of_several_lines_reads_all_takes_all_leases_and_only_then_overwrites(
    world: World,
) -> None:
    wire = Recording()
    order = world.place((C, 1), (A, 3), (B, 2))
    done = move(world, "absolute", order, wire)
    assert wire.names == [
        *["look", "get_many", "read", "read", "read", "acquire_all", "acquire"],
        *["overwrite", "overwrite", "overwrite", "save_all", "release"],
    ]
    assert wire.arguments("look") == [(A, B, C)]
    assert done.status is OrderStatus.COMPLETED
    assert done.total_price == 6 * PRICE
    assert world.inventory.stock == {A: 7, B: 8, C: 9}
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B, C]))


def test_the_highest_items_lease_has_the_whole_intent_and_the_others_name_that_lease(
    world: World,
) -> None:
    seen: list[Lease] = []
    wire = Recording(overwrite=lambda: seen.extend(world.leases.look([A, B, C])))
    order = world.place((C, 1), (A, 3), (B, 2))
    move(world, "absolute", order, wire)
    first, second, primary = seen[:3]
    assert first.primary == second.primary == Primary(C, primary.fence)
    assert (first.intent, second.intent, primary.primary) == (None, None, None)
    overwrites = (
        Overwrite(A, 10, 7, PRICE),
        Overwrite(B, 10, 8, PRICE),
        Overwrite(C, 10, 9, PRICE),
    )
    assert primary.intent == Intent((order.id,), overwrites, world.clock.now(), fence=primary.fence)


def test_a_basket_that_does_not_fit_writes_no_lease_and_overwrites_nothing(world: World) -> None:
    world.has(A, 2)
    world.has(C, 0)
    wire = Recording()
    order = world.place((C, 1), (A, 3), (B, 2))
    refused = move(world, "absolute", order, wire)
    short = (Shortage(C, 0), Shortage(A, 2))
    assert refused.failure == Failure(FailureCode.INSUFFICIENT_STOCK, short)
    assert wire.names == ["look", "get_many", "read", "read", "read", "save_all"]


def test_a_basket_with_missing_items_names_them_beside_those_that_are_short(world: World) -> None:
    order = world.place(("d" * 24, 1), (A, 11), ("e" * 24, 1))
    refused = move(world, "absolute", order)
    short = (Shortage("d" * 24, None), Shortage(A, 10), Shortage("e" * 24, None))
    assert refused.failure == Failure(FailureCode.ITEM_NOT_FOUND, short)
    assert world.inventory.overwrites == []


def commit(
    world: World, items: tuple[str, ...], orders: Sequence[Order], wire: Tripwire
) -> dict[str, Order]:
    return Process(world, "absolute", wire).move_together(items, orders)


def test_orders_of_the_same_items_are_moved_by_the_same_overwrites(world: World) -> None:
    orders = [world.place((A, 3), (B, 2)), world.place((B, 1), (A, 4)), world.place((A, 4), (B, 1))]
    wire = Recording()
    moved = commit(world, (A, B), orders, wire)
    assert [moved[order.id].status for order in orders] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert wire.arguments("overwrite") == [A, B]
    assert world.inventory.stock == {A: 3, B: 7, C: 10}
    assert moved[orders[2].id].failure == Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(A, 3),))


def test_items_of_which_as_much_is_given_back_as_taken_are_not_overwritten(world: World) -> None:
    returning = cancelling(world, "absolute", (A, 3), (B, 2))
    taking = world.place((A, 3), (B, 4))
    wire = Recording()
    moved = commit(world, (A, B), [returning, taking], wire)
    assert [order.status for order in moved.values()] == ["CANCELLED", "COMPLETED"]
    assert wire.arguments("overwrite") == [B]
    assert world.inventory.stock == {A: 7, B: 6, C: 10}


def unsent(world: World, item_id: str, error: Exception) -> None:
    """No overwrite of the item is sent."""
    overwrite = world.inventory.overwrite

    def refuse(item: str, stock: int, not_after: float) -> None:
        if item == item_id:
            raise error
        overwrite(item, stock, not_after)

    world.inventory.overwrite = refuse  # type: ignore[method-assign]


def test_a_commit_whose_first_overwrite_is_not_sent_is_withdrawn_and_leaves_nothing_open(
    world: World,
) -> None:
    unsent(world, A, InventoryUnavailable("refused"))
    order = world.place((A, 3), (B, 2))
    with pytest.raises(InventoryUnavailable):
        move(world, "absolute", order)
    assert world.inventory.stock == dict.fromkeys((A, B, C), 10)
    leases = world.leases.look([A, B])
    assert not any(lease.held or lease.is_open for lease in leases)
    assert [lease.fence for lease in leases] == [1, 2]


def test_a_commit_whose_first_item_is_gone_meanwhile_is_planned_anew(world: World) -> None:
    def gone(item_id: str, stock: int, not_after: float) -> None:
        del world.inventory.stock[A]
        raise ItemNotFound(A)

    world.inventory.overwrite = gone  # type: ignore[method-assign]
    one, other = world.place((A, 3), (B, 2)), world.place((A, 1), (B, 9))
    for order in (one, other):
        moved = move(world, "absolute", order)
        short = (Shortage(A, None),)
        assert moved.failure == Failure(FailureCode.ITEM_NOT_FOUND, short)
    assert world.inventory.stock == {B: 10, C: 10}
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B]))


@pytest.mark.parametrize("error", [InventoryUnavailable("refused"), ItemNotFound(B)])
def test_a_commit_whose_first_overwrite_went_out_is_never_taken_back(
    error: Exception, world: World
) -> None:
    overwrite = world.inventory.overwrite
    unsent(world, B, error)
    order = world.place((A, 3), (B, 2), (C, 1))
    with pytest.raises(OutcomeUnknown):
        move(world, "absolute", order)
    # The others were sent side by side.
    assert world.inventory.stock == {A: 7, B: 10, C: 9}
    world.inventory.overwrite = overwrite  # type: ignore[method-assign]
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED
    assert world.inventory.stock == {A: 7, B: 8, C: 9}


# --- an inventory that takes a second for each call

MANY = [f"{number:024x}" for number in range(1, 31)]


def slow_inventory(world: World) -> None:
    """Thirty calls take three times as long as a lease."""
    for item in MANY:
        world.has(item, 10)
    read = world.inventory.read

    def slow_read(item_id: str) -> StockReading:
        world.clock.sleep(1)
        return read(item_id)

    # The fake inventory reads a stock before it overwrites the stock, too.
    world.inventory.read = slow_read  # type: ignore[method-assign]


def test_a_commit_that_lasts_longer_than_a_lease_renews_its_lease(world: World) -> None:
    slow_inventory(world)
    order = world.place(*((item, 1) for item in MANY))
    assert move(world, "absolute", order).status is OrderStatus.COMPLETED
    assert {world.inventory.stock[item] for item in MANY} == {9}
    assert not any(lease.held or lease.is_open for lease in world.leases.look(MANY))


def test_a_commit_that_lasts_longer_than_a_lease_is_rolled_forward_in_one_pass(
    world: World,
) -> None:
    slow_inventory(world)
    order = world.place(*((item, 1) for item in MANY))
    quietly(lambda: move(world, "absolute", order, DiesAt("overwrite", after=True)))
    assert sum(world.inventory.stock[item] for item in MANY) == 30 * 10 - 1
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED
    assert {world.inventory.stock[item] for item in MANY} == {9}


def test_a_commit_whose_lease_somebody_took_over_meanwhile_leaves_the_rest_to_them(
    world: World,
) -> None:
    slow_inventory(world)
    order = world.place(*((item, 1) for item in MANY))
    primary = MANY[-1]

    def taken_over(lease: Lease) -> bool:
        world.leases.expiries[primary] = 0
        [seen] = world.leases.look([primary])
        return world.leases.acquire(seen, seen.intent) is None

    world.leases.renew = taken_over  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        move(world, "absolute", order)
    del world.leases.renew  # type: ignore[attr-defined]
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED
    assert {world.inventory.stock[item] for item in MANY} == {9}


# --- what a process that died has left


def died_decided(world: World, order: Order) -> None:
    """The first overwrite went out, and then the process died."""
    quietly(lambda: move(world, "absolute", order, DiesAt("overwrite", after=True)))


def died_undecided(world: World, order: Order) -> None:
    """The process died between the secondaries' leases and the primary's."""
    quietly(lambda: move(world, "absolute", order, DiesAt("acquire", after=False)))


@pytest.mark.parametrize("asked", [A, B, C])
def test_a_decided_commit_is_rolled_forward_whole_by_whoever_wants_any_of_its_items(
    asked: str, world: World
) -> None:
    order = world.place((A, 3), (B, 2), (C, 1))
    died_decided(world, order)
    assert world.inventory.stock == {A: 7, B: 10, C: 10}
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((asked, 1))).status is OrderStatus.COMPLETED
    assert stands(world, order).status is OrderStatus.COMPLETED
    expected = {A: 7, B: 8, C: 9}
    assert world.inventory.stock == expected | {asked: expected[asked] - 1}
    assert not any(lease.is_open for lease in world.leases.look([A, B, C]))


@pytest.mark.parametrize("asked", [A, B, C])
def test_a_commit_that_was_not_decided_holds_up_nobody_once_its_leases_ended(
    asked: str, world: World
) -> None:
    order = world.place((A, 3), (B, 2), (C, 1))
    died_undecided(world, order)
    assert [lease.primary for lease in world.leases.look([A, B, C])] == [
        Primary(C, 1),
        Primary(C, 1),
        None,
    ]
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((asked, 1))).status is OrderStatus.COMPLETED
    assert stands(world, order).status is OrderStatus.PENDING
    settle_later(world)
    assert stands(world, order).failure == Failure(FailureCode.ABANDONED)
    assert sum(world.inventory.stock.values()) == 29


def test_whoever_finds_an_undecided_secondary_first_makes_sure_that_nobody_can_decide_any_more(
    world: World,
) -> None:
    slow = Slow(world, "absolute", lambda process: process.create((A, 3), (B, 2)), ["acquire_all"])
    slow.go_on()
    world.clock.sleep(LONG)
    [secondary, primary] = world.leases.look([A, B])
    assert (secondary.primary, primary.fence) == (Primary(B, 1), 0)
    assert move(world, "absolute", world.place((A, 1))).status is OrderStatus.COMPLETED
    assert world.leases.look([B])[0].fence == 2
    # The slow process does not get the primary, and begins again.
    slow.end()
    assert world.inventory.stock == {A: 6, B: 8, C: 10}
    recover(world, "absolute")
    assert broken_promises(world, "absolute") == []


def test_a_secondary_waits_while_its_primary_is_held_also_when_its_own_lease_has_ended(
    world: World,
) -> None:
    order = world.place((A, 3), (B, 2))
    died_decided(world, order)
    world.leases.expiries[A] = 0
    with pytest.raises(InventoryUnavailable):
        move(world, "absolute", world.place((A, 1)))
    assert stands(world, order).status is OrderStatus.PENDING
    assert world.inventory.stock == {A: 7, B: 10, C: 10}


def test_a_secondary_of_a_commit_that_lost_its_primary_to_another_commit_is_cleared(
    world: World,
) -> None:
    """Both had seen the primary at the same fence, so both name the same fence."""
    lost = world.place((A, 3), (C, 1))
    died_undecided(world, lost)
    won = world.place((B, 2), (C, 1))
    died_decided(world, won)
    assert [lease.primary for lease in world.leases.look([A, B])] == [Primary(C, 1)] * 2
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((A, 1))).status is OrderStatus.COMPLETED
    assert stands(world, won).status is OrderStatus.COMPLETED
    assert stands(world, lost).status is OrderStatus.PENDING
    assert world.inventory.stock == {A: 9, B: 8, C: 9}


def test_a_primary_that_is_more_than_one_fence_behind_is_moved_on_until_nobody_can_decide(
    world: World,
) -> None:
    """A failover took back what the secondary's holder had seen of the primary."""
    [free] = world.leases.look([A])
    world.leases.acquire_all([free], Primary(B, 5))
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((A, 1))).status is OrderStatus.COMPLETED
    assert world.leases.look([B])[0].fence >= 5


# --- a commit to which others were faster


def raced(world: World, *wanted: tuple[str, int]) -> None:
    world.leases.races.append(lambda world: move(world, "absolute", world.place(*wanted)))


def test_a_commit_that_lost_a_race_takes_its_leases_before_it_reads_the_stocks_again(
    world: World,
) -> None:
    raced(world, (A, 1))
    held: list[list[Lease]] = []
    wire = Recording(read=lambda: held.append(world.leases.look([A, B, C])))
    order = world.place((C, 1), (A, 3), (B, 2))
    assert move(world, "absolute", order, wire).status is OrderStatus.COMPLETED
    assert wire.names == [
        *["look", "get_many", "read", "read", "read", "acquire_all", "release"],
        *["look", "acquire_all", "look", "acquire_all"],
        *["get_many", "read", "read", "read", "acquire_again"],
        *["overwrite", "overwrite", "overwrite", "save_all", "release"],
    ]
    assert [[lease.held for lease in leases] for leases in held] == [
        *[[False] * 3] * 3,
        *[[True] * 3] * 3,
    ]
    reserved = held[-1]
    assert [lease.primary for lease in reserved] == [Primary(C, reserved[-1].fence + 1)] * 3
    assert world.inventory.stock == {A: 6, B: 8, C: 9}
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B, C]))


def test_a_commit_that_reserves_holds_leases_of_higher_items_alone_while_it_waits_for_one(
    world: World,
) -> None:
    raced(world, (A, 1))
    seen: list[list[bool]] = []

    def somebody_has_b() -> None:
        seen.append([lease.held for lease in world.leases.look([A, B, C])])
        if len(seen) == 2:
            [free] = world.leases.look([B])
            assert world.leases.acquire(free, Intent.to_abandon("0" * 24, world.clock.now()))
        if len(seen) == 5:
            world.leases.clear(world.leases.look([B])[0])

    wire = Recording(look=somebody_has_b)
    order = world.place((C, 1), (A, 3), (B, 2))
    assert move(world, "absolute", order, wire).status is OrderStatus.COMPLETED
    # Before each look: B is somebody else's, C its own, and A nobody's.
    assert seen == [[False, False, False]] * 2 + [[False, True, True]] * 3


def test_a_commit_that_loses_again_and_again_ends_at_its_deadline_and_holds_nothing(
    world: World,
) -> None:
    world.has(B, 5000)
    for _ in range(5000):
        raced(world, (B, 1))
    order = world.place((A, 3), (B, 2))
    with pytest.raises(InventoryUnavailable):
        move(world, "absolute", order)
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B]))
    assert world.inventory.stock[A] == 10


def test_a_reserved_basket_that_does_not_fit_gives_its_leases_back(world: World) -> None:
    world.has(B, 2)
    raced(world, (B, 1))
    order = world.place((A, 3), (B, 2))
    refused = move(world, "absolute", order)
    assert refused.failure == Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(B, 1),))
    assert world.inventory.overwrites == [B]
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B]))


def test_a_reserved_basket_whose_inventory_goes_away_gives_its_leases_back(world: World) -> None:
    def away_now(world: World) -> None:
        move(world, "absolute", world.place((B, 1)))
        world.inventory.read = away  # type: ignore[method-assign]

    def away(item_id: str) -> Any:
        raise InventoryUnavailable("away")

    world.leases.races.append(away_now)
    with pytest.raises(InventoryUnavailable):
        move(world, "absolute", world.place((A, 3), (B, 2)))
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B]))


def test_a_store_that_goes_away_during_a_reservation_leaves_no_lease_that_was_had(
    world: World,
) -> None:
    def store_is_away(_: World) -> None:
        raise StoreUnavailable("down")

    raced(world, (A, 1))
    # The next lease is the primary's, and the one behind that is not had.
    world.leases.races += [lambda world: None, store_is_away]
    order = world.place((A, 3), (B, 2))
    with pytest.raises(StoreUnavailable):
        move(world, "absolute", order)
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B]))
    assert stands(world, order) == order


def test_a_reserved_cancellation_whose_highest_item_is_gone_gives_back_the_others(
    world: World,
) -> None:
    order = cancelling(world, "absolute", (A, 3), (B, 2), (C, 1))
    del world.inventory.stock[C]
    raced(world, (A, 1))
    part = move(world, "absolute", order)
    assert moves_of(part) == {A: (True, True), B: (True, True), C: (True, False)}
    assert world.inventory.stock == {A: 9, B: 10}
    assert not any(lease.held or lease.is_open for lease in world.leases.look([A, B, C]))


@pytest.mark.parametrize("asked", [A, B])
def test_a_reservation_whose_process_died_holds_up_nobody_once_its_leases_ended(
    asked: str, world: World
) -> None:
    raced(world, (C, 1), (A, 1))
    order = world.place((A, 3), (B, 2))
    quietly(lambda: move(world, "absolute", order, DiesAt("acquire_again", after=False)))
    assert [lease.primary for lease in world.leases.look([A, B])] == [Primary(B, 2)] * 2
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((asked, 1))).status is OrderStatus.COMPLETED
    assert world.leases.look([B])[0].fence >= 2
    settle_later(world)
    assert stands(world, order).failure == Failure(FailureCode.ABANDONED)
    assert move(world, "absolute", world.place((A, 1), (B, 1))).status is OrderStatus.COMPLETED


def test_a_reservation_that_was_ended_by_somebody_else_can_not_be_decided_any_more(
    world: World,
) -> None:
    seen, other_world = Recording(), World()
    raced(other_world, (C, 1), (A, 1))
    Process(other_world, "absolute", seen).create((A, 3), (B, 2))
    last_before_it_decides = seen.names.index("acquire_again") - 1
    raced(world, (C, 1), (A, 1))
    slow = Slow(
        world,
        "absolute",
        lambda process: process.create((A, 3), (B, 2)),
        [last_before_it_decides],
    )
    slow.go_on()
    [mine, primary] = world.leases.look([A, B])
    assert mine.primary == primary.primary == Primary(B, 2)
    world.clock.sleep(LONG)
    assert move(world, "absolute", world.place((A, 1))).status is OrderStatus.COMPLETED
    slow.end()
    recover(world, "absolute")
    assert broken_promises(world, "absolute") == []


# --- evidence


def left_behind(world: World, *orders: Order, items: tuple[str, ...] = ()) -> None:
    """All overwrites went out, and then the process died. The log has yet to learn of them.
    ``items``: without them, those of the first order."""
    items = items or tuple(sorted(orders[0].stock_changes))
    wire = Recording(save_all=lambda: crash(None))
    quietly(lambda: commit(world, items, orders, wire))
    world.inventory.changes.clear()
    world.clock.sleep(LONG)


def test_a_line_whose_stock_somebody_else_wrote_is_stuck_and_the_others_are_taken(
    world: World,
) -> None:
    order = world.place((C, 1), (A, 3), (B, 2))
    left_behind(world, order)
    world.inventory.stock[B] = 50
    settle_later(world)
    marked = stands(world, order)
    assert marked.phase is OrderPhase.TAKING_STUCK
    assert marked.stuck is not None
    assert marked.stuck.items == (B,)
    assert marked.stuck.reason == (
        f"The stock of item {B} was to go from 10 to 8 and is 50: somebody else wrote it, and the "
        "stock-change log lacks the change."
    )
    assert moves_of(marked) == {C: (True, False), A: (True, False), B: (False, False)}
    # The stuck order holds up no other order of its items.
    assert move(world, "absolute", world.place((A, 1), (B, 1), (C, 1))).status == "COMPLETED"
    world.inventory.changes.append((B, 10, 8))
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED


def test_every_line_in_doubt_needs_its_own_entry_in_the_log(world: World) -> None:
    order = world.place((A, 3), (B, 2), (C, 1))
    left_behind(world, order)
    world.inventory.stock |= {A: 50, C: 50}
    settle_later(world)
    marked = stands(world, order)
    assert marked.stuck is not None
    assert marked.stuck.items == (A, C)
    assert all(f"The stock of item {item} was to go" in marked.stuck.reason for item in (A, C))
    world.inventory.changes.append((A, 10, 7))
    settle_later(world)
    assert stands(world, order) == marked
    world.inventory.changes.append((C, 10, 9))
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED


def test_an_item_that_is_gone_leaves_its_line_stuck(world: World) -> None:
    order = world.place((A, 3), (B, 2))
    left_behind(world, order)
    del world.inventory.stock[B]
    settle_later(world)
    marked = stands(world, order)
    assert marked.stuck is not None
    assert marked.stuck.items == (B,)
    assert marked.stuck.reason == (
        f"The inventory no longer has item {B}, so the item's stock shows nothing."
    )


def test_an_item_that_is_gone_is_in_no_doubt_where_the_log_has_the_change(world: World) -> None:
    order = world.place((A, 3), (B, 2))
    left_behind(world, order)
    del world.inventory.stock[B]
    world.inventory.changes.append((B, 10, 8))
    settle_later(world)
    assert stands(world, order).status is OrderStatus.COMPLETED


def test_an_item_that_is_to_keep_its_stock_is_never_in_doubt(world: World) -> None:
    returning = cancelling(world, "absolute", (A, 3), (B, 2))
    taking = world.place((A, 3), (B, 4))
    left_behind(world, returning, taking)
    world.inventory.stock[A] = 50
    settle_later(world)
    assert stands(world, returning).status is OrderStatus.CANCELLED
    assert stands(world, taking).status is OrderStatus.COMPLETED
    assert world.inventory.stock == {A: 50, B: 6, C: 10}


def test_an_order_that_was_stored_proves_each_overwrite_to_the_orders_beside_it(
    world: World,
) -> None:
    stored, other = world.place((A, 3), (B, 2)), world.place((A, 1), (B, 1))
    left_behind(world, stored, other)
    intent = world.leases.intents[B]
    assert intent is not None
    world.orders.save(stored.stock_moved(intent.moved, world.clock.now()))
    world.inventory.stock[A] = 50
    del world.inventory.stock[B]
    settle_later(world)
    assert stands(world, other).status is OrderStatus.COMPLETED


@contextmanager
def dying_after_one(world: World) -> Iterator[None]:
    """Whoever saves several orders dies when the first is saved."""
    save_all = world.orders.save_all

    def save_one(orders: Sequence[Order]) -> list[Order]:
        save_all(orders[:1])
        raise Crash

    world.orders.save_all = save_one  # type: ignore[method-assign]
    try:
        with suppress(Crash):
            yield
    finally:
        del world.orders.save_all


def test_a_person_who_fails_one_order_of_a_commit_decides_no_order_beside_it(
    world: World,
) -> None:
    failed, other = world.place((A, 3)), world.place((A, 1))
    left_behind(world, failed, other)
    world.inventory.stock[A] = 50
    intent = world.leases.intents[A]
    with dying_after_one(world):
        settle_later(world)
    assert world.leases.intents[A] == intent
    marked = stands(world, failed)
    world.orders.save(marked.decide(Decision(OrderStatus.FAILED, "I looked.", world.clock.now())))
    settle_later(world)
    left = stands(world, other)
    assert (left.status, left.stuck is not None) == (OrderStatus.PENDING, True)


def test_an_order_that_an_earlier_commit_moved_in_part_proves_only_the_rest_to_the_others(
    world: World,
) -> None:
    """Its A was given back while there was no B; now its B is, in the commit that takes an A."""
    returning = cancelling(world, "absolute", (A, 3), (B, 2))
    gone = world.inventory.stock.pop(B)
    assert moves_of(move(world, "absolute", returning))[B] == (True, False)
    world.inventory.stock[B] = gone
    other = world.place((A, 1), (B, 1))
    left_behind(world, stands(world, returning), other, items=(A, B))
    world.inventory.stock[A] = 50
    with dying_after_one(world):
        settle_later(world)
    assert stands(world, returning).status is OrderStatus.CANCELLED
    settle_later(world)
    marked = stands(world, other)
    assert marked.stuck is not None
    assert marked.stuck.items == (A,)


@pytest.mark.parametrize("hold", [None, HOLD], ids=["cancellation", "expiry"])
def test_a_late_doubt_about_an_orders_goods_leaves_the_return_of_the_goods_alone(
    hold: int | None, world: World
) -> None:
    order = world.place((A, 3), (B, 2), hold=hold)
    left_behind(world, order)
    world.inventory.stock[B] = 50
    # It has looked into the log, and has yet to store what it found.
    late = Slow(world, "absolute", lambda process: process.settle(), ["has_change"])
    late.go_on()
    assert late.times_stopped == 1
    # Meanwhile the log learns of the change, and somebody else settles the order by it.
    world.inventory.changes.append((B, 10, 8))
    world.clock.sleep(LONG)
    Process(world, "absolute").settle()
    done = stands(world, order)
    assert done.phase is (OrderPhase.HELD if hold else OrderPhase.COMPLETED)
    world.clock.sleep(HOLD)
    now = world.clock.now()
    asked = world.orders.save(done.expire(now) if hold else done.request_cancel(now, CANCELS))
    late.end()
    after = stands(world, order)
    assert (after.phase, after.lines) == (asked.phase, asked.lines)


def test_a_given_up_order_gives_back_what_it_took_under_the_absolute_contract(
    world: World,
) -> None:
    order = world.place((A, 3), (B, 2), (C, 1))
    left_behind(world, order)
    world.inventory.stock[B] = 50
    settle_later(world)
    word = Decision(OrderStatus.FAILED, "I counted.", world.clock.now())
    given_up = world.orders.save(stands(world, order).decide(word))
    assert given_up.phase is OrderPhase.GIVEN_UP
    settle_later(world)
    failed = stands(world, order)
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, Failure(FailureCode.DECIDED))
    assert moves_of(failed) == {A: (True, True), B: (False, False), C: (True, True)}
    assert world.inventory.stock == {A: 10, B: 50, C: 10}


@pytest.mark.parametrize("hold", [None, HOLD], ids=["cancellation", "expiry"])
@pytest.mark.parametrize("contract", ["absolute", "conditional"])
def test_a_return_gives_back_what_it_can_and_is_stuck_with_the_item_that_is_gone(
    contract: str, hold: int | None, world: World
) -> None:
    wanted = (A, 3), (B, 2), (C, 1)
    order = expiring(world, contract, *wanted) if hold else cancelling(world, contract, *wanted)
    gone = world.inventory.stock.pop(B)
    quietly(lambda: move(world, contract, order))
    settle_later(world, contract)
    marked = stands(world, order)
    assert moves_of(marked) == {A: (True, True), B: (True, False), C: (True, True)}
    assert marked.phase is (OrderPhase.EXPIRING_STUCK if hold else OrderPhase.CANCELLING_STUCK)
    assert marked.stuck is not None
    assert marked.stuck.items == (B,)
    assert B in marked.stuck.reason
    assert world.inventory.stock == {A: 10, C: 10}
    world.inventory.stock[B] = gone
    word = Decision(OrderStatus.FAILED, "The item is back.", world.clock.now())
    world.orders.save(marked.decide(word))
    settle_later(world, contract)
    ended = stands(world, order)
    assert ended.status is (OrderStatus.EXPIRED if hold else OrderStatus.CANCELLED)
    assert world.inventory.stock == {A: 10, C: 10, B: 10}


# --- the conditional contract


def test_each_line_is_an_operation_of_its_own_in_the_order_of_the_items(world: World) -> None:
    wire = Recording()
    order = world.place((C, 1), (A, 3), (B, 2))
    done = move(world, "conditional", order, wire)
    assert wire.calls_made == [
        ("deduct", A),
        ("deduct", B),
        ("deduct", C),
        ("save_all", [done_as(done)]),
    ]
    assert set(world.inventory.operations) == {
        ("deduct", f"{order.id}:{item}") for item in (A, B, C)
    }
    assert moves_of(done) == dict.fromkeys((C, A, B), (True, False))


def done_as(done: Order) -> Any:
    """The order as it was when it was saved."""

    class Same:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Order) and other.saved() == done

        __hash__ = None  # type: ignore[assignment]

    return Same()


def test_an_order_of_one_line_keeps_its_own_id_as_its_operation(world: World) -> None:
    order = world.place((A, 3))
    move(world, "conditional", order)
    assert set(world.inventory.operations) == {("deduct", order.id)}


def test_a_refused_line_is_recorded_before_the_lines_that_were_taken_are_given_back(
    world: World,
) -> None:
    world.has(C, 0)
    order = world.place((C, 1), (A, 3), (B, 2))
    seen: list[Order] = []
    wire = Recording(restore=lambda: seen.append(stands(world, order)))
    failed = move(world, "conditional", order, wire)
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(C, 0),))
    assert wire.names == ["deduct"] * 3 + ["save", "restore", "restore", "save_all"]
    assert {(each.phase, each.failure) for each in seen} == {(OrderPhase.GIVEN_UP, failure)}
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, failure)
    assert moves_of(failed) == {C: (False, False), A: (True, True), B: (True, True)}
    assert world.inventory.stock == {A: 10, B: 10, C: 0}


def test_an_order_whose_first_line_is_refused_fails_in_one_write(world: World) -> None:
    world.has(A, 1)
    wire = Recording()
    failed = move(world, "conditional", world.place((B, 2), (A, 3)), wire)
    assert wire.names == ["deduct", "save"]
    assert failed.failure == Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(A, 1),))


def test_a_missing_item_behind_others_fails_the_order_as_not_found(world: World) -> None:
    missing = "d" * 24
    failed = move(world, "conditional", world.place((missing, 1), (A, 3)))
    assert failed.failure == Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(missing, None),))
    assert world.inventory.stock == dict.fromkeys((A, B, C), 10)


@pytest.mark.parametrize(
    "error", [InventoryUnavailable("away"), OutcomeUnknown("cut", in_flight=True)]
)
def test_a_refusal_stands_while_what_was_taken_can_not_be_given_back_yet(
    error: Exception, world: World
) -> None:
    world.has(B, 1)
    restore = world.inventory.restore

    def away(*_: object) -> Any:
        raise error

    world.inventory.restore = away  # type: ignore[method-assign]
    order = world.place((A, 3), (B, 2))
    refused = move(world, "conditional", order)
    assert (refused.phase, refused) == (OrderPhase.GIVEN_UP, stands(world, order))
    world.inventory.restore = restore  # type: ignore[method-assign]
    settle_later(world, "conditional")
    failed = stands(world, order)
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(B, 1),))
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, failure)
    assert world.inventory.stock == {A: 10, B: 1, C: 10}


def test_an_inventory_that_goes_away_behind_the_first_line_leaves_the_order_to_settlement(
    world: World,
) -> None:
    deduct = world.inventory.deduct

    def away_for_b(item_id: str, *rest: Any) -> Any:
        if item_id == B:
            raise InventoryUnavailable("away")
        return deduct(item_id, *rest)

    world.inventory.deduct = away_for_b  # type: ignore[method-assign]
    order = world.place((A, 3), (B, 2))
    with pytest.raises(OutcomeUnknown):
        move(world, "conditional", order)
    assert stands(world, order) == order
    world.inventory.deduct = deduct  # type: ignore[method-assign]
    settle_later(world, "conditional")
    assert stands(world, order).failure == Failure(FailureCode.ABANDONED)
    assert world.inventory.stock == dict.fromkeys((A, B, C), 10)


def test_an_inventory_that_is_away_from_the_first_line_on_took_nothing(world: World) -> None:
    def away(*_: object) -> Any:
        raise InventoryUnavailable("away")

    world.inventory.deduct = away  # type: ignore[method-assign]
    with pytest.raises(InventoryUnavailable):
        move(world, "conditional", world.place((A, 3), (B, 2)))


def test_a_cancellation_gives_the_lines_back_by_the_operations_of_the_lines(world: World) -> None:
    order = cancelling(world, "conditional", (B, 2), (A, 3))
    for _ in range(2):
        quietly(lambda: move(world, "conditional", order))
    assert stands(world, order).status is OrderStatus.CANCELLED
    assert world.inventory.stock == dict.fromkeys((A, B, C), 10)
    assert {each for each in world.inventory.operations if each[0] == "restore"} == {
        ("restore", f"{order.id}:{A}"),
        ("restore", f"{order.id}:{B}"),
    }
