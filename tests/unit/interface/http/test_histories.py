"""How an order's history is shown."""

import json
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.application.orders.history import MoveEvidence, OrderHistory, ToldEntry
from order_service.application.place import Place
from order_service.domain.errors import OrderNotFound, StoreUnavailable
from order_service.domain.history import EXPIRY, SETTLEMENT, Actor, ActorKind, Change, Entry
from order_service.domain.marks import Shortage
from order_service.domain.moves import StockMove
from order_service.domain.status import OrderStatus
from order_service.interface.http.app import create_app
from order_service.interface.http.histories import HistoryAnswer
from tests.orders import ITEM, held, later
from tests.use_cases import only

ORDER = held(id="b" * 24)
PATH = f"/api/orders/{ORDER.id}/history"
READER = Caller("alice", frozenset({Scope.ORDERS_READ}))
ODD = '<script>alert(1)</script> "\N{RIGHT-TO-LEFT OVERRIDE}\0\n\N{SNOWMAN}'


def entry(
    event: Change = Change.ORDER_PLACED,
    status: OrderStatus = OrderStatus.PENDING,
    by: Actor | None = SETTLEMENT,
    **given: Any,
) -> Entry:
    return Entry(event, status, later(0), by, **{"version": 1, **given})


def shown(told: ToldEntry) -> dict[str, Any]:
    answer = HistoryAnswer.of(OrderHistory(ORDER, (told,)))
    [found] = json.loads(answer.body())["history"]
    return dict(found)


def test_an_entry_shows_when_what_who_and_the_orders_version() -> None:
    assert shown(ToldEntry(entry(by=Actor.caller("alice")))) == {
        "at": "2026-01-02T03:04:05.678Z",
        "status": "PENDING",
        "event": "ORDER_PLACED",
        "actor": "caller",
        "by": "alice",
        "version": 1,
        "recorded": True,
        "evidence": {},
    }


@pytest.mark.parametrize(
    ("actor", "kind", "name"),
    [
        (Actor.caller("alice"), "caller", "alice"),
        (Actor.caller(None), "caller", None),
        (Actor.caller("settlement"), "caller", "settlement"),
        (Actor(ActorKind.OPERATOR, "root"), "operator", "root"),
        (Actor(ActorKind.OPERATOR), "operator", None),
        (SETTLEMENT, "settlement", "settlement"),
        (EXPIRY, "expiry", "expiry"),
        (None, "unknown", None),
    ],
)
def test_an_entry_tells_the_kind_of_its_actor_apart_from_the_name(
    actor: Actor | None, kind: str, name: str | None
) -> None:
    found = shown(ToldEntry(entry(by=actor)))
    assert (found["actor"], found["by"]) == (kind, name)


def test_an_entry_has_each_change_of_stock_and_where_the_log_has_it() -> None:
    logged, not_logged = StockMove(10, 7, later(1)), StockMove(5, 4, later(1))
    moves = (
        MoveEvidence(ITEM, logged, Place("stock-updates", 2, 17)),
        MoveEvidence("b" * 24, not_logged, None),
    )
    held_until = entry(Change.ORDER_RESERVED, OrderStatus.RESERVED, expires_at=later(60))
    at = "2026-01-02T03:04:06.678Z"
    assert shown(ToldEntry(held_until, moves))["evidence"] == {
        "stock": [
            {
                "itemId": ITEM,
                "previousStock": 10,
                "newStock": 7,
                "at": at,
                "source": {"topic": "stock-updates", "partition": 2, "offset": 17},
            },
            {"itemId": "b" * 24, "previousStock": 5, "newStock": 4, "at": at},
        ],
        "expiresAt": "2026-01-02T03:05:05.678Z",
    }


def test_a_refusals_entry_names_what_was_short_or_missing() -> None:
    failed = entry(Change.ORDER_FAILED, OrderStatus.FAILED, reason="item_not_found")
    short = (Shortage(ITEM, 0), Shortage("b" * 24, None))
    assert shown(ToldEntry(failed, short=short))["evidence"] == {
        "items": [{"itemId": ITEM, "available": 0}, {"itemId": "b" * 24, "available": None}],
        "reason": "item_not_found",
    }


def test_a_persons_word_is_shown_with_the_reason_and_the_outcome() -> None:
    word = entry(Change.ORDER_DECIDED, reason="I counted.", outcome=OrderStatus.COMPLETED)
    assert shown(ToldEntry(word))["evidence"] == {"reason": "I counted.", "outcome": "COMPLETED"}


def test_an_entry_that_the_orders_fields_tell_has_no_version_and_says_so() -> None:
    found = shown(ToldEntry(entry(by=None, version=None, recorded=False)))
    assert "version" not in found
    assert found["recorded"] is False


def test_a_subject_and_a_reason_are_shown_as_the_plain_text_that_they_are() -> None:
    told = ToldEntry(entry(by=Actor.caller(ODD), reason=ODD))
    assert (shown(told)["by"], shown(told)["evidence"]["reason"]) == (ODD, ODD)
    answer = client_of(Mock(return_value=OrderHistory(ORDER, (told,)))).get(PATH)
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


# --- the route


def client_of(read_history: Mock, authenticate: Authenticate | None = None) -> FlaskClient:
    return create_app(only(read_history=read_history), authenticate).test_client()


@pytest.mark.parametrize(("authenticate", "whose"), [(None, None), (lambda _: READER, "alice")])
def test_reading_a_history_tells_the_use_case_whose_order_it_must_be(
    authenticate: Authenticate | None, whose: str | None
) -> None:
    read_history = Mock(return_value=OrderHistory(ORDER, (ToldEntry(entry()),)))
    client = client_of(read_history, authenticate)
    answer = client.get(PATH, headers={"Authorization": "Bearer -"})
    assert answer.status_code == 200
    assert read_history.call_args_list == [((ORDER.id, whose),)]


def test_nobody_but_the_caller_may_keep_a_history_and_nobody_without_asking_again() -> None:
    answer = client_of(Mock(return_value=OrderHistory(ORDER, ()))).get(PATH)
    assert answer.get_json() == {"history": []}
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("error", "status"), [(OrderNotFound(ORDER.id), 404), (StoreUnavailable("No primary."), 503)]
)
def test_a_history_that_can_not_be_read_is_answered_with_its_status(
    error: Exception, status: int
) -> None:
    assert client_of(Mock(side_effect=error)).get(PATH).status_code == status
