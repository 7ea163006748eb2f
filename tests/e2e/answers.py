"""What every answer of the API has in common."""

import re
from typing import Any

import requests

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
PROBLEM = {"type", "title", "status", "detail", "code", "message", "requestId"}
# Words that would tell a caller how the service is built.
INTERNAL = re.compile(r"Traceback|mongo|urllib3|kafka|\.py\b|127\.0\.0\.1", re.I)


def order_in(answer: requests.Response) -> dict[str, Any]:
    """The order of a well-formed answer."""
    assert answer.headers["Content-Type"] == "application/json"
    order: dict[str, Any] = answer.json()["order"]
    beside = ["itemId", "quantity"] if len(order["lines"]) == 1 else []
    optional = ("currency", "reference", "metadata", "expiresAt")
    given = [name for name in optional if name in order]
    names = ["_id", "lines", *beside, "status", "totalPrice", *given, "createdAt", "updatedAt"]
    assert list(order) == names
    for line in order["lines"]:
        assert list(line) == ["itemId", "quantity", "unitPrice", "totalPrice"]
    assert TIME.fullmatch(order["createdAt"])
    assert TIME.fullmatch(order["updatedAt"])
    assert TIME.fullmatch(order.get("expiresAt", order["updatedAt"]))
    assert order["status"] == "RESERVED" or "expiresAt" not in order
    assert answer.headers["ETag"]
    return order


def problem_in(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of a well-formed answer, once status and code are the ones expected, and but for
    the request's id, which is another each time."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem.keys() >= PROBLEM
    assert problem["status"] == status
    assert problem["message"] == problem["detail"]
    assert problem.pop("requestId") == answer.headers["X-Request-Id"]
    assert not INTERNAL.search(answer.text)
    return problem
