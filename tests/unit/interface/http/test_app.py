"""What every route gets, whichever it is."""

from unittest.mock import Mock

import pytest
from flask_openapi import Tag
from prometheus_client import CollectorRegistry

from order_service.application.callers import Caller, Scope
from order_service.domain.errors import OrderNotFound
from order_service.interface.http.app import create_app
from order_service.interface.http.metrics import RequestMetrics
from order_service.interface.http.routes import NO_SCOPE, Routes
from order_service.settings import Settings
from tests.use_cases import only

ORDER_ID = "b" * 24


def nobody_asked(_: str) -> Caller:
    raise AssertionError("without a token there is nothing to check")


def test_every_route_of_the_api_asks_for_a_token() -> None:
    app = create_app(only(), nobody_asked)
    client = app.test_client()
    asked = {
        (method, rule.rule.replace("<order:order_id>", ORDER_ID))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    assert len(asked) >= 6
    answers = {each: client.open(each[1], method=each[0]).status_code for each in asked}
    assert set(answers.values()) == {401}, answers


def test_a_route_of_the_api_that_is_for_anybody_stops_the_start() -> None:
    routes = Routes("orders", "/api/orders", Tag(name="Orders"))
    with pytest.raises(TypeError, match="/api/orders/all"):
        routes.get("/all", NO_SCOPE, "all", {})(Mock())


def test_a_caller_is_known_before_it_is_counted_and_counted_before_its_request_is_read() -> None:
    callers = {subject: Caller(subject, frozenset({Scope.ORDERS_WRITE})) for subject in ("a", "b")}
    settings = Settings(rate_limit_writes="1 per minute")
    client = create_app(only(), callers.__getitem__, settings).test_client()

    def status_of(subject: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {subject}"}
        return client.post(path, headers=headers, data="no JSON").status_code

    assert client.post("/api/orders", data="no JSON").status_code == 401
    assert status_of("a", "/api/orders") == 415
    for rest in ("", "/create", "/x/cancel"):
        assert status_of("a", f"/api/orders{rest}") == 429
    assert status_of("b", "/api/orders/create") == 415


def test_a_route_is_named_in_metrics_without_what_its_id_is_read_by() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry, lambda: registry)
    missing = Mock(side_effect=OrderNotFound(ORDER_ID))
    client = create_app(only(get_order=missing), metrics=metrics).test_client()
    assert client.get(f"/api/orders/{ORDER_ID}").status_code == 404
    labels = {"method": "GET", "route": "/api/orders/<order_id>", "status": "404"}
    assert registry.get_sample_value("order_service_http_request_seconds_count", labels) == 1
