"""What a repository of orders promises, and the outbox that lives in it.

Fixtures: ``repository``, which holds nothing; ``outbox``, the outbox of its orders.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest
from bson import ObjectId

from order_service.application.orders.create import (
    HoldSlotTaken,
    IdempotencyKeyTaken,
    NewOrders,
)
from order_service.application.orders.expire import HeldOrders
from order_service.application.orders.history import OrderHistories
from order_service.application.orders.list_open import WaitingOrders
from order_service.application.orders.publish import Outbox
from order_service.application.orders.settle import UnsettledOrders
from order_service.application.orders.show import UnpublishedEvents
from order_service.domain.errors import VersionConflict
from order_service.domain.events import OrderEventType
from order_service.domain.hold import Hold
from order_service.domain.marks import Failure, FailureCode, Shortage
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.lives import LIVES, ended_by
from tests.orders import (
    CALLER,
    ITEM,
    START,
    basket,
    completed,
    expiring,
    held,
    in_every_state,
    key,
    later,
    moved_at,
    pending,
    stuck_without_intent,
)


class Repository(NewOrders, WaitingOrders, UnsettledOrders, HeldOrders, OrderHistories, Protocol):
    """All that the use cases ask of the repository."""


class WholeOutbox(Outbox, UnpublishedEvents, Protocol):
    """All that the use cases ask of the outbox."""


# --- what goes in comes out


@pytest.mark.parametrize("name", in_every_state())
def test_an_order_comes_back_as_it_was_added(name: str, repository: Repository) -> None:
    order = in_every_state()[name]
    stored = repository.add(order)
    assert stored == replace(order, version=1)
    assert repository.get(order.id) == stored


@pytest.mark.parametrize("name", in_every_state())
def test_an_order_comes_back_as_it_was_saved_over_any_other(
    name: str, repository: Repository
) -> None:
    order = in_every_state()[name]
    for before in in_every_state().values():
        stored = repository.add(replace(_without_claims(before), id=str(ObjectId())))
        saved = repository.save(replace(_without_claims(order), id=stored.id, version=1))
        assert saved.version == 2
        assert repository.get(stored.id) == saved


def _without_claims(order: Order) -> Order:
    """Without what only one order can have: its key, and its customer's slot."""
    return replace(order, idempotency=None, hold=order.hold and order.hold.let_go())


def test_an_orders_price_keeps_every_digit(repository: Repository) -> None:
    order = repository.add(in_every_state()["the dearest"])
    found = repository.get(order.id)
    assert found is not None
    assert found.total_price == Decimal("999999999999.999999") * (2**31 - 1)


def test_an_order_id_that_is_unknown_or_malformed_finds_none(repository: Repository) -> None:
    for order_id in (repository.next_id(), "no id", "", "x" * 24, "\0"):
        assert repository.get(order_id) is None


def test_many_orders_come_in_the_sequence_asked_for_without_the_missing(
    repository: Repository,
) -> None:
    first, second = repository.add(pending()), repository.add(pending())
    wanted = [second.id, repository.next_id(), first.id]
    assert repository.get_many(wanted) == [second, first]
    assert repository.get_many([]) == []


def test_the_repository_makes_a_new_order_id_each_time(repository: Repository) -> None:
    assert len({repository.next_id() for _ in range(100)}) == 100


# --- a save replaces the version that was loaded, or nothing


def test_a_save_of_an_old_version_changes_nothing(repository: Repository) -> None:
    loaded = repository.add(pending())
    winner = repository.save(moved_at(loaded, later(1)))
    with pytest.raises(VersionConflict):
        repository.save(loaded.fail(Failure(FailureCode.ABANDONED), later(2)))
    assert repository.get(loaded.id) == winner


def test_a_save_of_an_order_that_was_never_added_is_a_conflict(
    repository: Repository,
) -> None:
    with pytest.raises(VersionConflict):
        repository.save(completed().saved())


def test_a_save_of_many_orders_leaves_out_the_loser_of_a_race_and_saves_the_others(
    repository: Repository, outbox: WholeOutbox
) -> None:
    orders = [repository.add(pending(at=later(n))) for n in range(3)]
    repository.save(orders[1].defer(later(3)))
    moved = [moved_at(order, later(4)) for order in orders]
    assert repository.save_all(moved) == [moved[0].saved(), moved[2].saved()]
    found = repository.get_many([order.id for order in orders])
    assert [order.status for order in found] == ["COMPLETED", "PENDING", "COMPLETED"]
    told = {event.order_id for events in outbox.unpublished(10) for event in events}
    assert told == {orders[0].id, orders[2].id}


def test_a_save_of_many_orders_answers_the_orders_as_they_are_stored(
    repository: Repository,
) -> None:
    orders = [repository.add(pending()) for _ in range(3)]
    saved = repository.save_all([moved_at(order, later(1)) for order in orders])
    found = repository.get_many([order.id for order in orders])
    assert found == saved
    assert [(order.status, order.version) for order in found] == [("COMPLETED", 2)] * 3


def test_a_save_of_no_orders_answers_no_orders(repository: Repository) -> None:
    assert repository.save_all([]) == []


# --- idempotency keys


def test_an_idempotency_key_belongs_to_one_order(repository: Repository) -> None:
    holder = repository.add(pending(idempotency=key()))
    late = pending(idempotency=key(fingerprint="another body"))
    with pytest.raises(IdempotencyKeyTaken) as taken:
        repository.add(late)
    assert taken.value.holder == holder
    assert repository.get(late.id) is None


def test_equal_idempotency_keys_of_two_callers_are_two_keys(repository: Repository) -> None:
    repository.add(pending(idempotency=key(caller="one")))
    repository.add(pending(idempotency=key(caller="other")))


def test_two_orders_without_an_idempotency_key_are_both_stored(repository: Repository) -> None:
    assert repository.add(pending()) != repository.add(pending())


def test_a_forgotten_idempotency_key_can_be_used_again(repository: Repository) -> None:
    first = repository.add(pending(idempotency=key()))
    repository.forget_key(first.id)
    second = repository.add(pending(idempotency=key()))
    assert repository.get(first.id) == replace(first, idempotency=None, version=2)
    assert repository.get(second.id) == second


def test_an_order_loaded_before_its_key_was_forgotten_cannot_bring_the_key_back(
    repository: Repository,
) -> None:
    loaded = repository.add(pending(idempotency=key()))
    repository.forget_key(loaded.id)
    with pytest.raises(VersionConflict):
        repository.save(loaded.defer(later(1)))


def test_the_order_of_an_idempotency_key_is_found_by_its_caller_and_key(
    repository: Repository,
) -> None:
    holder = repository.add(pending(idempotency=key()))
    assert repository.holder_of(key(fingerprint="another body")) == holder
    assert repository.holder_of(key(caller="another caller")) is None
    assert repository.holder_of(key("another key")) is None
    done = repository.save(moved_at(holder, later(1)))
    assert repository.holder_of(key()) == done
    repository.forget_key(holder.id)
    assert repository.holder_of(key()) is None


def test_a_failed_order_that_drops_its_key_frees_the_key(repository: Repository) -> None:
    first = repository.add(pending(idempotency=key()))
    repository.save(first.fail(Failure(FailureCode.INVENTORY_UNAVAILABLE), later(1)))
    assert repository.add(pending(idempotency=key())).version == 1


# --- the slots of a customer's holds


def to_be_held(slot: int | None, customer_id: str | None = "somebody", **given: Any) -> Order:
    return pending(hold=Hold(60, slot), customer_id=customer_id, **given)


def test_a_slot_of_a_customer_belongs_to_one_order_that_is_held(repository: Repository) -> None:
    holder = repository.add(to_be_held(3))
    late = to_be_held(3)
    with pytest.raises(HoldSlotTaken):
        repository.add(late)
    assert repository.get(late.id) is None
    assert repository.get(holder.id) == holder


def test_equal_slots_of_two_customers_are_two_slots(repository: Repository) -> None:
    repository.add(to_be_held(3))
    repository.add(to_be_held(3, "somebody else"))
    assert repository.hold_slots("somebody") == repository.hold_slots("somebody else") == {3}


def test_any_number_of_held_orders_can_be_stored_that_are_not_counted(
    repository: Repository,
) -> None:
    for customer_id in ("somebody", None):
        for _ in range(3):
            repository.add(to_be_held(None, customer_id))
    assert repository.hold_slots("somebody") == set()


def test_a_customers_slots_are_those_of_the_orders_that_may_hold_stock(
    repository: Repository,
) -> None:
    assert repository.hold_slots("somebody") == set()
    for slot in (1, 2, 7):
        repository.add(to_be_held(slot))
    repository.add(pending(customer_id="somebody"))
    repository.save(moved_at(repository.add(to_be_held(9)), later(1)))
    assert repository.hold_slots("somebody") == {1, 2, 7, 9}


@pytest.mark.parametrize("name", [name for name in LIVES if "held" in name])
def test_a_slot_can_be_used_again_from_the_save_on_that_ends_the_hold(
    name: str, repository: Repository
) -> None:
    first, *later_on = LIVES[name].saves
    repository.add(first)
    freed = False
    for order in later_on:
        with pytest.raises(HoldSlotTaken):
            repository.add(to_be_held(3, "buyer"))
        repository.save(order)
        freed = ended_by(order)
        if freed:
            break
    assert freed
    assert repository.hold_slots("buyer") == set()
    repository.add(to_be_held(3, "buyer"))


def test_an_order_whose_key_and_slot_are_both_taken_is_refused_for_one_of_them(
    repository: Repository,
) -> None:
    repository.add(to_be_held(3, idempotency=key()))
    late = to_be_held(3, idempotency=key())
    with pytest.raises((HoldSlotTaken, IdempotencyKeyTaken)):
        repository.add(late)
    assert repository.get(late.id) is None


# --- holds that are over


def test_holds_are_found_from_their_end_on_those_first_that_were_over_first(
    repository: Repository,
) -> None:
    late, early, latest = (repository.add(held(seconds)) for seconds in (50, 40, 60))
    assert repository.held_until(later(41.999), 10) == []
    assert repository.held_until(later(42), 10) == [early]
    assert repository.held_until(later(100), 10) == [early, late, latest]
    assert repository.held_until(later(100), 2) == [early, late]


@pytest.mark.parametrize(
    "change",
    [
        lambda order: order.confirm(later(70), CALLER),
        lambda order: order.extend(later(200), later(70), CALLER),
        lambda order: order.request_cancel(later(70), CALLER),
        lambda order: order.expire(later(70)),
    ],
    ids=["confirmed", "extended", "cancelled", "expired"],
)
def test_a_hold_that_was_changed_is_no_longer_among_those_that_are_over(
    change: Callable[[Order], Order], repository: Repository
) -> None:
    order = repository.add(held(60))
    assert repository.held_until(later(100), 10) == [order]
    repository.save(change(order))
    assert repository.held_until(later(100), 10) == []


def test_an_extended_hold_is_found_from_its_new_end_on(repository: Repository) -> None:
    order = repository.save(repository.add(held(60)).extend(later(200), later(70), CALLER))
    assert repository.held_until(later(199), 10) == []
    assert repository.held_until(later(200), 10) == [order]


def test_orders_that_were_never_held_or_are_not_held_yet_are_not_among_the_holds_that_are_over(
    repository: Repository,
) -> None:
    for order in (pending(), completed(), to_be_held(3), expiring()):
        repository.add(order)
    assert repository.held_until(later(1000), 10) == []


# --- the history


@pytest.mark.parametrize("name", LIVES)
def test_an_orders_history_is_kept_in_sequence_with_every_field(
    name: str, repository: Repository
) -> None:
    life = LIVES[name]
    repository.add(life.saves[0])
    for order in life.saves[1:]:
        repository.save(order)
    found = repository.with_history(life.order.id)
    assert found is not None
    assert found[0] == life.order
    assert list(found[1]) == life.history


def test_an_order_that_is_not_there_has_no_history(repository: Repository) -> None:
    for order_id in (repository.next_id(), "no id", "", "x" * 24):
        assert repository.with_history(order_id) is None


def test_a_save_that_changes_nothing_of_an_order_leaves_its_history_alone(
    repository: Repository,
) -> None:
    order = repository.add(pending(idempotency=key()))
    claimed = repository.save(order)
    repository.forget_key(order.id)
    found = repository.with_history(order.id)
    assert found is not None
    assert claimed.version == 2
    assert [entry.event for entry in found[1]] == ["ORDER_PLACED"]


def test_a_save_that_lost_its_race_leaves_no_entry_in_the_history(repository: Repository) -> None:
    loaded = repository.add(held(60))
    repository.save(loaded.confirm(later(5), CALLER))
    assert repository.save_all([loaded.extend(later(99), later(6), CALLER)]) == []
    found = repository.with_history(loaded.id)
    assert found is not None
    events = [str(entry.event) for entry in found[1]]
    assert events == ["ORDER_PLACED", "ORDER_RESERVED", "ORDER_CREATED"]


def test_an_order_that_an_older_release_stored_has_no_recorded_history(
    repository: Repository,
) -> None:
    order = repository.add(replace(completed(), new_history=()))
    assert repository.with_history(order.id) == (order, [])


def test_of_too_many_entries_of_a_history_the_newest_are_kept(repository: Repository) -> None:
    stored = repository.add(held(60))
    order = stored
    for n in range(1000):
        order = order.extend(later(100 + n), later(5 + n), CALLER)
    saved = repository.save(order)
    found = repository.with_history(saved.id)
    assert found is not None
    assert found[0] == saved
    assert list(found[1]) == list(order.new_history[-200:])


# --- what waits


def test_orders_that_wait_for_their_stock_are_found_oldest_first(repository: Repository) -> None:
    newer = repository.add(pending(at=later(2)))
    older = repository.add(pending(at=later(1)))
    repository.add(pending(at=later(60)))
    repository.add(completed())
    assert repository.unsettled(later(10), 10) == [older, newer]
    assert repository.unsettled(later(10), 1) == [older]


def test_waiting_orders_come_in_pages_even_where_many_wait_since_one_moment(
    repository: Repository,
) -> None:
    waiting = [repository.add(pending(at=later(at))) for at in (1, 2, 2, 2, 2, 3)]
    found: list[Order] = []
    while page := repository.unsettled(
        later(10), 2, [order for order in found if order.awaiting_since == found[-1].awaiting_since]
    ):
        found += page
    assert [order.created_at for order in found] == [order.created_at for order in waiting]
    assert {order.id for order in found} == {order.id for order in waiting}


def test_a_settled_order_is_not_among_those_that_wait(repository: Repository) -> None:
    for settle in (
        lambda order: moved_at(order, later(1)),
        lambda order: order.fail(
            Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 0),)), later(1)
        ),
    ):
        repository.save(settle(repository.add(pending())))
    assert repository.unsettled(later(10), 10) == []


def test_a_cancellation_waits_from_when_it_was_asked_for(repository: Repository) -> None:
    order = repository.save(moved_at(repository.add(pending()), later(1)))
    asked = repository.save(order.request_cancel(later(5), CALLER))
    assert repository.unsettled(later(5), 10) == []
    assert repository.unsettled(later(6), 10) == [asked]
    repository.save(moved_at(asked, later(7)))
    assert repository.unsettled(later(10), 10) == []


def test_an_expiry_waits_from_when_it_was_recorded_and_a_hold_does_not_wait(
    repository: Repository,
) -> None:
    order = repository.add(held(60))
    assert repository.unsettled(later(1000), 10) == []
    over = repository.save(order.expire(later(70)))
    assert repository.unsettled(later(70), 10) == []
    assert repository.unsettled(later(71), 10) == [over]
    repository.save(moved_at(over, later(72)))
    assert repository.unsettled(later(1000), 10) == []


def test_a_stuck_order_is_listed_as_stuck_and_as_waiting(repository: Repository) -> None:
    waiting = repository.add(pending())
    marked = repository.save(stuck_without_intent(repository.add(pending(at=later(1)))))
    assert repository.stuck(10) == [marked]
    assert repository.unsettled(later(10), 10) == [waiting, marked]


def test_stuck_orders_are_listed_from_the_one_that_waits_longest(
    repository: Repository,
) -> None:
    middle, newest, oldest = [
        repository.save(stuck_without_intent(repository.add(pending(at=later(at)))))
        for at in (2, 3, 1)
    ]
    assert repository.stuck(10) == [oldest, middle, newest]
    assert repository.stuck(1) == [oldest]


def test_an_order_that_is_no_longer_stuck_is_not_listed_as_stuck(repository: Repository) -> None:
    marked = repository.save(stuck_without_intent(repository.add(pending())))
    repository.save(moved_at(marked, later(4)))
    assert repository.stuck(10) == []


# --- much at once


def test_of_many_orders_saved_at_once_exactly_the_losers_of_a_race_are_left_out(
    repository: Repository,
) -> None:
    orders = [repository.add(pending()) for _ in range(40)]
    lost = {order.id for order in orders[::3] if repository.save(order.give_up(later(1)))}
    done = [[moved_at(order, later(2))] for order in orders]
    with ThreadPoolExecutor(len(orders)) as threads:
        saved = list(threads.map(repository.save_all, done))
    expected = [[] if order.id in lost else [order.saved()] for [order] in done]
    assert saved == expected
    stored = repository.get_many([order.id for order in orders])
    is_done = [order.status is OrderStatus.COMPLETED for order in stored]
    assert is_done == [order.id not in lost for order in orders]


def test_of_many_orders_added_at_once_exactly_those_whose_key_is_taken_are_refused(
    repository: Repository,
) -> None:
    holders = [repository.add(pending(idempotency=key(f"key {n}"))) for n in range(0, 40, 3)]

    def add(order: Order) -> Order:
        try:
            return repository.add(order)
        except IdempotencyKeyTaken as taken:
            return taken.holder

    orders = [pending(idempotency=key(f"key {n}")) for n in range(40)]
    with ThreadPoolExecutor(len(orders)) as threads:
        added = list(threads.map(add, orders))
    expected = [order.saved() for order in orders]
    expected[::3] = holders
    assert added == expected


def test_of_many_orders_added_at_once_for_a_few_slots_exactly_as_many_are_stored_as_there_are_slots(
    repository: Repository,
) -> None:
    def add(order: Order) -> Order | None:
        try:
            return repository.add(order)
        except HoldSlotTaken:
            return None

    orders = [to_be_held(n % 5) for n in range(40)]
    with ThreadPoolExecutor(len(orders)) as threads:
        added = [order for order in threads.map(add, orders) if order is not None]
    assert {order.hold.slot for order in added if order.hold} == {0, 1, 2, 3, 4}
    assert len(added) == 5
    assert repository.hold_slots("somebody") == {0, 1, 2, 3, 4}


# --- the outbox


@pytest.mark.parametrize(
    "settle",
    [
        lambda order: moved_at(order, later(1)),
        lambda order: order.fail(Failure(FailureCode.ITEM_NOT_FOUND), later(1)),
    ],
    ids=["completed", "failed"],
)
def test_an_event_is_in_the_outbox_with_the_save_that_made_it(
    settle: Callable[[Order], Order], repository: Repository, outbox: WholeOutbox
) -> None:
    order = repository.add(pending(quantity=2))
    assert outbox.unpublished(10) == []
    done = settle(order)
    repository.save(done)
    assert outbox.unpublished(10) == [list(done.new_events)]
    assert outbox.unpublished_of(order.id) == list(done.new_events)
    assert outbox.unpublished_of(str(ObjectId())) == []


def test_unpublished_events_come_oldest_first_and_each_orders_in_sequence(
    repository: Repository, outbox: WholeOutbox
) -> None:
    late = repository.add(pending())
    early = repository.add(pending())
    repository.save(moved_at(late, later(9)))
    done = repository.save(moved_at(early, later(1)))
    asked = repository.save(done.request_cancel(later(20), CALLER))
    repository.save(moved_at(asked, later(21)))
    found = [[(e.order_id, str(e.type)) for e in events] for events in outbox.unpublished(10)]
    assert found == [
        [(early.id, "ORDER_CREATED"), (early.id, "ORDER_CANCELLED")],
        [(late.id, "ORDER_CREATED")],
    ]
    assert len(outbox.unpublished(1)) == 1


def test_a_published_event_leaves_the_outbox_and_the_others_stay(
    repository: Repository, outbox: WholeOutbox
) -> None:
    done = repository.save(moved_at(repository.add(pending()), later(1)))
    asked = repository.save(done.request_cancel(later(2), CALLER))
    created = outbox.unpublished(10)[0]
    cancelled = repository.save(moved_at(asked, later(3)))
    outbox.mark_published(created)
    [[left]] = outbox.unpublished(10)
    assert left.type is OrderEventType.ORDER_CANCELLED
    outbox.mark_published([left])
    assert outbox.unpublished(10) == []
    assert repository.get(done.id) == cancelled


def test_an_order_loaded_before_its_events_were_published_can_still_be_saved(
    repository: Repository, outbox: WholeOutbox
) -> None:
    loaded = repository.save(moved_at(repository.add(pending()), later(1)))
    outbox.mark_published(outbox.unpublished(10)[0])
    repository.save(loaded.request_cancel(later(2), CALLER))
    assert outbox.unpublished(10) == []


def test_marking_events_published_twice_or_marking_none_does_no_harm(
    repository: Repository, outbox: WholeOutbox
) -> None:
    repository.save(moved_at(repository.add(pending()), later(1)))
    [events] = outbox.unpublished(10)
    for published in (events, events, []):
        outbox.mark_published(published)
    assert outbox.unpublished(10) == []


@pytest.mark.parametrize("place", [pending, basket], ids=["one line", "three lines"])
def test_an_event_in_the_outbox_keeps_every_field(
    place: Callable[[], Order], repository: Repository, outbox: WholeOutbox
) -> None:
    order = repository.add(place())
    done = moved_at(order, START + timedelta(milliseconds=1), Decimal("0.10"))
    repository.save(done)
    [[event]] = outbox.unpublished(10)
    assert event.lines == done.lines
    units = sum(line.quantity for line in order.lines)
    assert (event.total_price, event.status) == (units * Decimal("0.10"), "COMPLETED")
    assert event.occurred_at == START + timedelta(milliseconds=1)
    assert event.event_id == f"{order.id}-ORDER_CREATED"
