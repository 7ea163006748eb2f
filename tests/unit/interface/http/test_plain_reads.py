"""What is answered before Flask, and what never is."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any
from unittest.mock import Mock
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from order_service.application.callers import Authenticate
from order_service.application.use_cases import UseCases
from order_service.domain.errors import OrderNotFound, StoreUnavailable, Unauthenticated
from order_service.domain.order import Order
from order_service.interface.http.app import create_app
from order_service.interface.http.order_bodies import OrderBodies
from order_service.interface.http.plain_reads import PlainReads, may_skip_flask
from order_service.settings import Settings
from tests.orders import completed

ORDER = completed(id="b" * 24)
PATH = f"/api/orders/{ORDER.id}"
# A request that says how long its body is goes to Flask.
BY_FLASK = {"CONTENT_LENGTH": "0"}


def flask(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("299 Flask", [])
    return []


def status_of(path: str = PATH, **request: Any) -> str:
    app = PlainReads(flask, Mock(get_order=Mock(return_value=ORDER)), OrderBodies())
    return run_wsgi_app(app, EnvironBuilder(path, **request).get_environ())[1]


@pytest.mark.parametrize("path", [PATH, f"{PATH}?a=b"])
def test_the_plain_request_for_an_order_is_answered(path: str) -> None:
    assert status_of(path) == "200 OK"


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders",
        "/api/orders/create",
        f"/api/orders/{'B' * 24}",
        f"{PATH}0",
        f"{PATH}/",
        f"{PATH}/cancel",
        f"{PATH}%0A",
        f"/{PATH}",
    ],
)
def test_another_path_is_flasks(path: str) -> None:
    assert status_of(path) == "299 Flask"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "DELETE"])
def test_another_method_is_flasks(method: str) -> None:
    assert status_of(method=method) == "299 Flask"


@pytest.mark.parametrize(
    ("name", "said"),
    [("HTTP_IF_NONE_MATCH", '"1"'), ("CONTENT_LENGTH", "0"), ("HTTP_TRANSFER_ENCODING", "chunked")],
)
def test_a_condition_or_a_body_is_flasks(name: str, said: str) -> None:
    assert status_of(environ_overrides={name: said}) == "299 Flask"


def test_an_open_service_without_limits_and_origins_may_skip_flask() -> None:
    assert may_skip_flask(Settings(rate_limit_reads="off"), is_open=True)


@pytest.mark.parametrize(
    ("is_open", "settings"),
    [
        (False, {}),
        (True, {"rate_limit_reads": "5 per minute"}),
        (True, {"cors_origins": "https://shop.example"}),
    ],
)
def test_who_has_more_to_decide_may_not(is_open: bool, settings: dict[str, Any]) -> None:
    given = Settings(**{"rate_limit_reads": "off", **settings})
    assert not may_skip_flask(given, is_open=is_open)


def nobody(_: str) -> Any:
    raise Unauthenticated("Send a token.", invalid_token=False)


def use_cases(get_order: Mock) -> UseCases:
    missing = Mock(side_effect=AssertionError("asked for more than the order"))
    return replace(
        UseCases(**dict.fromkeys((each.name for each in fields(UseCases)), missing)),
        get_order=get_order,
    )


@pytest.mark.parametrize(
    ("authenticate", "status", "asked_with"), [(None, 200, [((ORDER.id,),)]), (nobody, 401, [])]
)
def test_the_api_skips_flask_only_while_it_is_open(
    authenticate: Authenticate | None, status: int, asked_with: list[Any]
) -> None:
    get_order = Mock(return_value=ORDER)
    client = create_app(use_cases(get_order), authenticate).test_client()
    assert client.get(PATH).status_code == status
    # Flask would also say whose order it must be.
    assert get_order.call_args_list == asked_with


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ORDER, 200),
        (OrderNotFound(ORDER.id), 404),
        (StoreUnavailable("No primary."), 503),
        (RuntimeError("a defect"), 500),
    ],
    ids=lambda given: type(given).__name__,
)
def test_whatever_comes_of_it_reads_as_if_flask_had_answered(
    outcome: Order | Exception, status: int
) -> None:
    get_order = Mock(side_effect=[outcome] * 2)
    client = create_app(use_cases(get_order)).test_client()
    ours, flasks = client.get(PATH), client.get(PATH, environ_overrides=BY_FLASK)
    assert ours.status_code == status
    assert told(ours) == told(flasks)
    assert get_order.call_args_list == [((ORDER.id,),), ((ORDER.id, None),)]


def told(answer: TestResponse) -> tuple[str, list[tuple[str, str]], dict[str, Any]]:
    """All of it, but the id of the request."""
    headers = sorted(each for each in answer.headers.items() if each[0] != "X-Request-Id")
    body = answer.get_json()
    assert body.pop("requestId", answer.headers["X-Request-Id"]) == answer.headers["X-Request-Id"]
    return answer.status, headers, body
