"""How orders that wait too long are shown, and settled by a word."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.list_open import ListOpenOrders
from order_service.domain.errors import StoreUnavailable
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.http.app import create_app
from tests.orders import (
    CALLER,
    ITEM,
    basket,
    cancelling,
    completed,
    expiring,
    given_up_in_part,
    held,
    later,
    moved_at,
    pending,
    stuck,
    stuck_without_intent,
)
from tests.unit.fakes import FakeClock, FakeOrders
from tests.use_cases import only

ADMIN = Caller("carol", frozenset({Scope.ORDERS_ADMIN}))
SAID = {"outcome": "completed", "reason": "I counted."}
TOKEN = {"Authorization": "Bearer -"}


class Shop:
    def __init__(self) -> None:
        self.book: Any = FakeOrders()
        self.clock = FakeClock()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def client(self, authenticate: Authenticate | None = None) -> FlaskClient:
        use_cases = only(
            list_open_orders=ListOpenOrders(self.book, self.clock, timedelta(seconds=12)),
            decide_order=DecideOrder(self.book, self.clock),
        )
        return create_app(use_cases, authenticate).test_client()

    def have(self, order: Order) -> Order:
        self.book.by_id[order.id] = order.saved()
        stored: Order = self.book.by_id[order.id]
        return stored

    def listed(self, query: str = "") -> Any:
        answer = self.client().get(f"/api/stuck-orders{query}")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def settle(
        self,
        order: Order,
        body: Any = None,
        authenticate: Authenticate | None = None,
        **headers: str,
    ) -> TestResponse:
        path = f"/api/orders/{order.id}/settle"
        given = {**TOKEN, **{name.replace("_", "-"): text for name, text in headers.items()}}
        sent = SAID if body is None else body
        return self.client(authenticate).post(path, json=sent, headers=given)


@pytest.fixture
def shop() -> Shop:
    return Shop()


# --- the list


def test_a_shop_in_which_nothing_waits_too_long_has_empty_lists(shop: Shop) -> None:
    shop.have(completed())
    found = shop.listed()
    assert found.pop("now").endswith("Z")
    assert found == {"stuck": [], "overdue": [], "holds": [], "more": False}


def test_a_stuck_order_is_shown_with_why_and_with_what_would_decide_it(shop: Shop) -> None:
    placed = shop.now - timedelta(seconds=100)
    order = shop.have(stuck(pending(at=placed)))
    [shown] = shop.listed()["stuck"]
    assert shown.pop("order")["_id"] == order.id
    assert order.stuck is not None
    assert shown == {
        "version": order.version,
        "since": shown["since"],
        "reason": "Nobody can tell.",
        "waitsForSeconds": 100.0,
        "recordedAt": "2026-01-02T03:04:06.678Z",
        "sharedWith": 1,
        "changesInDoubt": [{"itemId": ITEM, "previousStock": 10, "newStock": 7}],
        "byEvidence": {"status": "COMPLETED", "settled": True},
        "byWord": {
            "completed": {"status": "COMPLETED", "settled": True},
            "failed": {"status": "FAILED", "settled": True},
        },
    }


Way = tuple[str, bool]


@pytest.mark.parametrize(
    ("make", "evidence", "done", "not_done"),
    [
        (
            lambda: stuck(basket()),
            ("COMPLETED", True),
            ("COMPLETED", True),
            ("FAILED", False),
        ),
        (
            lambda: stuck(pending(hold=Hold(60))),
            ("RESERVED", True),
            ("RESERVED", True),
            ("FAILED", True),
        ),
        (
            lambda: stuck(given_up_in_part()),
            ("FAILED", True),
            ("FAILED", True),
            ("FAILED", False),
        ),
        (
            lambda: stuck(cancelling()),
            ("CANCELLED", True),
            ("CANCELLED", True),
            ("COMPLETED", True),
        ),
        (
            lambda: stuck(held().request_cancel(later(5), CALLER)),
            ("CANCELLED", True),
            ("CANCELLED", True),
            ("RESERVED", True),
        ),
        (
            lambda: stuck(completed(basket()).request_cancel(later(5), CALLER)),
            ("CANCELLED", True),
            ("CANCELLED", True),
            ("CANCELLED", False),
        ),
        (lambda: stuck(expiring()), ("EXPIRED", True), ("EXPIRED", True), ("EXPIRED", False)),
        (lambda: stuck_without_intent(pending()), None, None, ("FAILED", True)),
        (
            lambda: stuck_without_intent(cancelling()),
            None,
            ("CANCELLED", True),
            ("COMPLETED", True),
        ),
    ],
    ids=[
        *("taking, in part", "to be held", "given up", "cancelling", "cancelling a hold"),
        *("cancelling, in part", "expiring", "price never read", "cancelling, nothing known"),
    ],
)
def test_a_stuck_order_is_shown_with_what_it_becomes_by_evidence_and_by_each_word(
    make: Callable[[], Order], evidence: Way | None, done: Way | None, not_done: Way, shop: Shop
) -> None:
    order = shop.have(make())
    [shown] = shop.listed()["stuck"]
    assert way(shown["byEvidence"]) == evidence
    words = shown["byWord"]
    assert (way(words["completed"]), way(words["failed"])) == (done, not_done)
    if evidence is None:
        assert (shown["changesInDoubt"], shown["recordedAt"], shown["sharedWith"]) == ([], None, 0)
    # A word does what the list said.
    for outcome, told in (("completed", done), ("failed", not_done)):
        shop.have(order)
        answer = shop.settle(order, {"outcome": outcome, "reason": "I counted."})
        assert answer.status_code == (409 if told is None else 200)
        if told is not None:
            stored = shop.book.by_id[order.id]
            assert stored.phase.is_settled == told[1]
            assert answer.get_json()["order"]["status"] == stored.status
            assert not told[1] or stored.status == told[0]


def way(shown: dict[str, Any] | None) -> Way | None:
    return shown and (shown["status"], shown["settled"])


def test_overdue_orders_and_holds_are_listed_with_their_ages(shop: Shop) -> None:
    overdue = shop.have(pending(at=shop.now - timedelta(seconds=95)))
    shop.have(pending(at=shop.now))
    placed = shop.now - timedelta(seconds=200)
    hold = shop.have(moved_at(pending(at=placed, hold=Hold(60)), placed))
    found = shop.listed()
    [late], [over] = found["overdue"], found["holds"]
    assert (late["order"]["_id"], late["waitsForSeconds"]) == (overdue.id, 95.0)
    assert (over["order"]["_id"], over["overdueForSeconds"]) == (hold.id, 140.0)
    assert (set(late), set(over)) == (
        {"order", "waitsForSeconds"},
        {"order", "overdueForSeconds"},
    )


def test_the_list_of_stuck_orders_has_a_limit_of_each_kind_and_says_that_there_may_be_more(
    shop: Shop,
) -> None:
    for _ in range(3):
        shop.have(stuck())
    found = shop.listed("?limit=2")
    assert (len(found["stuck"]), found["more"]) == (2, True)
    assert shop.listed("?limit=100")["more"] is False


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "many", "5&limit=6"])
def test_a_bad_limit_of_the_list_of_stuck_orders_is_a_400(limit: str, shop: Shop) -> None:
    answer = shop.client().get(f"/api/stuck-orders?limit={limit}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "limit")


def test_a_list_of_stuck_orders_without_the_store_is_a_503() -> None:
    listing = Mock(side_effect=StoreUnavailable("No primary."))
    answer = create_app(only(list_open_orders=listing)).test_client().get("/api/stuck-orders")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


# --- the word


def test_a_word_settles_a_stuck_order_and_is_kept_with_who_gave_it(shop: Shop) -> None:
    order = shop.have(stuck())
    answer = shop.settle(order, authenticate=lambda _: ADMIN)
    assert answer.status_code == 200
    assert answer.get_json()["alike"] == []
    assert answer.get_json()["order"]["status"] == "COMPLETED"
    stored = shop.book.by_id[order.id]
    assert answer.headers["ETag"] == f'"{stored.version}"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (stored.decision.outcome, stored.decision.by) == (OrderStatus.COMPLETED, "carol")
    assert stored.decision.reason == "I counted."


def test_a_word_in_an_open_service_is_anybodys(shop: Shop) -> None:
    order = shop.have(stuck())
    assert shop.settle(order).status_code == 200
    assert shop.book.by_id[order.id].decision.by == "anybody"


def test_a_word_names_the_other_orders_that_are_stuck_for_the_same_overwrite(shop: Shop) -> None:
    other = pending()
    order = stuck()
    assert order.stuck is not None
    assert order.stuck.intent is not None
    intent = replace(order.stuck.intent, order_ids=(order.id, other.id))
    mark = replace(order.stuck, intent=intent)
    shop.have(other.mark_stuck(mark))
    answer = shop.settle(shop.have(replace(order, stuck=mark)))
    assert answer.get_json()["alike"] == [other.id]


@pytest.mark.parametrize(
    ("tag", "status"), [('"1"', 200), ("*", 200), ('"7"', 412), ('"seven"', 412), ("", 200)]
)
def test_a_word_about_another_version_of_the_order_is_a_412(
    tag: str, status: int, shop: Shop
) -> None:
    order = shop.have(stuck())
    assert order.version == 1
    answer = shop.settle(order, If_Match=tag)
    assert answer.status_code == status
    if status == 412:
        assert answer.get_json()["version"] == 1
        assert shop.book.by_id[order.id] == order


@pytest.mark.parametrize("order", [completed(), pending()], ids=["completed", "pending"])
def test_a_word_about_an_order_that_is_not_stuck_is_a_409(order: Order, shop: Shop) -> None:
    answer = shop.settle(shop.have(order))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "illegal_move")
    assert answer.get_json()["orderStatus"] == order.status


def test_a_word_about_no_order_is_a_404(shop: Shop) -> None:
    answer = shop.settle(stuck())
    assert (answer.status_code, answer.get_json()["code"]) == (404, "order_not_found")


def test_of_two_words_at_once_one_counts_and_the_other_is_a_409(shop: Shop) -> None:
    class Overtaken(FakeOrders):
        def get(self, order_id: str) -> Order | None:
            found = self.by_id[order_id]
            self.by_id[order_id] = replace(found, version=found.version + 1)
            return found

    shop.book = Overtaken()
    order = shop.have(stuck())
    answer = shop.settle(order)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "version_conflict")
    assert shop.book.by_id[order.id].decision is None


def test_a_store_that_goes_before_the_word_is_kept_leaves_the_order_as_it_is(shop: Shop) -> None:
    class Goes(FakeOrders):
        def get_many(self, order_ids: Any) -> list[Order]:
            raise StoreUnavailable("No primary.")

    shop.book = Goes()
    order = shop.have(stuck())
    assert shop.settle(order).status_code == 503
    assert shop.book.by_id[order.id] == order


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["outcome", "reason"]),
        ({**SAID, "outcome": "COMPLETED"}, ["outcome"]),
        ({**SAID, "outcome": "cancelled"}, ["outcome"]),
        ({**SAID, "outcome": None}, ["outcome"]),
        ({**SAID, "outcome": ["completed"]}, ["outcome"]),
        ({**SAID, "reason": ""}, ["reason"]),
        ({**SAID, "reason": " \n"}, ["reason"]),
        ({**SAID, "reason": "x" * 501}, ["reason"]),
        ({**SAID, "reason": 7}, ["reason"]),
        ({**SAID, "reason": None}, ["reason"]),
        ({**SAID, "reason": "\ud800"}, ["reason"]),
        ([], ["body"]),
        ("completed", ["body"]),
    ],
    ids=lambda given: str(given)[:40].encode("ascii", "replace").decode(),
)
def test_a_word_that_is_none_is_a_400_that_names_each_bad_field(
    body: Any, fields: list[str], shop: Shop
) -> None:
    order = shop.have(stuck())
    answer = shop.settle(order, body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.get_json()["errors"]] == fields
    assert shop.book.by_id[order.id] == order


@pytest.mark.parametrize("reason", ["x" * 500, "two\nlines", "\N{SNOWMAN}", '<b>"</b>'])
def test_a_reason_is_any_text_of_up_to_500_characters(reason: str, shop: Shop) -> None:
    order = shop.have(stuck())
    assert shop.settle(order, {**SAID, "reason": reason}).status_code == 200
    assert shop.book.by_id[order.id].decision.reason == reason


@pytest.mark.parametrize("scope", [each for each in Scope if each is not Scope.ORDERS_ADMIN])
def test_stuck_orders_are_an_admins_alone(scope: Scope, shop: Shop) -> None:
    order = shop.have(stuck())
    somebody = Caller("bob", frozenset({scope}))
    assert shop.settle(order, authenticate=lambda _: somebody).status_code == 403
    client = shop.client(lambda _: somebody)
    assert client.get("/api/stuck-orders", headers=TOKEN).status_code == 403
    assert client.get("/api/stuck-orders").status_code == 401
