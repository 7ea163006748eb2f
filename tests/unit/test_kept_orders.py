"""What is answered before Flask, and what never is."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any
from unittest.mock import Mock
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from order_service.application.callers import Authenticate
from order_service.application.use_cases import UseCases
from order_service.domain.errors import Unauthenticated
from order_service.domain.order import Order
from order_service.http_settings import HttpSettings
from order_service.interface.http.app import create_app
from order_service.interface.http.kept_orders import KeptOrders, may_skip_flask
from order_service.interface.http.order_bodies import OrderBodies
from tests.orders import completed

ORDER = completed(id="b" * 24)
PATH = f"/api/orders/{ORDER.id}"


def flask(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("299 Flask", [])
    return []


def kept(order_id: str) -> Order | None:
    return {ORDER.id: ORDER}.get(order_id)


def status_of(path: str = PATH, **request: Any) -> str:
    app = KeptOrders(flask, Mock(kept_order=kept), OrderBodies())
    return run_wsgi_app(app, EnvironBuilder(path, **request).get_environ())[1]


@pytest.mark.parametrize("path", [PATH, f"{PATH}?a=b"])
def test_the_plain_request_for_an_order_at_hand_is_answered(path: str) -> None:
    assert status_of(path) == "200 OK"


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders",
        f"/api/orders/{'f' * 24}",
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
    assert may_skip_flask(HttpSettings(rate_limit_reads="off"), is_open=True)


@pytest.mark.parametrize(
    ("is_open", "settings"),
    [
        (False, {}),
        (True, {"rate_limit_reads": "5 per minute"}),
        (True, {"cors_origins": "https://shop.example"}),
    ],
)
def test_who_has_more_to_decide_may_not(is_open: bool, settings: dict[str, Any]) -> None:
    given = HttpSettings(**{"rate_limit_reads": "off", **settings})
    assert not may_skip_flask(given, is_open=is_open)


def nobody(_: str) -> Any:
    raise Unauthenticated("Send a token.", invalid_token=False)


@pytest.mark.parametrize(("authenticate", "status"), [(None, 200), (nobody, 401)])
def test_the_api_looks_there_first_only_while_it_is_open(
    authenticate: Authenticate | None, status: int
) -> None:
    missing = Mock(side_effect=AssertionError("asked for more than what is at hand"))
    use_cases = UseCases(**dict.fromkeys((each.name for each in fields(UseCases)), missing))
    use_cases = replace(use_cases, kept_order=kept)
    client = create_app(use_cases, authenticate).test_client()
    assert client.get(PATH).status_code == status
