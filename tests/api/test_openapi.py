"""The document says what the service does, and nothing of it comes from elsewhere."""

import json
import re
from typing import Any
from urllib.parse import urljoin

import jsonschema_rs
import pytest

from order_service.domain.errors import OrderServiceError
from order_service.domain.history import Change
from order_service.domain.status import OrderStatus
from order_service.interface.http import problems
from order_service.interface.http.samples import SAMPLES
from tests.published_events import DOCUMENT
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


def test_the_document_is_openapi_3_1_and_every_reference_in_it_leads_somewhere(
    document: dict[str, Any],
) -> None:
    assert document["openapi"] == "3.1.0"
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        place = document
        for step in reference.split("/"):
            place = place[step]


def test_every_operation_of_the_document_has_a_name_of_its_own(document: dict[str, Any]) -> None:
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


def schemas(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document["components"]["schemas"])


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/create"])
def test_a_new_order_is_in_the_document_in_both_forms_with_a_sample_of_each(
    path: str, document: dict[str, Any]
) -> None:
    media = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert media["schema"] == {"$ref": "#/components/schemas/CreateOrderBody"}
    forms = [form["$ref"] for form in schemas(document)["CreateOrderBody"]["oneOf"]]
    assert forms == ["#/components/schemas/OneItemBody", "#/components/schemas/BasketBody"]
    for form, needed in (("OneItemBody", ["itemId", "quantity"]), ("BasketBody", ["items"])):
        described = schemas(document)[form]
        assert described["required"] == needed
        assert set(described["properties"]) == {*needed, "reference", "metadata", "holdSeconds"}
    one_item, basket, hold = (sample["value"] for sample in media["examples"].values())
    assert set(one_item) == {"itemId", "quantity"}
    assert set(basket) == {"items", "reference", "metadata"}
    assert set(hold) == {"itemId", "quantity", "holdSeconds"}


def test_the_document_bounds_the_lines_of_a_basket_and_its_texts(document: dict[str, Any]) -> None:
    basket = schemas(document)["BasketBody"]["properties"]
    assert (basket["items"]["minItems"], basket["items"]["maxItems"]) == (1, 100)
    reference, metadata = (basket[name]["anyOf"][0] for name in ("reference", "metadata"))
    assert (reference["minLength"], reference["maxLength"]) == (1, 64)
    assert metadata["maxProperties"] == 20
    assert metadata["additionalProperties"]["maxLength"] == 500


def test_an_order_in_the_document_always_has_lines_and_some_members_where_given(
    document: dict[str, Any],
) -> None:
    order = schemas(document)["ShownOrder"]
    assert order["properties"]["lines"]["items"] == {"$ref": "#/components/schemas/ShownLine"}
    where_given = {"itemId", "quantity", "currency", "reference", "metadata", "expiresAt"}
    assert set(order["properties"]) - set(order["required"]) == where_given
    # They are left out, and never null.
    assert not any("anyOf" in order["properties"][name] for name in where_given)


@pytest.mark.parametrize("form", ["OneItemBody", "BasketBody", "ExtendHoldBody"])
def test_the_document_bounds_hold_seconds_which_are_never_null(
    form: str, document: dict[str, Any]
) -> None:
    seconds = schemas(document)[form]["properties"]["holdSeconds"]
    assert (seconds["type"], seconds["minimum"], seconds["maximum"]) == ("integer", 1, 31_536_000)


CHANGES = {
    "extend": {"not_held", "hold_expired", "hold_cancelled", "hold_confirmed"},
    "confirm": {"not_held", "hold_expired", "hold_cancelled"},
    "cancel": {"hold_expired", "hold_confirmed"},
    "settle": set(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_way_to_change_an_order_names_each_way_in_which_another_was_faster(
    change: str, document: dict[str, Any]
) -> None:
    operation = document["paths"][f"/api/orders/{{order_id}}/{change}"]["post"]
    codes = {"illegal_move", "version_conflict", *CHANGES[change]}
    assert set(samples_of(operation["responses"]["409"])) == codes
    assert "precondition_failed" in samples_of(operation["responses"]["412"])
    assert "If-Match" in {each.get("name") for each in operation["parameters"]}
    assert "ETag" in operation["responses"]["200"]["headers"]


def samples_of(response: dict[str, Any]) -> dict[str, Any]:
    (media,) = response["content"].values()
    return dict(media["examples"])


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/create"])
def test_a_caller_who_holds_too_much_and_one_who_comes_too_often_share_a_status(
    path: str, document: dict[str, Any]
) -> None:
    answer = document["paths"][path]["post"]["responses"]["429"]
    assert set(samples_of(answer)) == {"too_many_holds", "too_many_requests"}
    assert set(answer["headers"]) >= {"Retry-After", "RateLimit-Limit", "RateLimit-Reset"}


def test_the_sample_of_a_history_is_one_by_its_schema(document: dict[str, Any]) -> None:
    answer = document["paths"]["/api/orders/{order_id}/history"]["get"]["responses"]["200"]
    assert set(answer["headers"]) == {"X-Request-Id", "Cache-Control"}
    schema = {
        **answer["content"]["application/json"]["schema"],
        "components": document["components"],
    }
    [sample] = samples_of(answer).values()
    assert sample["value"]["history"]
    jsonschema_rs.validate(schema, sample["value"])


@pytest.mark.parametrize("change", Change)
def test_the_document_says_what_each_event_of_a_history_means(
    change: Change, document: dict[str, Any]
) -> None:
    meant = schemas(document)["ShownEntry"]["properties"]["event"]["description"]
    assert re.search(rf"\b{change.removeprefix('ORDER_')}\b", meant)


@pytest.mark.parametrize("status", OrderStatus)
def test_the_document_says_what_each_status_means(
    status: OrderStatus, document: dict[str, Any]
) -> None:
    assert status in schemas(document)["ShownOrder"]["properties"]["status"]["description"]


def test_every_order_is_listed_under_one_tag_with_all_that_can_be_done_to_it(
    document: dict[str, Any],
) -> None:
    tagged = {tuple(operation["tags"]): path for path, _, operation in operations(document)}
    assert {tag for tags in tagged for tag in tags} == {each["name"] for each in document["tags"]}
    of_orders = [each for path, _, each in operations(document) if "/api/orders" in path]
    assert all(operation["tags"] == ["Orders"] for operation in of_orders)


def test_the_list_of_orders_has_a_parameter_for_the_reference(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/orders"]["get"]["parameters"]
    [reference] = [each for each in parameters if each.get("name") == "reference"]
    assert (reference["in"], reference["required"]) == ("query", False)
    assert reference["schema"]["maxLength"] == 64


@pytest.mark.parametrize("code", ["insufficient_stock", "item_not_found"])
def test_a_refusal_for_want_of_stock_names_its_items_in_the_document(
    code: str, document: dict[str, Any]
) -> None:
    answer = document["paths"]["/api/orders"]["post"]["responses"]["400"]
    sample = answer["content"]["application/problem+json"]["examples"][code]["value"]
    described = schemas(document)["ShownShortage"]["properties"]
    assert sample["items"]
    assert all(set(item) == set(described) for item in sample["items"])


def test_the_document_of_an_open_service_asks_for_no_token(open_system: System) -> None:
    document = open_system.request("GET", "/openapi.json").json()
    assert "securitySchemes" not in document["components"]
    for _, _, operation in operations(document):
        assert "security" not in operation
        assert "401" not in operation["responses"]
        if "403" in operation["responses"]:
            assert set(samples_of(operation["responses"]["403"])) == {"cross_site"}
            assert "WWW-Authenticate" not in operation["responses"]["403"]["headers"]


def test_the_document_says_of_each_change_that_pages_of_other_sites_may_not_send_it(
    document: dict[str, Any],
) -> None:
    for _, method, operation in operations(document):
        refusals = operation["responses"].get("403")
        says = refusals is not None and "cross_site" in samples_of(refusals)
        assert says is (method != "get")


def leaves(error: type[OrderServiceError]) -> list[type[OrderServiceError]]:
    return [leaf for each in error.__subclasses__() for leaf in leaves(each)] or [error]


@pytest.mark.parametrize("error", leaves(OrderServiceError), ids=lambda error: error.code)
def test_every_error_of_the_document_is_in_the_table(error: type[OrderServiceError]) -> None:
    assert problems.entry(error)[0] != 500


def test_the_documents_samples_of_errors_are_what_the_service_answers(open_system: System) -> None:
    answer = open_system.get("nobodys")
    shown = answer.json()
    sample = next(body for body in SAMPLES.values() if body["code"] == shown["code"])
    own = {"orderId": "nobodys", "requestId": answer.headers["X-Request-Id"]}
    assert shown == {**sample, **own}


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_docs_page_asks_nobody_else_and_works_under_any_path(
    path: str, open_system: System
) -> None:
    page = open_system.request("GET", path)
    assert page.status_code == 200
    assert "://" not in page.text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) == 4
    for asset in assets:
        # As a browser that is behind a proxy sees it, and as it then comes here.
        seen = urljoin(f"/shop{path}", asset)
        answer = open_system.request("GET", seen.removeprefix("/shop"))
        assert seen.startswith("/shop/")
        assert answer.status_code == 200, asset
        assert answer.content
    assert 'new URL("../openapi.json", document.currentScript.src)' in answer.text


def test_the_document_of_the_events_is_that_of_docs_and_asks_for_no_token(
    guarded_system: System,
) -> None:
    answer = guarded_system.request("GET", "/asyncapi.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == DOCUMENT


def test_the_docs_page_leads_to_the_document_of_the_events(document: dict[str, Any]) -> None:
    assert document["externalDocs"]["url"] == "/asyncapi.json"


BROWSERS = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_at_the_root_is_led_to_the_page_for_people(open_system: System) -> None:
    answer = open_system.request("GET", "/", headers={"Accept": BROWSERS}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", "text/plain", ""])
def test_a_program_at_the_root_is_told_what_there_is(accept: str, guarded_system: System) -> None:
    answer = guarded_system.request("GET", "/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Vary"] == "Accept"
    for name in ("health", "document", "events", "docs", "console"):
        assert guarded_system.request("GET", answer.json()[name]).status_code == 200
    for name in ("orders", "stockChanges"):
        assert guarded_system.request("GET", answer.json()[name]).status_code == 401


def test_the_root_takes_get_head_and_options_and_nothing_else(open_system: System) -> None:
    head = open_system.request("HEAD", "/")
    assert (head.status_code, head.content) == (200, b"")
    options = open_system.request("OPTIONS", "/")
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert open_system.request("POST", "/").json()["code"] == "method_not_allowed"
