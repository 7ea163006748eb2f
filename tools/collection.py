"""Writes docs/order-service.postman_collection.json from the OpenAPI document.

    python tools/collection.py

Postman and Insomnia import the collection; newman runs it on a running service:

    npx newman run docs/order-service.postman_collection.json --env-var baseUrl=http://127.0.0.1:3100

A test fails when the file differs from this program's output.
"""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from order_service.application.callers import ANYBODY, Caller
from order_service.interface.http.app import create_app
from order_service.interface.http.use_cases import ApiUseCases

TARGET = Path(__file__).parents[1] / "docs" / "order-service.postman_collection.json"
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# Items of the sample inventory, which the document's samples of bodies name too.
_ITEMS = {
    "itemId": "64b000000000000000000001",
    "anotherItemId": "64b000000000000000000002",
}
# orderId: of no order, until one is created. The rest names a dead letter.
_VARIABLES = {
    "baseUrl": "http://127.0.0.1:3100",
    "token": "",
    **_ITEMS,
    "orderId": "0" * 24,
    "topic": "stock-updates-dlt",
    "partition": "0",
    "offset": "0",
}
_USE_CASES = [each.name for each in fields(ApiUseCases)]
_EVERY_ANSWER = [
    'pm.test("It is answered, and not with a problem.", () =>',
    '  pm.expect(pm.response.code === pm.variables.get("mayBe") || pm.response.code < 400)',
    "    .to.be.true);",
]
# What a shop in which all is well answers.
_MAY_BE = {"settleOrder": 409, "getDeadLetter": 404}
_CREATED = [
    "if ([201, 202].includes(pm.response.code)) {",
    '  pm.collectionVariables.set("orderId", pm.response.json().order._id);',
    "}",
]


def _nobody(_: str) -> Caller:
    return ANYBODY


def document() -> dict[str, Any]:
    """The document of a service that asks for tokens; a person without a token sends none."""
    # No request calls a use case here, so None stands for each.
    none: Any = None
    app = create_app(ApiUseCases(**dict.fromkeys(_USE_CASES, none)), _nobody)
    return dict(app.test_client().get("/openapi.json").get_json())


def collection() -> dict[str, Any]:
    described = document()
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            folder = folders.setdefault(operation["tags"][0], [])
            folder += _items(path, method, operation)
    return {
        "info": {
            "name": described["info"]["title"],
            "description": described["info"]["description"],
            "schema": _SCHEMA,
        },
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}],
        },
        "event": [_after(_EVERY_ANSWER)],
        "variable": [{"key": name, "value": value} for name, value in _VARIABLES.items()],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _items(path: str, method: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    """A request, or one for each sample of the operation's body."""
    if "requestBody" not in operation:
        return [_item(path, method, operation, operation["summary"])]
    media = operation["requestBody"]["content"]["application/json"]
    items = []
    for sample in media["examples"].values():
        item = _item(path, method, operation, sample["summary"])
        item["request"]["header"].insert(0, {"key": "Content-Type", "value": "application/json"})
        item["request"]["body"] = _body(sample["value"])
        items.append(item)
    return items


def _item(path: str, method: str, operation: dict[str, Any], summary: str) -> dict[str, Any]:
    parameters = [each for each in operation["parameters"] if "name" in each]
    headers = [_optional(each) for each in parameters if each["in"] == "header"]
    query = [_optional(each) for each in parameters if each["in"] == "query"]
    steps = re.sub(r"\{(\w+)\}", _variable, path).strip("/").split("/")
    url = {"raw": "/".join(["{{baseUrl}}", *steps]), "host": ["{{baseUrl}}"], "path": steps}
    item: dict[str, Any] = {"name": f"{summary} {method.upper()} {path}"}
    if "201" in operation["responses"]:
        item["event"] = [_after(_CREATED)]
    if operation["operationId"] in _MAY_BE:
        item["event"] = [
            _before(f'pm.variables.set("mayBe", {_MAY_BE[operation["operationId"]]});')
        ]
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", operation["summary"]),
        "header": headers,
        "url": {**url, "query": query} if query else url,
    }
    if "security" not in operation:
        request["auth"] = {"type": "noauth"}
    return {**item, "request": request}


def _variable(parameter: re.Match[str]) -> str:
    """{order_id} of a path as {{orderId}}."""
    first, *others = parameter[1].split("_")
    return f"{{{{{first}{''.join(map(str.capitalize, others))}}}}}"


def _body(sample: dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(sample)
    for name, item_id in _ITEMS.items():
        raw = raw.replace(item_id, f"{{{{{name}}}}}")
    return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}


def _before(line: str) -> dict[str, Any]:
    """A script that Postman runs before it sends the request."""
    return _script("prerequest", [line])


def _after(lines: list[str]) -> dict[str, Any]:
    """A script that Postman runs on the answer."""
    return _script("test", lines)


def _script(when: str, lines: list[str]) -> dict[str, Any]:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def _optional(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is shown, and sent only when a person switches it on."""
    value = "{{$guid}}" if parameter["name"] == "Idempotency-Key" else ""
    about = parameter.get("description", "")
    return {"key": parameter["name"], "value": value, "description": about, "disabled": True}


def text() -> str:
    return json.dumps(collection(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
