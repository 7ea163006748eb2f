"""The collection for Postman and Insomnia asks for the routes that there are."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devstack.inventory import SAMPLE_ITEMS
from order_service.interface.http.app import create_app
from tests.use_cases import only

TOOL = Path(__file__).parents[2] / "tools" / "collection.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collection", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def collection(tool: ModuleType) -> Any:
    return json.loads(tool.TARGET.read_text(encoding="utf-8"))


def test_the_collection_is_what_the_openapi_document_makes(tool: ModuleType) -> None:
    written = tool.TARGET.read_text(encoding="utf-8")
    assert written == tool.text(), "run: .venv/bin/python tools/collection.py"


def test_every_request_of_the_collection_reaches_a_route_and_every_route_has_one(
    collection: Any,
) -> None:
    app = create_app(only())
    router = app.url_map.bind("localhost")
    reached = set()
    for folder in collection["item"]:
        for item in folder["item"]:
            path = "/" + "/".join(item["request"]["url"]["path"]).replace("{{orderId}}", "a" * 24)
            rule, _ = router.match(path, item["request"]["method"], return_rule=True)
            reached.add((rule.rule, item["request"]["method"]))
    routes = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        if rule.rule == "/" or rule.rule.startswith(("/api/", "/health/"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert reached == routes


def scripts(item: Any, when: str) -> list[Any]:
    """Those of the request alone."""
    return [each["script"]["exec"] for each in item.get("event", ()) if each["listen"] == when]


def test_the_collection_knows_each_word_that_its_paths_leave_open(collection: Any) -> None:
    named = {
        name
        for folder in collection["item"]
        for item in folder["item"]
        for name in re.findall(r"[{]+(\w+)[}]+", "/".join(item["request"]["url"]["path"]))
    }
    assert named == {"orderId", "itemId", "topic", "partition", "offset"}
    assert named <= {each["key"] for each in collection["variable"]}


def test_the_collection_expects_a_refusal_where_nothing_is_wrong_in_the_shop(
    collection: Any,
) -> None:
    refused = {
        item["request"]["url"]["path"][-1]: script[0]
        for folder in collection["item"]
        for item in folder["item"]
        for script in scripts(item, "prerequest")
    }
    assert refused == {
        "settle": 'pm.variables.set("mayBe", 409);',
        "{{offset}}": 'pm.variables.set("mayBe", 404);',
    }


def test_the_collection_reads_and_changes_the_order_that_it_created_last_and_holds(
    collection: Any,
) -> None:
    variables = {each["key"]: each["value"] for each in collection["variable"]}
    assert re.fullmatch("[0-9a-f]{24}", variables["orderId"]), "no list, when there is none yet"
    orders = next(each["item"] for each in collection["item"] if each["name"] == "Orders")
    creating = [item for item in orders if scripts(item, "test")]
    using = [item for item in orders if "{{orderId}}" in item["request"]["url"]["path"]]
    assert len(creating) == 6
    steps = [item["request"]["url"]["path"][3:] for item in using]
    assert steps == [[], ["extend"], ["confirm"], ["cancel"], ["history"], ["settle"]]
    assert max(map(orders.index, creating)) < min(map(orders.index, using))
    assert "holdSeconds" in creating[-1]["request"]["body"]["raw"]
    for item in creating:
        (script,) = scripts(item, "test")
        assert 'pm.collectionVariables.set("orderId"' in "".join(script)


def test_the_collection_orders_one_item_and_a_basket_and_holds_at_each_path(
    collection: Any,
) -> None:
    orders = next(each["item"] for each in collection["item"] if each["name"] == "Orders")
    asked: dict[str, list[Any]] = {}
    for request in (item["request"] for item in orders if scripts(item, "test")):
        asked.setdefault(request["url"]["raw"], []).append(json.loads(request["body"]["raw"]))
    assert set(asked) == {"{{baseUrl}}/api/orders", "{{baseUrl}}/api/orders/create"}
    for one_item, basket, hold in asked.values():
        assert one_item["itemId"] == "{{itemId}}"
        items = [line["itemId"] for line in basket["items"]]
        assert items == ["{{itemId}}", "{{anotherItemId}}"]
        assert basket["reference"]
        assert hold["holdSeconds"] > 60


def test_the_items_of_the_collection_are_in_the_sample_inventory(collection: Any) -> None:
    variables = {each["key"]: each["value"] for each in collection["variable"]}
    stocked = {item.item_id: item.stock for item in SAMPLE_ITEMS}
    assert stocked[variables["itemId"]] > 1
    assert stocked[variables["anotherItemId"]] > 1


def test_the_collection_sends_a_token_to_the_api_and_to_nothing_else(collection: Any) -> None:
    for folder in collection["item"]:
        for item in folder["item"]:
            is_open = item["request"].get("auth") == {"type": "noauth"}
            assert is_open == (item["request"]["url"]["path"][0] != "api")
