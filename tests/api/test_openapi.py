"""The document says what the service does, and nothing of it comes from elsewhere."""

import json
import re
from typing import Any

import pytest

from order_service.domain.errors import OrderServiceError
from order_service.interface.http import problems
from order_service.interface.http.samples import SAMPLES
from tests.system import System

UNDOCUMENTED = ("/docs", "/openapi.json", "/metrics")


@pytest.fixture(scope="module")
def document(guarded_system: System) -> dict[str, Any]:
    answer = guarded_system.request("GET", "/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return dict(answer.json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        place = document
        for step in reference.split("/"):
            place = place[step]


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_every_api_operation_asks_for_one_scope(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        if path.startswith("/api/"):
            ((name, scopes),) = operation["security"][0].items()
            assert document["components"]["securitySchemes"][name]["scheme"] == "bearer"
            assert len(scopes) == 1
            assert {"401", "403", "429", "500"} <= set(operation["responses"])


def test_every_answer_has_a_request_id_and_every_error_a_sample(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"]
            problem = response.get("content", {}).get("application/problem+json")
            if problem:
                for example in problem["examples"].values():
                    assert example["value"]["status"] == int(status)


def test_the_open_service_says_that_a_token_is_optional(open_system: System) -> None:
    document = open_system.request("GET", "/openapi.json").json()
    for path, _, operation in operations(document):
        if path.startswith("/api/"):
            assert {} in operation["security"]


def leaves(error: type[OrderServiceError]) -> list[type[OrderServiceError]]:
    return [leaf for each in error.__subclasses__() for leaf in leaves(each)] or [error]


@pytest.mark.parametrize("error", leaves(OrderServiceError), ids=lambda error: error.code)
def test_every_error_is_in_the_table(error: type[OrderServiceError]) -> None:
    assert problems.entry(error)[0] != 500


def test_samples_are_shown_as_the_service_shows_errors(open_system: System) -> None:
    answer = open_system.get("nobodys")
    shown = answer.json()
    sample = next(body for body in SAMPLES.values() if body["code"] == shown["code"])
    own = {"orderId": "nobodys", "requestId": answer.headers["X-Request-Id"]}
    assert shown == {**sample, **own}


def test_the_docs_page_asks_nobody_else(open_system: System) -> None:
    page = open_system.request("GET", "/docs")
    assert page.status_code == 200
    assert "://" not in page.text
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        answer = open_system.request("GET", f"/{asset}")
        assert answer.status_code == 200, asset
        assert answer.content
