"""What each change of an order leaves behind: one entry of its history, and in part an event."""

from dataclasses import replace

import pytest

from order_service.domain.history import EXPIRY, SETTLEMENT, Actor, ActorKind, Change, Entry
from order_service.domain.hold import Hold
from order_service.domain.marks import FailureCode
from order_service.domain.status import OrderStatus
from tests.lives import (
    ADMIN,
    DONE,
    LIVES,
    NOT_DONE,
    bought,
    cancel_asked,
    confirmed,
    decided,
    deferred,
    doubted,
    expiry_recorded,
    extended,
    failed,
    given_up,
    lived,
    moved,
    moved_in_part,
    reverted,
    to_be_held,
)
from tests.orders import START, basket, intent_of, later, pending

# --- one entry for each change, in the save that makes the change


def line_of(entry: Entry) -> str:
    by = entry.by
    assert by is not None
    name = f"{by.kind} {by.name}" if by.name else str(by.kind)
    return f"{entry.version} {entry.event.removeprefix('ORDER_')} {entry.status} by {name}"


HISTORIES = {
    "sold": [
        "1 PLACED PENDING by caller buyer",
        "2 CREATED COMPLETED by caller buyer",
    ],
    "refused": [
        "1 PLACED PENDING by caller buyer",
        "2 FAILED FAILED by caller buyer",
    ],
    "deferred, sold by the settlement": [
        "1 PLACED PENDING by caller buyer",
        "2 DEFERRED PENDING by caller buyer",
        "3 CREATED COMPLETED by settlement",
    ],
    "abandoned": [
        "1 PLACED PENDING by caller buyer",
        "2 GIVEN_UP PENDING by settlement",
        "3 FAILED FAILED by settlement",
    ],
    "refused after a part was taken": [
        "1 PLACED PENDING by caller buyer",
        "2 GIVEN_UP PENDING by caller buyer",
        "3 FAILED FAILED by caller buyer",
    ],
    "sold, cancelled by an admin": [
        "1 PLACED PENDING by caller buyer",
        "2 CREATED COMPLETED by caller buyer",
        "3 CANCEL_REQUESTED COMPLETED by caller an admin",
        "4 CANCELLED CANCELLED by caller an admin",
    ],
    "taken item by item": [
        "1 PLACED PENDING by caller buyer",
        "2 PARTLY_MOVED PENDING by caller buyer",
        "3 PARTLY_MOVED PENDING by caller buyer",
        "4 CREATED COMPLETED by caller buyer",
    ],
    "stuck, sold by word": [
        "1 PLACED PENDING by caller buyer",
        "2 STUCK PENDING by settlement",
        "3 DECIDED PENDING by operator Ann",
        "3 CREATED COMPLETED by operator Ann",
    ],
    "stuck, failed by word": [
        "1 PLACED PENDING by caller buyer",
        "2 STUCK PENDING by settlement",
        "3 DECIDED PENDING by operator Ann",
        "3 FAILED FAILED by operator Ann",
    ],
    "stuck in part, failed by word, given back": [
        "1 PLACED PENDING by caller buyer",
        "2 STUCK PENDING by settlement",
        "3 DECIDED PENDING by operator Ann",
        "3 GIVEN_UP PENDING by operator Ann",
        "4 PARTLY_MOVED PENDING by settlement",
        "5 FAILED FAILED by settlement",
    ],
    "sold, not cancelled by word, cancelled again": [
        "1 PLACED PENDING by caller buyer",
        "2 CREATED COMPLETED by caller buyer",
        "3 CANCEL_REQUESTED COMPLETED by caller buyer",
        "4 STUCK COMPLETED by settlement",
        "5 DECIDED COMPLETED by operator Ann",
        "5 CANCEL_DROPPED COMPLETED by operator Ann",
        "6 CANCEL_REQUESTED COMPLETED by caller an admin",
        "7 CANCELLED CANCELLED by caller an admin",
    ],
    "held, confirmed": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CREATED COMPLETED by caller buyer",
    ],
    "held, extended twice, confirmed": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 EXTENDED RESERVED by caller buyer",
        "4 EXTENDED RESERVED by caller an admin",
        "5 CREATED COMPLETED by caller buyer",
    ],
    "held, confirmed, cancelled": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CREATED COMPLETED by caller buyer",
        "4 CANCEL_REQUESTED COMPLETED by caller buyer",
        "5 CANCELLED CANCELLED by caller buyer",
    ],
    "held, cancelled by an admin": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CANCEL_REQUESTED RESERVED by caller an admin",
        "4 CANCELLED CANCELLED by caller an admin",
    ],
    "held, cancelled, by the settlement in the end": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CANCEL_REQUESTED RESERVED by caller buyer",
        "4 CANCELLED CANCELLED by settlement",
    ],
    "held, expired": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 EXPIRY_RECORDED RESERVED by expiry",
        "4 EXPIRED EXPIRED by expiry",
    ],
    "held, expired, by the settlement in the end": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 EXPIRY_RECORDED RESERVED by expiry",
        "4 EXPIRED EXPIRED by settlement",
    ],
    "held, stuck in its expiry, expired by word": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 EXPIRY_RECORDED RESERVED by expiry",
        "4 STUCK RESERVED by settlement",
        "5 DECIDED RESERVED by operator Ann",
        "5 EXPIRED EXPIRED by operator Ann",
    ],
    "held, stuck in its expiry, to go on by word": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 EXPIRY_RECORDED RESERVED by expiry",
        "4 STUCK RESERVED by settlement",
        "5 DECIDED RESERVED by operator Ann",
        "6 EXPIRED EXPIRED by settlement",
    ],
    "held, not cancelled by word, expired": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CANCEL_REQUESTED RESERVED by caller buyer",
        "4 STUCK RESERVED by settlement",
        "5 DECIDED RESERVED by operator Ann",
        "5 CANCEL_DROPPED RESERVED by operator Ann",
        "6 EXPIRY_RECORDED RESERVED by expiry",
        "7 EXPIRED EXPIRED by expiry",
    ],
    "held, not cancelled by word, confirmed, cancelled": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CANCEL_REQUESTED RESERVED by caller buyer",
        "4 STUCK RESERVED by settlement",
        "5 DECIDED RESERVED by operator Ann",
        "5 CANCEL_DROPPED RESERVED by operator Ann",
        "6 CREATED COMPLETED by caller buyer",
        "7 CANCEL_REQUESTED COMPLETED by caller buyer",
        "8 CANCELLED CANCELLED by caller buyer",
    ],
    "held, cancelled by word": [
        "1 PLACED PENDING by caller buyer",
        "2 RESERVED RESERVED by caller buyer",
        "3 CANCEL_REQUESTED RESERVED by caller buyer",
        "4 STUCK RESERVED by settlement",
        "5 DECIDED RESERVED by operator Ann",
        "5 CANCELLED CANCELLED by operator Ann",
    ],
    "to be held, refused": [
        "1 PLACED PENDING by caller buyer",
        "2 FAILED FAILED by caller buyer",
    ],
    "to be held, abandoned": [
        "1 PLACED PENDING by caller buyer",
        "2 GIVEN_UP PENDING by settlement",
        "3 FAILED FAILED by settlement",
    ],
    "to be held, stuck, failed by word": [
        "1 PLACED PENDING by caller buyer",
        "2 STUCK PENDING by settlement",
        "3 DECIDED PENDING by operator Ann",
        "3 FAILED FAILED by operator Ann",
    ],
    "to be held, stuck, held by word, expired": [
        "1 PLACED PENDING by caller buyer",
        "2 STUCK PENDING by settlement",
        "3 DECIDED PENDING by operator Ann",
        "3 RESERVED RESERVED by operator Ann",
        "4 EXPIRY_RECORDED RESERVED by expiry",
        "5 EXPIRED EXPIRED by expiry",
    ],
}


@pytest.mark.parametrize("name", LIVES)
def test_an_orders_history_has_one_entry_for_each_change_and_says_who_made_the_change(
    name: str,
) -> None:
    assert [line_of(entry) for entry in LIVES[name].history] == HISTORIES[name]


def test_every_kind_of_change_and_of_actor_is_in_these_lives() -> None:
    entries = [entry for life in LIVES.values() for entry in life.history]
    # What brings an order back is no part of its life.
    assert {entry.event for entry in entries} == set(Change) - {Change.ORDER_BROUGHT_BACK}
    assert {entry.by.kind for entry in entries if entry.by} == set(ActorKind)


@pytest.mark.parametrize("name", LIVES)
def test_an_entry_of_history_has_the_orders_status_version_and_time_after_the_change(
    name: str,
) -> None:
    for order in LIVES[name].saves:
        assert order.new_history
        last = order.new_history[-1]
        assert (last.status, last.at, last.version) == (
            order.status,
            order.updated_at,
            order.saved().version,
        )
        assert last.expires_at == order.held_until
        assert {entry.version for entry in order.new_history} == {last.version}


@pytest.mark.parametrize("name", LIVES)
def test_the_times_of_an_orders_history_never_go_back(name: str) -> None:
    times = [entry.at for entry in LIVES[name].history]
    assert times == sorted(times)


def test_a_move_that_does_nothing_for_an_order_leaves_the_order_and_its_history_alone() -> None:
    taken = moved_in_part(1)(bought(lines=basket().lines))
    served = [each for each in intent_of(basket()).moved if taken.was_moved_by([each])]
    assert len(served) == 1
    for none_of_the_rest in (served, [], intent_of(pending(item_id="d" * 24)).moved):
        assert taken.stock_moved(none_of_the_rest, later(2)) is taken


# --- who


def test_who_asks_for_a_cancellation_is_told_as_who_cancelled_though_another_process_ends_it() -> (
    None
):
    [*_, asked, done] = lived(bought(), moved(1), cancel_asked(5, ADMIN), moved(20)).history
    assert (asked.by, done.by) == (ADMIN, ADMIN)


def test_nobody_is_told_as_who_cancelled_where_an_older_release_did_not_keep_who_asked() -> None:
    asked = replace(cancel_asked(5)(moved(1)(bought())), cancel_requested_by=None)
    [entry] = moved(6)(asked.saved()).new_history
    assert (entry.event, entry.by) == ("ORDER_CANCELLED", None)


def test_a_caller_of_an_open_service_has_no_name() -> None:
    [placed] = pending().new_history
    assert placed.by == Actor(ActorKind.CALLER, None)


@pytest.mark.parametrize("subject", ["settlement", "expiry", "operator"])
def test_a_caller_whose_subject_is_the_name_of_a_part_of_the_service_is_told_as_a_caller(
    subject: str,
) -> None:
    order = pending(customer_id=subject, hold=Hold(60))
    caller = Actor.caller(subject)
    entries = lived(
        order, moved(1), confirmed(5, caller), cancel_asked(6, caller), moved(7)
    ).history
    assert {entry.by for entry in entries} == {Actor(ActorKind.CALLER, subject)}
    assert caller not in (SETTLEMENT, EXPIRY)


def test_a_person_who_gave_no_name_is_told_as_an_operator_all_the_same() -> None:
    order = doubted(20)(bought())
    assert order.stuck is not None
    word = decided(30, DONE)(order).decision
    assert word is not None
    told = order.decide(replace(word, by=None, stuck=None)).new_history[-1]
    assert told.by == Actor(ActorKind.OPERATOR, None)


# --- what for


def test_a_failed_orders_entry_says_why_the_order_failed() -> None:
    for name, reason in {
        "refused": FailureCode.INSUFFICIENT_STOCK,
        "abandoned": FailureCode.ABANDONED,
        "stuck, failed by word": FailureCode.DECIDED,
        "refused after a part was taken": FailureCode.INSUFFICIENT_STOCK,
    }.items():
        assert LIVES[name].history[-1].reason == reason


def test_an_entry_of_giving_up_says_why_where_that_is_known() -> None:
    def reason(name: str) -> str | None:
        [entry] = [each for each in LIVES[name].history if each.event == "ORDER_GIVEN_UP"]
        return entry.reason

    assert reason("abandoned") is None
    assert reason("refused after a part was taken") == "insufficient_stock"
    assert reason("stuck in part, failed by word, given back") == "decided"


def test_a_word_is_told_with_its_outcome_and_its_reason_and_a_doubt_with_its_own() -> None:
    _, doubt, word, end = LIVES["stuck, failed by word"].history
    assert (doubt.reason, doubt.outcome) == ("Nobody can tell.", None)
    assert (word.reason, word.outcome) == ("I counted.", OrderStatus.FAILED)
    assert (end.reason, end.outcome) == ("decided", None)


def test_each_entry_of_a_held_order_says_until_when_the_order_is_held_from_then_on() -> None:
    ends = [entry.expires_at for entry in LIVES["held, extended twice, confirmed"].history]
    assert ends == [None, later(61), later(100), later(50), None]
    ends = [entry.expires_at for entry in LIVES["held, not cancelled by word, expired"].history]
    assert ends == [None, later(61), None, None, None, later(61), None, None]


def test_a_move_by_a_process_whose_clock_is_behind_is_told_at_the_time_of_the_move_before() -> None:
    for move in (
        moved(-5),
        failed(-5),
        given_up(-5),
        deferred(-5),
        doubted(-5),
    ):
        assert move(bought()).new_history[-1].at == START
    held = moved(9)(to_be_held())
    for move in (confirmed(1), extended(1, 99), cancel_asked(1)):
        assert move(held).new_history[-1].at == later(9)


# --- events


@pytest.mark.parametrize("name", LIVES)
def test_the_events_of_an_order_are_numbered_from_1_without_a_gap(name: str) -> None:
    events = LIVES[name].events
    assert [event.sequence for event in events] == [*range(1, len(events) + 1)]


@pytest.mark.parametrize("name", LIVES)
def test_an_event_is_told_by_the_save_that_tells_the_same_in_the_history(name: str) -> None:
    told = {"ORDER_RESERVED", "ORDER_CREATED", "ORDER_FAILED", "ORDER_CANCELLED", "ORDER_EXPIRED"}
    for order in LIVES[name].saves:
        entries = [entry for entry in order.new_history if entry.event in told]
        assert [(str(e.type), e.occurred_at, e.status) for e in order.new_events] == [
            (str(entry.event), entry.at, entry.status) for entry in entries
        ]


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("sold", ["ORDER_CREATED"]),
        ("refused", ["ORDER_FAILED"]),
        ("sold, cancelled by an admin", ["ORDER_CREATED", "ORDER_CANCELLED"]),
        ("sold, not cancelled by word, cancelled again", ["ORDER_CREATED", "ORDER_CANCELLED"]),
        ("held, confirmed", ["ORDER_RESERVED", "ORDER_CREATED"]),
        ("held, extended twice, confirmed", ["ORDER_RESERVED", "ORDER_CREATED"]),
        (
            "held, confirmed, cancelled",
            ["ORDER_RESERVED", "ORDER_CREATED", "ORDER_CANCELLED"],
        ),
        ("held, cancelled by an admin", ["ORDER_RESERVED", "ORDER_CANCELLED"]),
        ("held, expired", ["ORDER_RESERVED", "ORDER_EXPIRED"]),
        ("to be held, refused", ["ORDER_FAILED"]),
    ],
)
def test_a_held_order_tells_that_it_is_sold_once_it_is_confirmed(
    name: str, events: list[str]
) -> None:
    assert [str(event.type) for event in LIVES[name].events] == events


def test_the_event_of_a_cancelled_hold_has_the_price_at_which_the_goods_were_taken() -> None:
    reserved, cancelled = LIVES["held, cancelled by an admin"].events
    assert reserved.total_price == cancelled.total_price is not None
    assert (reserved.status, cancelled.status) == ("RESERVED", "CANCELLED")


def test_of_several_items_the_last_move_tells_the_event() -> None:
    life = lived(
        bought(lines=basket().lines, hold=Hold(60)),
        moved(1),
        expiry_recorded(61),
        moved_in_part(62),
        moved(63),
    )
    assert [len(order.new_events) for order in life.saves] == [0, 1, 0, 0, 1]
    assert [entry.event for entry in life.history][-2:] == ["ORDER_PARTLY_MOVED", "ORDER_EXPIRED"]
    assert {entry.by for entry in life.history[2:]} == {EXPIRY}


def test_who_asked_for_a_cancellation_that_was_dropped_is_not_named_for_what_comes_after() -> None:
    life = lived(
        to_be_held(),
        moved(1),
        cancel_asked(5, ADMIN),
        doubted(20),
        decided(30, NOT_DONE),
        expiry_recorded(61),
        moved(62),
    )
    assert life.history[-1].by == EXPIRY


def test_a_reversal_tells_nothing_but_the_failure() -> None:
    [entry] = reverted(9)(given_up(5)(bought()).saved()).new_history
    assert (entry.event, entry.reason) == ("ORDER_FAILED", "abandoned")
