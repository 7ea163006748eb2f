"""A store that was put back to an earlier state, and what the orders' events make of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from order_service.application.orders.restore import (
    OrderEvents,
    Restoration,
    RestoreOrders,
    Told,
)
from order_service.application.stock.lease import Primary
from order_service.application.stock.open_intents import LeasedIntents
from order_service.domain.errors import StoreUnavailable, VersionConflict
from order_service.domain.events import OrderEvent
from order_service.domain.history import Actor, ActorKind, Change
from order_service.domain.hold import Hold
from order_service.domain.marks import FailureCode
from order_service.domain.moves import Intent
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.infrastructure.kafka.order_events import encode
from order_service.infrastructure.kafka.told_events import decode
from tests.orders import (
    CALLER,
    START,
    basket,
    cancelled,
    cancelling,
    completed,
    confirmed,
    expired,
    expiring,
    failed,
    held,
    intent_of,
    later,
    moved_at,
    pending,
    stuck,
)
from tests.unit.fakes import FakeClock, FakeLeases, FakeOrders


class Events:
    """As the topic has them: written and read back."""

    def __init__(self, *orders: Order) -> None:
        self._events = [event for order in orders for event in order.new_events]

    def since(self, _: object) -> Told:
        read = [decode(encode(event)) for event in self._events]
        return Told([event for event in read if event])


class Topic:
    """As it may have been written by anybody."""

    def __init__(self, *orders: Order) -> None:
        self._events = [event for order in orders for event in order.new_events]

    def since(self, _: object) -> Told:
        return Told(self._events)


class Place:
    """``stored``: the orders as the backup has them."""

    def __init__(self, *stored: Order) -> None:
        self.clock = FakeClock()
        self.clock.sleep(2 * 86_400)
        self.orders = FakeOrders()
        self.leases = FakeLeases(self.clock)
        for order in stored:
            self.orders.add(replace(order, new_events=()))

    def restore(self, *told: Order, write: bool = True, leased: bool = True) -> Restoration:
        """``told``: orders whose events the topic has."""
        return self.restore_from(Events(*told), write, leased)

    def restore_from(
        self, topic: OrderEvents, write: bool = True, leased: bool = True
    ) -> Restoration:
        intents = LeasedIntents(self.leases) if leased else None
        longest = timedelta(hours=1)
        return RestoreOrders(topic, self.orders, intents, self.clock, longest)(START, "Ada", write)

    def now(self, order: Order) -> Order:
        found = self.orders.get(order.id)
        assert found is not None
        return found


def as_before(order: Order, same: Order) -> Order:
    """``same`` with the id of ``order``, in its events too."""
    events = tuple(replace(event, order_id=order.id) for event in same.new_events)
    return replace(same, id=order.id, new_events=events)


Make = Callable[[], Order]
EARLIER: Mapping[str, Make] = {
    "pending": pending,
    "completed": completed,
    "cancelling": cancelling,
    "to be held": lambda: pending(hold=Hold(60)),
    "held": held,
    "expiring": expiring,
    "stuck": stuck,
}
LATER: Mapping[str, Sequence[Make]] = {
    "pending": [completed, cancelled, failed],
    "completed": [cancelled],
    "cancelling": [cancelled],
    "to be held": [held, confirmed, expired],
    "held": [confirmed, expired],
    "expiring": [expired],
    "stuck": [completed, failed],
}


@pytest.mark.parametrize(
    ("earlier", "last"), [(name, last) for name, ends in LATER.items() for last in ends]
)
def test_an_order_of_the_backup_becomes_what_its_events_tell(earlier: str, last: Make) -> None:
    order = EARLIER[earlier]()
    told = as_before(order, last())
    place = Place(order)
    assert place.restore(told).brought
    now = place.now(order)
    shown = ("status", "total_price", "settled_at", "hold")
    if told.hold and told.hold.expired_at:
        # When the expiry was recorded is not told, but when the stock was back.
        now = replace(now, hold=now.hold and replace(now.hold, expired_at=told.hold.expired_at))
    assert {name: getattr(now, name) for name in shown} == {
        name: getattr(told, name) for name in shown
    }
    assert [line.unit_price for line in now.lines] == [line.unit_price for line in told.lines]
    assert now.updated_at == max(order.updated_at, told.updated_at)
    assert now.phase.is_settled
    found = place.orders.with_history(order.id)
    assert found is not None
    entry = found[1][-1]
    assert (entry.event, entry.status) == (Change.ORDER_BROUGHT_BACK, told.status)
    assert entry.by == Actor(ActorKind.OPERATOR, "Ada")
    assert entry.reason == ", ".join(event.type for event in told.new_events)
    assert not place.orders.unpublished(10)


def test_an_order_that_the_store_lacks_is_made_from_its_events() -> None:
    told = completed(basket(customer_id="somebody", currency="EUR"))
    place = Place()
    place.restore(told)
    made = place.now(told)
    assert (made.status, made.total_price) == (told.status, told.total_price)
    assert [(each.item_id, each.quantity) for each in made.lines] == [
        (each.item_id, each.quantity) for each in told.lines
    ]
    assert (made.customer_id, made.currency, made.lines[0].taken) == (None, None, None)


def test_a_hold_whose_end_nobody_told_lasts_as_long_as_it_can() -> None:
    told = held(seconds=60)
    place = Place()
    place.restore(told)
    assert place.now(told).held_until == later(2) + timedelta(hours=1)


def test_an_order_that_only_failed_is_not_made_again() -> None:
    told = failed()
    place = Place()
    assert place.restore(told).failed == [told.id]
    assert place.orders.get(told.id) is None


def test_a_failure_that_was_only_told_has_no_reason_of_its_own() -> None:
    order = pending()
    place = Place(order)
    place.restore(as_before(order, failed()))
    failure = place.now(order).failure
    assert failure is not None
    assert failure.code is FailureCode.DECIDED


@pytest.mark.parametrize("made", [completed, cancelled, held, confirmed, expired, failed])
def test_an_order_that_the_events_tell_nothing_new_of_stays(made: Make) -> None:
    order = made()
    place = Place(order)
    done = place.restore(order)
    assert (done.brought, done.in_doubt, done.contradicted) == ([], [], [])
    assert place.now(order).version == 1


def test_two_ends_of_an_order_are_named_and_not_chosen_between() -> None:
    order = expired()
    told = as_before(order, cancelled())
    place = Place(order)
    assert place.restore(told).contradicted == [order.id]
    assert place.now(order).status is OrderStatus.EXPIRED


@pytest.mark.parametrize("made", [completed, held])
def test_an_order_that_took_its_stock_does_not_fail_by_an_event(made: Make) -> None:
    order = made()
    place = Place(order)
    assert place.restore(as_before(order, failed())).contradicted == [order.id]
    assert place.now(order).status is order.status


def test_events_that_contradict_each_other_are_named() -> None:
    order = held()
    told = as_before(order, confirmed()), as_before(order, expired())
    place = Place(order)
    assert place.restore(*told).contradicted == [order.id]
    assert place.now(order).status is OrderStatus.RESERVED


def test_an_order_that_waits_and_whose_events_contradict_each_other_is_stuck() -> None:
    order = pending()
    place = Place(order)
    done = place.restore(as_before(order, completed()), as_before(order, failed()))
    assert done.contradicted == [order.id]
    assert place.now(order).stuck is not None


@pytest.mark.parametrize("make", [pending, cancelling, expiring])
def test_an_order_that_waits_and_is_told_no_end_is_stuck(make: Make) -> None:
    order = make()
    place = Place(order)
    place.restore(order)
    now = place.now(order)
    assert now.stuck is not None
    assert now.stuck.items == order.item_ids
    assert now.stuck.intent is None


def test_the_lease_says_what_was_being_done_for_an_order_that_is_stuck() -> None:
    order = pending()
    place = Place(order)
    intent = intent_of(order)
    [seen] = place.leases.look(order.item_ids)
    place.leases.acquire(seen, intent)
    place.restore()
    assert _intent(place.now(order)) == intent


def test_an_order_of_several_items_has_the_intent_that_its_primary_holds() -> None:
    order = basket()
    place = Place(order)
    *others, primary = place.leases.look(order.item_ids)
    intent = replace(intent_of(order), fence=1)
    taken = place.leases.acquire(primary, intent)
    assert taken is not None
    place.leases.acquire_all(others, Primary(primary.item_id, 1))
    place.restore()
    assert _intent(place.now(order)) == intent


def test_an_intent_of_others_says_nothing_of_an_order() -> None:
    order = pending()
    place = Place(order)
    [seen] = place.leases.look(order.item_ids)
    place.leases.acquire(seen, intent_of(pending()))
    place.restore()
    assert _intent(place.now(order)) is None


def test_an_order_that_waits_for_an_inventory_that_can_be_asked_again_is_left_to_settlement() -> (
    None
):
    order = pending()
    place = Place(order)
    place.restore(leased=False)
    assert place.now(order).phase is OrderPhase.TAKING


def test_without_write_nothing_changes() -> None:
    known, waiting, told = held(), pending(), completed()
    place = Place(known, waiting)
    done = place.restore(told, as_before(known, confirmed()), write=False)
    assert (len(done.brought), len(done.in_doubt)) == (2, 1)
    assert place.orders.get(told.id) is None
    assert [place.now(each).version for each in (known, waiting)] == [1, 1]


HELD_LIFE = confirmed().new_events
CANCELLED_LATER = moved_at(confirmed().request_cancel(later(5), CALLER), later(6)).new_events


def of(order_id: str, *events: OrderEvent) -> Order:
    """An order of which the topic has these events."""
    events = tuple(replace(event, order_id=order_id) for event in events)
    return replace(pending(), id=order_id, new_events=events)


@pytest.mark.parametrize(
    "events",
    {
        "cancelled and then sold": (
            replace(cancelled().new_events[-1], sequence=1),
            replace(HELD_LIFE[1], occurred_at=later(7)),
        ),
        "sold, cancelled, expired": (
            *cancelled().new_events,
            replace(expired().new_events[-1], sequence=3),
        ),
        "one in between is missing": (CANCELLED_LATER[0], CANCELLED_LATER[2]),
        "another quantity": (completed().new_events[0], cancelled(quantity=4).new_events[1]),
        "another price": (completed(price=Decimal(1)).new_events[0], cancelled().new_events[1]),
        "the later one first": (
            replace(HELD_LIFE[0], occurred_at=later(9)),
            HELD_LIFE[1],
        ),
        "one event with two contents": (
            *completed().new_events,
            *completed(price=Decimal(1)).new_events,
        ),
        "a place before the first": (replace(HELD_LIFE[0], sequence=0),),
        "a negative place": (replace(HELD_LIFE[0], sequence=-1),),
        "a place that no life has": (replace(HELD_LIFE[0], sequence=10**40),),
        "a third event of two": (replace(HELD_LIFE[0], sequence=3),),
    }.values(),
    ids=lambda events: "-".join(f"{each.type}.{str(each.sequence)[:3]}" for each in events),
)
def test_events_that_are_no_part_of_an_orders_life_decide_nothing(
    events: tuple[OrderEvent, ...],
) -> None:
    place = Place()
    lost, known = "1" * 24, pending()
    place.orders.add(known)
    told = Topic(of(lost, *events), of(known.id, *events))
    assert place.restore_from(told).contradicted == [lost, known.id]
    assert place.orders.get(lost) is None
    assert place.now(known).status is OrderStatus.PENDING


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (confirmed, expired),
        (completed, held),
        (held, completed),
        (expiring, confirmed),
        (failed, completed),
        (pending, lambda: completed(quantity=4)),
        (completed, lambda: cancelled(price=Decimal(1))),
        (completed, lambda: cancelled(item_id="b" * 24)),
    ],
)
def test_events_that_the_stored_order_can_not_have_told_are_named(stored: Make, told: Make) -> None:
    order = stored()
    place = Place(order)
    assert place.restore(as_before(order, told())).contradicted == [order.id]
    assert place.now(order).status is order.status


@pytest.mark.parametrize("kept", [slice(1, 3), slice(2, 3), slice(0, 2)])
def test_events_before_the_first_and_after_the_last_that_is_told_may_be_missing(
    kept: slice,
) -> None:
    events = CANCELLED_LATER[kept]
    place = Place()
    assert place.restore_from(Topic(of("1" * 24, *events))).contradicted == []
    made = place.orders.get("1" * 24)
    assert made is not None
    assert made.status == events[-1].status


def test_an_order_of_which_only_the_confirmation_is_told_goes_on_as_one_that_was_held() -> None:
    place = Place()
    place.restore_from(Topic(of("1" * 24, HELD_LIFE[1])))
    made = place.orders.get("1" * 24)
    assert made is not None
    cancelling = made.request_cancel(later(5), CALLER)
    assert moved_at(cancelling, later(6)).new_events[-1].sequence == 3


@pytest.mark.parametrize("error", [OverflowError, VersionConflict, StoreUnavailable])
def test_an_order_that_can_not_be_written_is_named_and_stops_no_other(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = completed(), completed()
    place = Place()
    add = place.orders.add

    def add_all_but_one(order: Order) -> Order:
        if order.id == bad.id:
            raise error("refused")
        return add(order)

    monkeypatch.setattr(place.orders, "add", add_all_but_one)
    done = place.restore(bad, good)
    assert [each.order_id for each in done.undone] == [bad.id]
    assert [change.after.id for change in done.brought] == [good.id]
    assert place.now(good).status is OrderStatus.COMPLETED


def test_an_order_that_can_not_be_brought_on_is_named_and_stops_no_other() -> None:
    bad = held()
    [event] = bad.new_events
    good = completed()
    last = datetime.max.replace(tzinfo=UTC)
    place = Place()
    told = Topic(of(bad.id, replace(event, occurred_at=last)), good)
    done = place.restore_from(told, write=False)
    assert [(each.order_id, each.reason) for each in done.undone] == [(bad.id, "OverflowError")]
    assert [change.after.id for change in done.brought] == [good.id]


def test_a_store_that_is_away_ends_the_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()

    def away(_: object) -> Any:
        raise StoreUnavailable("away")

    def go_away(order: object) -> Any:
        monkeypatch.setattr(place.orders, "get_many", away)
        away(order)

    monkeypatch.setattr(place.orders, "add", go_away)
    with pytest.raises(StoreUnavailable):
        place.restore(completed())


def _intent(order: Order) -> Intent | None:
    assert order.stuck is not None
    return order.stuck.intent
