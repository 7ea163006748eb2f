"""How orders are shown."""

import json
from decimal import Decimal
from typing import Any

import pytest

from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase
from order_service.interface.http.answers import OrderAnswer
from tests.orders import CALLER, ITEM, basket, completed, held, in_every_state, later, pending

TIME = "2026-01-02T03:04:05.678Z"


def shown(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OrderAnswer.of(order).body())["order"]
    return found


def test_an_order_of_one_line_has_its_item_and_quantity_beside_the_lines() -> None:
    order = pending(ITEM, 3)
    line = {"itemId": ITEM, "quantity": 3, "unitPrice": None, "totalPrice": None}
    assert shown(order) == {
        "_id": order.id,
        "lines": [line],
        "itemId": ITEM,
        "quantity": 3,
        "status": "PENDING",
        "totalPrice": None,
        "createdAt": TIME,
        "updatedAt": TIME,
    }


def test_an_order_of_several_lines_has_them_as_they_were_given_and_nothing_beside_them() -> None:
    order = shown(completed(basket(), price=Decimal("0.10")))
    assert not {"itemId", "quantity"} & order.keys()
    assert order["lines"] == [
        {"itemId": "c" * 24, "quantity": 2, "unitPrice": 0.1, "totalPrice": 0.2},
        {"itemId": ITEM, "quantity": 3, "unitPrice": 0.1, "totalPrice": 0.3},
        {"itemId": "b" * 24, "quantity": 1, "unitPrice": 0.1, "totalPrice": 0.1},
    ]
    assert order["totalPrice"] == 0.6


def test_an_order_shows_currency_reference_and_metadata_where_it_has_them() -> None:
    given = {"currency": "EUR", "reference": "17", "metadata": {"b": "", "a": "\0"}}
    order = shown(pending(lines=[Line(ITEM, 1)], **given))
    assert {name: order[name] for name in given} == given
    assert not given.keys() & shown(pending()).keys()


def test_an_order_shows_when_its_hold_ends() -> None:
    order = held(60)
    assert (shown(order)["status"], shown(order)["expiresAt"]) == (
        "RESERVED",
        "2026-01-02T03:05:07.678Z",
    )
    extended = order.extend(later(900), later(3), CALLER)
    assert shown(extended)["expiresAt"] == "2026-01-02T03:19:05.678Z"


@pytest.mark.parametrize("state", in_every_state())
def test_an_order_shows_an_end_of_its_hold_only_while_it_is_held(state: str) -> None:
    order = in_every_state()[state]
    assert ("expiresAt" in shown(order)) == (order.phase is OrderPhase.HELD)
