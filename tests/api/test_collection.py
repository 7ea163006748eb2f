"""The collection for Postman and Insomnia asks for the routes that there are."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from order_service.application.use_cases import UseCases
from order_service.interface.http.app import create_app

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


def test_it_is_what_the_document_makes(tool: ModuleType) -> None:
    written = tool.TARGET.read_text(encoding="utf-8")
    assert written == tool.text(), "run: .venv/bin/python tools/collection.py"


def test_every_request_in_it_reaches_a_route_and_every_route_is_in_it(collection: Any) -> None:
    app = create_app(cast(UseCases, None))
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
        if rule.rule.startswith(("/api/", "/health/"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert reached == routes
