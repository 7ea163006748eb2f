"""What the log has of the orders that the service deals with by itself."""

from typing import Any

import pytest
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from order_service.domain.history import SETTLEMENT
from order_service.domain.marks import Failure, FailureCode, Origin
from order_service.domain.order import Order
from order_service.infrastructure.telemetry.order_lines import OrderLines
from tests.orders import ITEM, cancelling, expiring, intent_of, later, pending, stuck


def told(order: Order) -> list[Any]:
    with capture_logs() as lines:
        OrderLines().wrote([order], [order])
    return lines


def test_an_order_that_is_stuck_is_a_warning_with_the_reason_and_the_items() -> None:
    order = stuck(origin=Origin("its-request"))
    assert order.stuck is not None
    with bound_contextvars(request_id="the one that came by"):
        [line] = told(order)
    assert line == {
        "event": "order_stuck",
        "order_id": order.id,
        "request_id": "its-request",
        "reason": order.stuck.reason,
        "items": (ITEM,),
        "log_level": "warning",
    }


def test_an_order_that_settlement_completed_is_told() -> None:
    order = pending()
    settled = order.stock_moved(intent_of(order).moved, later(20), SETTLEMENT)
    [line] = told(settled)
    assert (line["event"], line["order_id"], line["status"], line["by"]) == (
        "order_settled",
        order.id,
        "COMPLETED",
        "settlement",
    )


def test_an_order_that_settlement_failed_is_told_with_the_reason() -> None:
    [line] = told(pending().fail(Failure(FailureCode.ABANDONED), later(20), SETTLEMENT))
    assert (line["event"], line["status"], line["reason"]) == (
        "order_settled",
        "FAILED",
        "abandoned",
    )


def test_a_hold_that_expired_is_told_once_its_stock_is_back() -> None:
    recorded = expiring()
    assert told(recorded) == []
    recorded = recorded.saved()
    [line] = told(recorded.stock_moved(intent_of(recorded).moved, later(90)))
    assert (line["event"], line["status"], line["by"]) == ("order_expired", "EXPIRED", "expiry")


@pytest.mark.parametrize("of", [pending, cancelling])
def test_what_a_caller_asks_for_is_not_told_because_the_request_has_a_line(of: Any) -> None:
    order = of()
    assert told(order) == []
    order = order.saved()
    assert told(order.stock_moved(intent_of(order).moved, later(20))) == []


def test_an_order_whose_write_lost_a_race_is_not_told() -> None:
    with capture_logs() as lines:
        OrderLines().wrote([stuck()], [])
    assert lines == []
