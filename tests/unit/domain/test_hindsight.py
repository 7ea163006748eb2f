"""The history that an order's fields can tell, where none was recorded, or not all of it."""

from dataclasses import replace

import pytest

from order_service.domain.hindsight import whole_history
from order_service.domain.history import EXPIRY, Actor, ActorKind, Change, Entry
from order_service.domain.status import OrderStatus
from tests.lives import (
    ADMIN,
    BUYER,
    LIVES,
    NOT_DONE,
    Life,
    bought,
    cancel_asked,
    confirmed,
    decided,
    doubted,
    extended,
    lived,
    moved,
    to_be_held,
)
from tests.orders import in_every_state, later, pending

# What no field keeps: that an order was deferred, moved in part or extended, and who asked for a
# cancellation that a person's word dropped.
UNTOLD = {Change.ORDER_DEFERRED, Change.ORDER_PARTLY_MOVED, Change.ORDER_EXTENDED}
DROPPED = [name for name in LIVES if "not cancelled by word" in name]


def facts(entry: Entry) -> tuple[object, ...]:
    return entry.event, entry.at, entry.status, entry.outcome


def told(life: Life) -> list[Entry]:
    return whole_history(life.order, [])


# --- nothing is recorded


@pytest.mark.parametrize("name", [name for name in LIVES if name not in DROPPED])
def test_an_orders_fields_tell_its_history_where_nothing_is_recorded(name: str) -> None:
    recorded = [facts(each) for each in LIVES[name].history if each.event not in UNTOLD]
    assert [facts(entry) for entry in told(LIVES[name])] == recorded


@pytest.mark.parametrize("name", DROPPED)
def test_of_a_cancellation_that_a_word_dropped_the_fields_tell_all_but_who_had_asked_for_it(
    name: str,
) -> None:
    history = LIVES[name].history
    dropped = next(e for e in history if e.event is Change.ORDER_CANCEL_REQUESTED)
    recorded = [facts(each) for each in history if each is not dropped]
    assert [facts(entry) for entry in told(LIVES[name])] == recorded


def test_what_fields_tell_is_marked_as_not_recorded() -> None:
    for life in LIVES.values():
        assert not any(entry.recorded for entry in told(life))
        assert all(entry.recorded for entry in life.history)


def test_fields_tell_an_actor_and_a_version_only_where_they_are_known() -> None:
    by = {
        str(entry.event): (entry.by, entry.version)
        for entry in told(LIVES["held, cancelled by an admin"])
    }
    assert by == {
        "ORDER_PLACED": (BUYER, 1),
        "ORDER_RESERVED": (None, None),
        "ORDER_CANCEL_REQUESTED": (ADMIN, None),
        "ORDER_CANCELLED": (None, None),
    }
    by_word = told(LIVES["held, stuck in its expiry, expired by word"])
    assert [entry.by for entry in by_word] == [
        BUYER,
        None,
        EXPIRY,
        None,
        Actor(ActorKind.OPERATOR, "Ann"),
        None,
    ]


def test_a_cancellation_of_a_release_that_did_not_keep_who_asked_is_told_as_nobodys() -> None:
    asked = cancel_asked(5)(moved(1)(bought()))
    older = replace(asked, cancel_requested_by=None)
    assert [entry.by for entry in whole_history(older, [])] == [BUYER, None, None]


def test_fields_tell_why_an_order_failed_and_until_when_it_was_held_at_first() -> None:
    [*_, failed] = told(LIVES["refused"])
    assert failed.reason == "insufficient_stock"
    [_, held, *_] = told(LIVES["held, extended twice, confirmed"])
    assert (held.event, held.expires_at) == ("ORDER_RESERVED", later(61))


def test_fields_tell_what_was_in_doubt_and_what_a_person_said_of_it() -> None:
    _, doubt, word, _ = told(LIVES["stuck, failed by word"])
    assert doubt.reason == "Nobody can tell."
    assert (word.reason, word.outcome) == ("I counted.", OrderStatus.FAILED)


@pytest.mark.parametrize("name", in_every_state())
def test_an_order_in_any_state_has_a_history_that_ends_in_its_status(name: str) -> None:
    order = in_every_state()[name]
    history = whole_history(order, [])
    assert history[0].event is Change.ORDER_PLACED
    assert history[-1].status is order.status
    times = [entry.at for entry in history]
    assert times == sorted(times)


def test_a_sale_that_was_cancelled_in_the_millisecond_of_its_confirmation_is_told_as_a_sale() -> (
    None
):
    life = lived(to_be_held(), moved(1), confirmed(5), cancel_asked(5))
    assert [facts(entry) for entry in told(life)] == [facts(entry) for entry in life.history]


def test_an_order_that_only_was_placed_has_a_history_of_one_entry() -> None:
    [entry] = whole_history(pending(), [])
    assert (entry.event, entry.by, entry.version) == (Change.ORDER_PLACED, Actor.caller(None), 1)


# --- a part is recorded


@pytest.mark.parametrize("name", LIVES)
def test_a_recorded_history_is_told_as_recorded_and_nothing_is_told_twice(name: str) -> None:
    life = LIVES[name]
    assert whole_history(life.order, life.history) == life.history


@pytest.mark.parametrize("name", LIVES)
def test_the_oldest_entries_are_told_by_fields_where_they_were_dropped(name: str) -> None:
    life = LIVES[name]
    by_fields = {facts(entry) for entry in told(life)}
    for dropped in range(1, len(life.history) + 1):
        kept = life.history[dropped:]
        history = whole_history(life.order, kept)
        assert [entry for entry in history if entry.recorded] == kept
        missing = [each for each in life.history[:dropped] if facts(each) in by_fields]
        assert [facts(each) for each in history] == [facts(each) for each in (*missing, *kept)]


def test_an_order_placed_by_an_older_release_has_what_its_fields_tell_before_what_is_recorded() -> (
    None
):
    older = replace(moved(1)(bought()), new_history=()).saved()
    life = lived(older, cancel_asked(5, ADMIN), moved(6))
    history = whole_history(life.order, life.history)
    assert [(str(entry.event), entry.recorded) for entry in history] == [
        ("ORDER_PLACED", False),
        ("ORDER_CREATED", False),
        ("ORDER_CANCEL_REQUESTED", True),
        ("ORDER_CANCELLED", True),
    ]


def test_a_doubt_of_an_older_release_is_told_though_a_later_doubt_is_recorded() -> None:
    older = lived(bought(), moved(1), cancel_asked(5), doubted(20), decided(30, NOT_DONE))
    life = lived(replace(older.order, new_history=()), cancel_asked(40), doubted(50))
    history = whole_history(life.order, life.history)
    assert [(str(entry.event), entry.recorded, entry.at) for entry in history] == [
        ("ORDER_PLACED", False, later(0)),
        ("ORDER_CREATED", False, later(1)),
        ("ORDER_STUCK", False, later(20)),
        ("ORDER_DECIDED", False, later(30)),
        ("ORDER_CANCEL_DROPPED", False, later(30)),
        ("ORDER_CANCEL_REQUESTED", True, later(40)),
        ("ORDER_STUCK", True, later(50)),
    ]


def test_an_order_that_was_extended_too_often_still_tells_how_it_was_placed_and_held() -> None:
    extensions = [extended(5 + n, 100 + n) for n in range(1000)]
    life = lived(to_be_held(), moved(1), *extensions)
    history = whole_history(life.order, life.history[-200:])
    assert [str(entry.event) for entry in history[:3]] == [
        "ORDER_PLACED",
        "ORDER_RESERVED",
        "ORDER_EXTENDED",
    ]
    assert len(history) == 202
    # The gap shows how many are missing.
    assert [entry.version for entry in history[:3]] == [1, None, 803]
