"""The history of an order as ``orders show`` prints it."""

import json
from dataclasses import replace

import pytest

from order_service.application.orders.history import ReadHistory
from order_service.domain.history import SETTLEMENT, Actor
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage
from order_service.domain.moves import MovedLine, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.http.histories import HistoryAnswer
from tests.orders import (
    CALLER,
    ITEM,
    PRICE,
    basket,
    cancelling,
    completed,
    confirmed,
    expired,
    failed,
    held,
    in_every_state,
    later,
    moved_at,
    pending,
    reverted,
    stuck,
)
from tests.unit.interface.cli.shop import Shop

OTHER, THIRD = "b" * 24, "c" * 24
NOT_RECORDED = " (not recorded)"


def timeline(shop: Shop, order: Order) -> list[str]:
    shop.have(order)
    _, told = shop.run("show", order.id).stdout.split("\nHistory, oldest first, in UTC:\n")
    return told.splitlines()


def happened(shop: Shop, order: Order) -> list[str]:
    """Without times, statuses and evidence."""
    return [line[38:] for line in timeline(shop, order) if line.startswith("  2026-")]


def test_a_held_order_that_expired_tells_its_history_in_words_with_the_evidence_below(
    shop: Shop,
) -> None:
    shop.log.items = {ITEM}
    order = held(customer_id="alice").extend(later(100), later(3), Actor.caller("an admin"))
    order = order.expire(later(101))
    order = order.stock_moved([MovedLine(ITEM, PRICE, StockMove(7, 10, later(101)))], later(102))
    assert timeline(shop, order) == [
        "  2026-01-02 03:04:05.678  PENDING    placed by caller alice",
        "      to be held  for 1 min, once it has its stock",
        "  2026-01-02 03:04:07.678  RESERVED   stock taken by caller alice, and held",
        "      held until  2026-01-02 03:05:07.678",
        f"      stock       3 of item {ITEM}: 10 → 7, in the log as stock-updates[3]@7",
        '  2026-01-02 03:04:08.678  RESERVED   hold extended by caller "an admin"',
        "      held until  2026-01-02 03:05:45.678",
        "  2026-01-02 03:05:46.678  RESERVED   expiry recorded when the hold was over: the stock "
        "is to go back",
        "  2026-01-02 03:05:47.678  EXPIRED    stock given back when the hold was over: expired",
        f"      stock       3 of item {ITEM}: 7 → 10, in the log as stock-updates[3]@10",
    ]


def test_an_order_that_was_sold_and_cancelled_tells_who_did_it(shop: Shop) -> None:
    order = cancelling(customer_id="alice")
    assert happened(shop, order.stock_moved(moves(7, 10), later(9), SETTLEMENT)) == [
        "placed by caller alice",
        "stock taken by caller alice: sold",
        "cancellation requested by caller somebody: the stock is to go back",
        "stock given back by settlement: cancelled",
    ]


def moves(previous: int, new: int, item: str = ITEM) -> list[MovedLine]:
    return [MovedLine(item, PRICE, StockMove(previous, new, later(1)))]


def test_the_confirmation_of_a_held_order_is_told_with_no_stock(shop: Shop) -> None:
    assert timeline(shop, confirmed())[-1] == (
        "  2026-01-02 03:04:09.678  COMPLETED  confirmed by caller somebody: sold"
    )


def test_a_caller_of_an_open_service_has_no_name(shop: Shop) -> None:
    assert happened(shop, pending()) == ["placed by an unnamed caller"]


def test_a_failed_order_tells_what_was_short(shop: Shop) -> None:
    short = (Shortage(ITEM, 2), Shortage(OTHER, None))
    failure = Failure(FailureCode.ITEM_NOT_FOUND, short)
    order = basket(customer_id="alice").fail(failure, later(2))
    assert timeline(shop, order)[1:] == [
        "  2026-01-02 03:04:07.678  FAILED     marked as failed by caller alice",
        f"      short       2 of item {ITEM} were left",
        f"      short       there is no item {OTHER}",
        "      reason      item_not_found: the inventory has no such item",
    ]


@pytest.mark.parametrize("code", FailureCode)
def test_every_reason_of_a_failure_has_words(shop: Shop, code: FailureCode) -> None:
    [line] = [line for line in timeline(shop, failed(code)) if "  reason  " in line]
    assert line.split("  ")[-1].startswith(f"{code}: ")


def test_an_order_that_was_given_up_tells_that_its_stock_went_and_came_back(shop: Shop) -> None:
    assert [line.split("  ")[-1].strip() for line in timeline(shop, reverted(pending()))[1:]] == [
        "given up by an unnamed caller: the order is to fail, and what it took goes back",
        "marked as failed by an unnamed caller",
        f"3 of item {ITEM}: 10 → 7, not in the log",
        f"3 of item {ITEM}: 7 → 10, not in the log",
        "abandoned: nobody carried the order out; what it took was given back",
    ]


def test_an_order_that_was_left_open_tells_that_its_caller_was_answered_without_the_outcome(
    shop: Shop,
) -> None:
    order = moved_at(pending().defer(later(1)), later(30))
    assert happened(shop, order)[1] == (
        "left open by an unnamed caller: the outcome was not known in time for the answer"
    )


def test_a_stuck_order_tells_why_and_what_a_person_said(shop: Shop) -> None:
    word = Decision(OrderStatus.COMPLETED, "I counted.", later(9), by="root")
    assert timeline(shop, stuck().decide(word))[1:] == [
        "  2026-01-02 03:04:08.678  PENDING    marked as stuck by an unnamed caller: nothing tells "
        "whether all of the stock was taken",
        "      reason      Nobody can tell.",
        "  2026-01-02 03:04:14.678  PENDING    decided by operator root: the changes in doubt were "
        "made",
        "      reason      I counted.",
        "  2026-01-02 03:04:14.678  COMPLETED  stock taken by operator root: sold",
        f"      stock       3 of item {ITEM}: 10 → 7, not in the log",
    ]


def test_a_cancellation_that_a_person_denied_is_told_to_be_dropped(shop: Shop) -> None:
    word = Decision(OrderStatus.FAILED, "I counted.", later(9), by="root")
    order = stuck(held().request_cancel(later(5), CALLER)).decide(word)
    assert timeline(shop, order)[-4:] == [
        "  2026-01-02 03:04:14.678  RESERVED   decided by operator root: the changes in doubt were "
        "not made",
        "      reason      I counted.",
        "  2026-01-02 03:04:14.678  RESERVED   cancellation dropped by operator root: the order "
        "keeps its stock",
        "      held until  2026-01-02 03:05:07.678",
    ]


def test_parts_of_the_stock_that_were_moved_tell_which_way(shop: Shop) -> None:
    taking = basket().stock_moved(moves(10, 7), later(2))
    assert happened(shop, taking)[1] == "a part of the stock taken by an unnamed caller"
    given_up = taking.stock_moved(moves(10, 8, THIRD), later(2)).give_up(later(3))
    back = given_up.stock_moved(moves(7, 10), later(4), SETTLEMENT)
    assert happened(shop, back)[-1] == "a part of the stock given back by settlement"
    cancelling = completed(basket()).request_cancel(later(5), CALLER)
    back = cancelling.stock_moved(moves(7, 10), later(6))
    assert happened(shop, back)[-1] == "a part of the stock given back by caller somebody"


def test_the_stock_of_an_order_that_shared_its_overwrite_says_so(shop: Shop) -> None:
    order = pending().stock_moved(moves(10, 2), later(2))
    said = f"3 of item {ITEM}: 10 → 2 together with other orders, not in the log"
    assert timeline(shop, order)[-1].endswith(said)


def test_an_overwrite_that_changed_nothing_is_not_looked_for_in_the_log(shop: Shop) -> None:
    order = pending().stock_moved(moves(10, 10), later(2))
    said = f"3 of item {ITEM}: 10 → 10 together with other orders, so nothing was sent"
    assert timeline(shop, order)[-1].endswith(said)


def test_changes_of_an_older_release_say_that_they_were_not_recorded_and_that_nobody_knows_who(
    shop: Shop,
) -> None:
    order = replace(cancelling(customer_id="alice"), new_history=(), cancel_requested_by=None)
    assert happened(shop, order) == [
        f"placed by caller alice{NOT_RECORDED}",
        f"stock taken, nobody knows who: sold{NOT_RECORDED}",
        f"cancellation requested, nobody knows who: the stock is to go back{NOT_RECORDED}",
    ]
    assert timeline(shop, order)[-2].startswith("(not recorded) means that the order's fields")


def test_a_history_that_was_recorded_whole_does_not_explain_what_it_is_not(shop: Shop) -> None:
    assert "not recorded" not in "".join(timeline(shop, expired()))


def _recorded() -> dict[str, Order]:
    word = Decision(OrderStatus.COMPLETED, "I counted.", later(9), by="root")
    return {
        "expired": expired(customer_id="alice"),
        "extended": held().extend(later(100), later(3), CALLER),
        "decided": stuck(held().request_cancel(later(5), CALLER)).decide(word),
        "failed": failed(),
        "settled": pending().stock_moved(moves(10, 7), later(2), SETTLEMENT),
    }


_TOLD = in_every_state() | {f"{name}, recorded": order for name, order in _recorded().items()}


@pytest.mark.parametrize("order", _TOLD.values(), ids=_TOLD)
def test_the_json_has_the_history_in_the_form_of_the_api(shop: Shop, order: Order) -> None:
    shop.log.items = {ITEM}
    shop.have(order)
    answer = HistoryAnswer.of(ReadHistory(shop.book, shop.log)(order.id))
    assert shop.json("show", order.id)["history"] == json.loads(answer.body())["history"]


ODD = [
    "\x1b[2Jalice",
    "alice\n  2026-01-02 03:04:09.678  COMPLETED  confirmed by caller alice: sold",
    "a\u202eecila",
    "\ud800",
    "a\r\v\f\u2028\x85",
]


@pytest.mark.parametrize("written", ODD)
def test_texts_of_others_in_a_history_cannot_steer_the_terminal_or_forge_a_line(
    written: str, shop: Shop
) -> None:
    def told(text: str) -> list[str]:
        word = Decision(OrderStatus.FAILED, text, later(9), by=text)
        asked = held(customer_id=text).request_cancel(later(5), Actor.caller(text))
        return timeline(shop, stuck(asked).decide(word))

    plain, odd = told("alice"), told(written)
    assert len(plain) == len(odd)
    assert all(line.isprintable() for line in odd)


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("auth0|64b0", "auth0|64b0"),
        ("alice@example.org", "alice@example.org"),
        ("alice: sold", '"alice: sold"'),
        ('al"ice', '"al\\"ice"'),
        ("", '""'),
        ("J\xf6rg", "J\xf6rg"),
    ],
)
def test_a_subject_that_could_be_taken_for_words_of_the_sentence_is_in_quotes(
    shop: Shop, subject: str, shown: str
) -> None:
    assert happened(shop, pending(customer_id=subject)) == [f"placed by caller {shown}"]


def test_an_order_of_many_lines_tells_the_stock_of_each_item(shop: Shop) -> None:
    shop.log.items = {ITEM, OTHER}
    lines = [Line(THIRD, 2), Line(ITEM, 3), Line(OTHER, 1)]
    order = moved_at(pending(lines=lines, hold=Hold(60)), later(2))
    assert [line.split("  ")[-1].strip() for line in timeline(shop, order)[-3:]] == [
        f"2 of item {THIRD}: 10 → 8, not in the log",
        f"3 of item {ITEM}: 10 → 7, in the log as stock-updates[3]@7",
        f"1 of item {OTHER}: 10 → 9, in the log as stock-updates[3]@9",
    ]
