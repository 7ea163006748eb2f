"""Writes docs/order-service.postman_collection.json from the OpenAPI document.

    python tools/collection.py

Postman imports it, and so does Insomnia. A test fails when it is not what this writes.
"""

import json
import re
from pathlib import Path
from typing import Any, cast

from order_service.application.use_cases import UseCases
from order_service.interface.http.app import create_app

TARGET = Path(__file__).parents[1] / "docs" / "order-service.postman_collection.json"
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_VARIABLES = {"baseUrl": "http://127.0.0.1:3100", "token": "", "orderId": ""}
_ITEM = "64b000000000000000000001"


def document() -> dict[str, Any]:
    # Nothing is asked of the use cases as long as no order is.
    app = create_app(cast(UseCases, None))
    return dict(app.test_client().get("/openapi.json").get_json())


def collection() -> dict[str, Any]:
    described = document()
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            folders.setdefault(operation["tags"][0], []).append(_item(path, method, operation))
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
        "variable": [{"key": name, "value": value} for name, value in _VARIABLES.items()],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _item(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [each for each in operation["parameters"] if "name" in each]
    headers = [_optional(each) for each in parameters if each["in"] == "header"]
    query = [_optional(each) for each in parameters if each["in"] == "query"]
    steps = re.sub(r"\{order_id\}", "{{orderId}}", path).strip("/").split("/")
    url = {"raw": "/".join(["{{baseUrl}}", *steps]), "host": ["{{baseUrl}}"], "path": steps}
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", operation["summary"]),
        "header": headers,
        "url": {**url, "query": query} if query else url,
    }
    if "requestBody" in operation:
        body = json.dumps({"itemId": _ITEM, "quantity": 2})
        headers.insert(0, {"key": "Content-Type", "value": "application/json"})
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    if "security" not in operation:
        request["auth"] = {"type": "noauth"}
    return {"name": f"{operation['summary']} {method.upper()} {path}", "request": request}


def _optional(parameter: dict[str, Any]) -> dict[str, Any]:
    """Shown, and sent only when it is switched on."""
    value = "{{$guid}}" if parameter["name"] == "Idempotency-Key" else ""
    about = parameter.get("description", "")
    return {"key": parameter["name"], "value": value, "description": about, "disabled": True}


def text() -> str:
    return json.dumps(collection(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
