"""What becomes of held orders, for tests that begin where it has happened."""

from datetime import UTC, datetime
from typing import Any

import requests
from bson import ObjectId

from order_service.domain.hold import Hold
from tests import orders
from tests.e2e.answers import order_in, problem_in
from tests.system import System
from tests.waiting import until


def held(system: System, item: str, seconds: int = 900, **options: Any) -> str:
    """The id of a new order that is held."""
    answer = system.hold(item, seconds, **options)
    assert answer.status_code == 201, answer.text
    return str(order_in(answer)["_id"])


def confirmed(system: System, item: str) -> str:
    order_id = held(system, item)
    assert system.confirm(order_id).status_code == 200
    return order_id


def cancelled(system: System, item: str) -> str:
    order_id = held(system, item)
    assert order_in(system.cancel(order_id))["status"] == "CANCELLED"
    return order_id


def expired(system: System, item: str, **options: Any) -> str:
    """The id of an order whose hold is over, once the stock is back."""
    order_id = held(system, item, 1, **options)
    await_status(system, order_id, "EXPIRED")
    return order_id


def sold(system: System, item: str) -> str:
    return str(order_in(system.create(item))["_id"])


def failed(system: System, item: str) -> str:
    """To be held, of an item with a stock of 10."""
    problem_in(system.hold(item, quantity=11), 400, "insufficient_stock")
    return str(system.orders(item)[-1]["_id"])


def pending(system: System, item: str) -> str:
    """To be held, as a crash leaves an order that was just stored."""
    order = orders.pending(item, hold=Hold(60), at=datetime.now(UTC))
    system.database["orders"].insert_one(orders.as_stored(order))
    return order.id


def await_status(system: System, order_id: str, status: str) -> None:
    wanted = {"_id": ObjectId(order_id), "status": status}
    until(lambda: system.database["orders"].find_one(wanted), f"the order is {status}", 20)


def is_replayed(answer: requests.Response) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"
