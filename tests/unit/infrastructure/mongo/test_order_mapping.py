"""Orders as documents, and back: what is stored, and what of earlier releases is read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Decimal128, ObjectId
from bson.codec_options import CodecOptions

from order_service.domain.history import Actor, Change, Entry
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage
from order_service.domain.moves import Intent, Overwrite
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.order_mapping import (
    read_events,
    read_history,
    read_intent,
    read_order,
    write_entry,
    write_event,
    write_intent,
    write_order,
)
from order_service.infrastructure.mongo.order_saves import MOST_ENTRIES
from tests.fixtures import documents_of
from tests.orders import (
    CALLER,
    DEAREST,
    ITEM,
    PRICE,
    START,
    basket,
    cancelled,
    completed,
    confirmed,
    failed,
    in_every_state,
    intent_of,
    key,
    largest,
    later,
    moved_at,
    pending,
    reverted,
    stuck,
)

Document = dict[str, Any]
# As the driver reads.
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
A, B, C = (ObjectId(letter * 24) for letter in "abc")


def stored(document: Document) -> Document:
    """Through the bytes that the store keeps."""
    return bson.decode(bson.encode(document), _CODEC)


# --- there and back


@pytest.mark.parametrize("name", in_every_state())
def test_an_order_is_read_as_it_was_written(name: str) -> None:
    order = replace(in_every_state()[name], version=7)
    assert read_order(stored(write_order(order))) == order


@pytest.mark.parametrize(
    "price", ["0", "0.00", "19.9", "19.90", "1E+3", "1000", "999999999999.999999"]
)
def test_a_price_keeps_every_digit_even_those_that_do_not_count(price: str) -> None:
    order = completed(price=Decimal(price), quantity=1)
    [line] = read_order(stored(write_order(order))).lines
    assert (str(line.unit_price), str(line.total_price)) == (price, price)


@pytest.mark.parametrize(
    "intent",
    [
        intent_of(pending()),
        replace(intent_of(basket()), fence=7),
        Intent.to_abandon(str(ObjectId()), START),
    ],
    ids=["of one item", "of several", "of an abandonment"],
)
def test_an_intent_is_read_as_it_was_written(intent: Intent) -> None:
    assert read_intent(stored(write_intent(intent)), ITEM) == intent


def test_a_stuck_basket_keeps_an_intent_of_the_one_item_that_was_left_to_move() -> None:
    first, *others = (Line(item, 1, PRICE, moved.move) for item, moved in _taken().items())
    order = replace(basket(), lines=(replace(first, taken=None), *others), version=1)
    in_doubt = replace(stuck(order), new_history=())
    assert in_doubt.stuck is not None
    assert in_doubt.stuck.intent is not None
    assert len(in_doubt.stuck.intent.overwrites) == 1
    assert read_order(stored(write_order(in_doubt))) == in_doubt


def _taken() -> dict[str, Any]:
    return {moved.item_id: moved for moved in intent_of(basket()).moved}


@pytest.mark.parametrize("place", [pending, basket], ids=["one line", "three lines"])
def test_an_event_is_read_with_the_lines_of_its_order(place: Callable[[], Order]) -> None:
    order = completed(place())
    document = write_order(order) | {"outbox": [write_event(each) for each in order.new_events]}
    assert read_events(stored(document)) == list(order.new_events)


@pytest.mark.parametrize("placed", [completed, confirmed])
def test_a_cancellation_that_a_release_without_sequences_told_comes_after_what_was_told_before(
    placed: Callable[[], Order],
) -> None:
    """Such a release can cancel an order that was held and confirmed, after a downgrade."""
    order = moved_at(placed().request_cancel(later(5), CALLER), later(6))
    document = write_order(order) | {"outbox": [write_event(each) for each in order.new_events]}
    del document["outbox"][-1]["sequence"]
    sequences = [event.sequence for event in read_events(stored(document))]
    assert sequences == [event.sequence for event in order.new_events]


# --- what is stored


def test_an_order_of_one_line_is_stored_flat() -> None:
    order = completed(
        id="f" * 24,
        customer_id="somebody",
        reference="2026-17",
        metadata={"a.name $with": "\N{SNOWMAN}", "channel": ""},
        currency="EUR",
        idempotency=key(),
    )
    assert write_order(order.saved()) == {
        "_id": ObjectId("f" * 24),
        "itemId": A,
        "quantity": 3,
        "unitPrice": Decimal128("19.99"),
        "taken": {"previousStock": 10, "newStock": 7, "at": later(1)},
        "reference": "2026-17",
        "metadata": [
            {"name": "a.name $with", "value": "\N{SNOWMAN}"},
            {"name": "channel", "value": ""},
        ],
        "currency": "EUR",
        "status": "COMPLETED",
        "customerId": "somebody",
        "totalPrice": Decimal128("59.97"),
        "createdAt": START,
        "updatedAt": later(2),
        "settledAt": later(2),
        "idempotency": {"caller": "a caller", "key": "a key", "fingerprint": "body"},
        "version": 1,
    }


def test_an_order_of_several_lines_is_stored_with_the_list_of_its_items() -> None:
    order = stuck(basket(id="f" * 24))
    taken = {"previousStock": 10, "newStock": 7, "at": later(1)}
    unit_price = Decimal128("19.99")
    document = write_order(order.saved())
    assert document.pop("stuck")["items"] == [C]
    assert document == {
        "_id": ObjectId("f" * 24),
        "itemId": [C, A, B],
        "lines": [
            {"itemId": C, "quantity": 2},
            {"itemId": A, "quantity": 3, "unitPrice": unit_price, "taken": taken},
            {
                "itemId": B,
                "quantity": 1,
                "unitPrice": unit_price,
                "taken": taken | {"newStock": 9},
            },
        ],
        "status": "PENDING",
        "createdAt": START,
        "updatedAt": later(3),
        "awaitingSince": START,
        "version": 1,
    }


FAILURES = {
    "short of its only item": (
        failed(FailureCode.INSUFFICIENT_STOCK),
        {
            "code": "insufficient_stock",
            "available": 2,
            "short": [{"itemId": A, "available": 2}],
        },
    ),
    "of no item": (
        failed(FailureCode.ITEM_NOT_FOUND),
        {"code": "item_not_found", "short": [{"itemId": A}]},
    ),
    "short of two items and without a third": (
        basket().fail(
            Failure(
                FailureCode.ITEM_NOT_FOUND,
                (Shortage(str(C), 1), Shortage(str(A), 0), Shortage(str(B), None)),
            ),
            later(2),
        ),
        {
            "code": "item_not_found",
            "short": [
                {"itemId": C, "available": 1},
                {"itemId": A, "available": 0},
                {"itemId": B},
            ],
        },
    ),
    "abandoned": (failed(FailureCode.ABANDONED), {"code": "abandoned"}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_stored_with_every_item_that_was_short(name: str) -> None:
    order, failure = FAILURES[name]
    document = write_order(order)
    assert document["failure"] == failure
    assert read_order(stored(document)).failure == order.failure


def test_an_intent_of_one_item_is_stored_flat_and_one_of_several_with_each_overwrite() -> None:
    price = Decimal128("19.99")
    one = Intent((str(C),), (Overwrite(ITEM, 10, 7, PRICE),), START)
    flat = {"previousStock": 10, "newStock": 7, "unitPrice": price}
    assert write_intent(one) == {"orderIds": [C], "recordedAt": START, **flat}
    several = replace(one, overwrites=(*one.overwrites, Overwrite(str(B), 4, 4, PRICE)), fence=9)
    # No item has a stock of -1: what knows no overwrites can't decide these.
    undecidable = {"previousStock": -1, "newStock": -1, "unitPrice": Decimal128("0")}
    assert write_intent(several) == {
        "orderIds": [C],
        "recordedAt": START,
        "fence": 9,
        **undecidable,
        "overwrites": [
            {"itemId": A, **flat},
            {"itemId": B, "previousStock": 4, "newStock": 4, "unitPrice": price},
        ],
    }
    abandonment = {"orderIds": [C], "recordedAt": START, "abandons": True, **undecidable}
    assert write_intent(Intent.to_abandon(str(C), START)) == abandonment


# --- earlier releases

OF_0_2_0 = {str(each["_id"]): stored(each) for each in documents_of("store_of_0_2_0", "orders")}


@pytest.mark.parametrize("order_id", OF_0_2_0)
def test_an_order_of_one_line_is_stored_as_release_0_2_0_did_but_for_price_and_shortage(
    order_id: str,
) -> None:
    of_before = {name: part for name, part in OF_0_2_0[order_id].items() if name != "outbox"}
    written = stored(write_order(read_order(of_before)))
    if "totalPrice" in of_before:
        unit_price = written.pop("unitPrice").to_decimal()
        assert unit_price * written["quantity"] == of_before["totalPrice"].to_decimal()
    if of_before.get("failure", {}).get("code") in ("insufficient_stock", "item_not_found"):
        [short] = written["failure"].pop("short")
        assert short.pop("itemId") == of_before["itemId"]
        assert short.items() <= of_before["failure"].items()
    assert written == of_before


@pytest.mark.parametrize("name", ["completed", "for free", "the dearest", "cancelled"])
def test_a_line_without_its_price_has_the_exact_share_of_the_total(name: str) -> None:
    order = in_every_state()[name]
    document = write_order(order)
    del document["unitPrice"]
    assert read_order(stored(document)) == order


def test_a_line_that_was_given_back_before_there_were_lines_has_no_price() -> None:
    document = write_order(reverted(pending()))
    del document["unitPrice"]
    [line] = read_order(stored(document)).lines
    assert line.unit_price is None
    assert line.taken is not None
    assert line.returned is not None


# --- the largest order

A_MEGABYTE = 1_000_000


def test_the_largest_order_and_the_longest_history_fill_a_fortieth_of_a_document() -> None:
    order = moved_at(
        completed(
            largest("\N{EYES}", customer_id="c" * 255, currency="EUR", idempotency=key("k" * 255)),
            price=DEAREST,
        ).request_cancel(later(5), CALLER),
        later(6),
    )
    mark = stuck(largest()).stuck
    assert mark is not None
    assert mark.intent is not None
    together = tuple(str(ObjectId()) for _ in range(100))
    mark = replace(mark, items=order.item_ids, intent=replace(mark.intent, order_ids=together))
    # More than any order has at once.
    decision = Decision(OrderStatus.COMPLETED, "w" * 1000, later(7), mark)
    order = replace(order, stuck=mark, decision=decision, version=9)
    document = write_order(order) | {"outbox": [write_event(each) for each in order.new_events]}
    assert len(bson.encode(document)) < 0.16 * A_MEGABYTE
    by = Actor.caller("c" * 255)
    entry = Entry(Change.ORDER_DECIDED, order.status, later(9), by, 9, "w" * 1000, order.status)
    document["history"] = [write_entry(entry)] * MOST_ENTRIES
    assert len(bson.encode(document)) < 0.4 * A_MEGABYTE
    assert read_order(stored(document)) == replace(order, new_events=(), new_history=())
    assert read_history(stored(document)) == [entry] * MOST_ENTRIES
    assert len(bson.encode(write_intent(mark.intent))) < 0.02 * A_MEGABYTE
    assert read_intent(stored(write_intent(mark.intent)), "") == mark.intent


def test_prices_that_are_equal_and_written_differently_stay_different() -> None:
    one, other = (cancelled(quantity=1) for _ in range(2))
    written = [
        write_order(replace(order, lines=(replace(order.lines[0], unit_price=Decimal(price)),)))
        for order, price in ((one, "19.9"), (other, "19.90"))
    ]
    assert [str(each["unitPrice"]) for each in written] == ["19.9", "19.90"]
    assert [str(read_order(each).lines[0].unit_price) for each in written] == ["19.9", "19.90"]
