"""Every error has one status, one stable code, and shows nothing of how the service is built."""

import json
import re
from collections.abc import Callable
from functools import partial

import pytest
import structlog
from flask import Flask, abort
from werkzeug.exceptions import (
    HTTPException,
    RequestEntityTooLarge,
    RequestURITooLarge,
    ServiceUnavailable,
    TooManyRequests,
    default_exceptions,
)
from werkzeug.test import Client

from order_service.domain import errors
from order_service.domain.errors import OrderServiceError
from order_service.interface.http import problems
from order_service.interface.http.edge import Edge
from order_service.interface.http.problems import TABLE
from order_service.interface.http.stopping import Stopping

ITEM, OTHER = "a" * 24, "b" * 24
SHORT = errors.ShortItem(ITEM, requested=3, available=2)
MISSING = errors.ShortItem(OTHER, requested=1, available=None)
SHORT_SHOWN = {"itemId": ITEM, "requested": 3, "available": 2}
MISSING_SHOWN = {"itemId": OTHER, "requested": 1, "available": None}
ROWS: list[tuple[OrderServiceError, int, str, dict[str, object]]] = [
    (
        errors.InvalidValue("quantity", "must be more"),
        400,
        "invalid_request",
        {"errors": [{"field": "quantity", "reason": "must be more"}]},
    ),
    (
        errors.InsufficientStock(SHORT),
        400,
        "insufficient_stock",
        {**SHORT_SHOWN, "items": [SHORT_SHOWN]},
    ),
    (
        errors.ItemNotFound(OTHER, short=(MISSING,)),
        400,
        "item_not_found",
        {**MISSING_SHOWN, "items": [MISSING_SHOWN]},
    ),
    (
        errors.TooMuchToCompare(ITEM, records=5, most=4),
        400,
        "too_much_to_compare",
        {"records": 5, "most": 4},
    ),
    (errors.Rejected("no"), 400, "rejected", {}),
    (errors.Unauthenticated("who?"), 401, "unauthenticated", {}),
    (errors.AccessDenied("no"), 403, "access_denied", {}),
    (errors.CrossSite(), 403, "cross_site", {}),
    (errors.MissingScope("orders:read"), 403, "missing_scope", {"scope": "orders:read"}),
    (errors.OrderNotFound(ITEM), 404, "order_not_found", {"orderId": ITEM}),
    (errors.NoSuchItem(ITEM), 404, "no_such_item", {"itemId": ITEM}),
    (errors.DeadLetterNotFound(), 404, "dead_letter_not_found", {}),
    (errors.Conflict("no"), 409, "conflict", {}),
    (errors.IllegalMove("no", "FAILED"), 409, "illegal_move", {"orderStatus": "FAILED"}),
    (errors.NotHeld("COMPLETED"), 409, "not_held", {"orderStatus": "COMPLETED"}),
    (errors.HoldExpired("EXPIRED"), 409, "hold_expired", {"orderStatus": "EXPIRED"}),
    (errors.HoldCancelled("CANCELLED"), 409, "hold_cancelled", {"orderStatus": "CANCELLED"}),
    (errors.HoldConfirmed("COMPLETED"), 409, "hold_confirmed", {"orderStatus": "COMPLETED"}),
    (errors.VersionConflict("no"), 409, "version_conflict", {}),
    (errors.KeyInFlight(), 409, "key_in_flight", {}),
    (errors.PreconditionFailed(3), 412, "precondition_failed", {"version": 3}),
    (errors.KeyReused(), 422, "key_reused", {}),
    (errors.TooManyHolds(20), 429, "too_many_holds", {"most": 20}),
    (errors.InventoryUnavailable("away"), 503, "inventory_unavailable", {}),
    (errors.StoreUnavailable("away"), 503, "store_unavailable", {}),
    (errors.BrokerUnavailable("away"), 503, "broker_unavailable", {}),
    (errors.KeysUnavailable("away"), 503, "keys_unavailable", {}),
    (errors.Busy("wait"), 503, "busy", {}),
    (errors.TooMuchToRead("too much"), 503, "too_much_to_read", {}),
    (errors.Unavailable("away"), 503, "unavailable", {}),
    (errors.OutcomeUnknown("who knows", in_flight=True), 503, "outcome_unknown", {}),
    (errors.OrderServiceError("something"), 500, "error", {}),
]


class Secret(Exception):
    """A defect whose text must not be shown."""


@pytest.fixture
def app() -> Flask:
    app = Flask("test")
    problems.register(app)
    app.wsgi_app = Edge(  # type: ignore[method-assign]
        app.wsgi_app, Stopping(0, 0), problems.answer_to, None
    )
    return app


def answer_to(app: Flask, error: Exception) -> tuple[int, dict[str, object], dict[str, str]]:
    def fail() -> None:
        raise error

    app.add_url_rule("/", "fail", fail)
    answer = app.test_client().get("/")
    assert answer.content_type == "application/problem+json"
    return answer.status_code, json.loads(answer.data), dict(answer.headers)


def test_an_error_before_flask_begins_is_a_problem_and_logged_as_a_defect() -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        raise Secret("host=10.0.0.1")

    edge = Edge(broken, Stopping(0, 0), problems.answer_to, None)
    with structlog.testing.capture_logs() as logged:
        answer = Client(edge).get("/")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert answer.get_json()["requestId"] == answer.headers["X-Request-Id"]
    assert "10.0.0.1" not in answer.text
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("defect", "error"),
        ("request", "info"),
    ]
    assert logged[1]["status"] == 500


def test_a_request_that_failed_for_a_missing_part_has_its_one_line_with_code_and_reason(
    app: Flask,
) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        answer_to(app, errors.StoreUnavailable("The order store can't be reached."))
        app.test_client().get("/nowhere")
    failed, following = logged
    assert (failed["event"], failed["status"]) == ("request", 503)
    assert failed["code"] == "store_unavailable"
    assert failed["reason"] == "The order store can't be reached."
    assert "code" not in following


@pytest.mark.parametrize(
    ("error", "status", "code", "details"), ROWS, ids=[type(row[0]).__name__ for row in ROWS]
)
def test_a_problem_has_its_errors_status_its_code_and_what_the_code_needs(
    error: OrderServiceError, status: int, code: str, details: dict[str, object], app: Flask
) -> None:
    shown_status, body, headers = answer_to(app, error)
    assert shown_status == status
    assert body.pop("requestId") == headers["X-Request-Id"]
    title = body.pop("title")
    assert isinstance(title, str)
    assert title
    assert body == {
        "type": f"urn:order-service:problem:{code}",
        "status": status,
        "detail": error.message,
        "message": error.message,
        "code": code,
        **details,
    }


def tree(root: type[OrderServiceError]) -> set[type[OrderServiceError]]:
    return {root}.union(*(tree(each) for each in root.__subclasses__()))


def test_every_error_of_the_tree_and_every_row_of_the_table_is_tried_by_these_tests() -> None:
    tried = {type(error) for error, *_ in ROWS}
    assert tried == {each for each in tree(OrderServiceError) if each.__module__ == errors.__name__}
    assert set(TABLE) <= tried


def test_no_two_errors_have_one_code() -> None:
    codes = [code for _, _, code, _ in ROWS]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.InventoryUnavailable("away"), 2),
        (errors.StoreUnavailable("away"), 2),
        (errors.BrokerUnavailable("away"), 2),
        (errors.KeysUnavailable("away"), 2),
        (errors.Busy("wait"), 2),
        (errors.KeyInFlight(), 1),
        (TooManyRequests("No more than 10 per second.", retry_after=7), 7),
    ],
)
def test_a_problem_that_may_be_tried_again_has_retry_after(
    error: Exception, seconds: int, app: Flask
) -> None:
    _, _, headers = answer_to(app, error)
    assert headers["Retry-After"] == str(seconds)


def test_a_problem_that_no_wait_mends_has_no_retry_after(app: Flask) -> None:
    _, _, headers = answer_to(app, errors.TooMuchToRead("too much"))
    assert "Retry-After" not in headers


@pytest.mark.parametrize(
    ("error", "items"),
    [
        (errors.InsufficientStock(SHORT, lines=2), [SHORT_SHOWN]),
        (errors.ItemNotFound(OTHER, short=(MISSING,), lines=2), [MISSING_SHOWN]),
        (
            errors.ItemNotFound(OTHER, short=(SHORT, MISSING), lines=3),
            [SHORT_SHOWN, MISSING_SHOWN],
        ),
    ],
)
def test_the_problem_of_an_order_of_several_lines_names_its_short_items_in_a_list_alone(
    error: OrderServiceError, items: list[dict[str, object]], app: Flask
) -> None:
    _, body, _ = answer_to(app, error)
    assert body["items"] == items
    assert not {"itemId", "requested", "available"} & body.keys()


@pytest.mark.parametrize("replayed", [True, False])
@pytest.mark.parametrize(
    "refuse", [partial(errors.ItemNotFound, OTHER), partial(errors.InsufficientStock, SHORT)]
)
def test_a_refusal_that_repeats_an_earlier_one_has_idempotent_replayed(
    refuse: Callable[..., OrderServiceError], replayed: bool, app: Flask
) -> None:
    _, _, headers = answer_to(app, refuse(replayed=replayed))
    assert headers.get("Idempotent-Replayed") == ("true" if replayed else None)


def test_a_problem_names_every_bad_field(app: Flask) -> None:
    error = errors.InvalidValue("quantity", "must be more", ("itemId", "must be there"))
    _, body, _ = answer_to(app, error)
    assert body["detail"] == "quantity: must be more; itemId: must be there"
    assert body["errors"] == [
        {"field": "quantity", "reason": "must be more"},
        {"field": "itemId", "reason": "must be there"},
    ]


def test_an_error_without_a_row_in_the_table_has_its_nearest_ancestors_status(app: Flask) -> None:
    class NewTrouble(errors.Unavailable):
        code = "new_trouble"

    status, body, _ = answer_to(app, NewTrouble("away"))
    assert (status, body["code"]) == (503, "new_trouble")


def test_the_problem_of_a_defect_shows_nothing_of_the_defect(app: Flask) -> None:
    status, body, _ = answer_to(app, Secret("mongodb://root:password@host"))
    assert (status, body["code"]) == (500, "internal_error")
    assert "password" not in json.dumps(body)
    assert "Secret" not in json.dumps(body)


def test_a_problem_does_not_show_the_cause_of_its_error(app: Flask) -> None:
    error = errors.StoreUnavailable("The order store can't be reached.")
    error.__cause__ = Secret("mongodb://root:password@host")
    _, body, _ = answer_to(app, error)
    assert "password" not in json.dumps(body)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestEntityTooLarge(), 413, "request_entity_too_large"),
        (RequestURITooLarge(), 414, "uri_too_long"),
        (TooManyRequests(), 429, "too_many_requests"),
        (ServiceUnavailable(), 503, "service_unavailable"),
    ],
)
def test_an_http_exception_is_a_problem(
    error: Exception, status: int, code: str, app: Flask
) -> None:
    shown_status, body, _ = answer_to(app, error)
    assert (shown_status, body["code"], body["status"]) == (status, code, status)
    assert body["message"] == body["detail"] != ""


@pytest.mark.parametrize("error", default_exceptions.values())
def test_the_codes_of_http_exceptions_are_words_with_underscores_between(
    error: type[HTTPException],
) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", problems.body_of(error())["code"])


def test_the_titles_of_statuses_are_no_questions() -> None:
    assert not [row for row in TABLE.values() if row.title.endswith(("?", "."))]


def test_an_unknown_route_and_a_wrong_method_are_problems(app: Flask) -> None:
    app.add_url_rule("/", "root", lambda: "", methods=["POST"])
    client = app.test_client()
    assert client.get("/nowhere").get_json()["code"] == "not_found"
    wrong = client.get("/")
    assert wrong.get_json()["code"] == "method_not_allowed"
    assert "POST" in wrong.headers["Allow"]


def test_an_abort_with_a_status_is_a_problem(app: Flask) -> None:
    app.add_url_rule("/", "teapot", lambda: abort(418))
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.get_json()["status"]) == (418, 418)
