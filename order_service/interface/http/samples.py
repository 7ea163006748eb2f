"""Samples for the document: of bodies and answers, and of every error that the API shows."""

from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.exceptions import (
    HTTPException,
    RequestEntityTooLarge,
    TooManyRequests,
    UnsupportedMediaType,
)

from order_service.domain import errors as domain
from order_service.domain.errors import OrderServiceError
from order_service.interface.http import problems
from order_service.interface.http.answers import AN_ID, Problem
from order_service.interface.http.new_orders import CreateOrderBody
from order_service.interface.http.schemas import ExtendHoldBody

_A_REQUEST_ID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
_ANOTHER_ID = "64b000000000000000000002"
Error = type[OrderServiceError] | type[HTTPException]

# Bodies of requests, by the name of their schema.
BODIES: Mapping[str, Mapping[str, Any]] = {
    CreateOrderBody.__name__: {
        "one_item": {"summary": "Order one item.", "value": {"itemId": AN_ID, "quantity": 2}},
        "basket": {
            "summary": "Order a basket: all of it, or nothing.",
            "value": {
                "items": [
                    {"itemId": AN_ID, "quantity": 1},
                    {"itemId": _ANOTHER_ID, "quantity": 3},
                ],
                "reference": "2026-000017",
                "metadata": {"channel": "web"},
            },
        },
        "hold": {
            "summary": "Hold an item for a quarter of an hour.",
            "value": {"itemId": AN_ID, "quantity": 2, "holdSeconds": 900},
        },
    },
    ExtendHoldBody.__name__: {
        "from_now": {
            "summary": "Hold it for half an hour from now on.",
            "value": {"holdSeconds": 1800},
        }
    },
    "SettleOrderBody": {
        "completed": {
            "summary": "Say that the inventory made every change in doubt.",
            "value": {"outcome": "completed", "reason": "I counted: they have left the shelf."},
        }
    },
    "ReplayBody": {
        "one": {
            "summary": "Replay one dead letter.",
            "value": {"ids": ["stock-updates-dlt/0/17"]},
        }
    },
}
_TAKEN = {
    "itemId": AN_ID,
    "previousStock": 100,
    "newStock": 98,
    "at": "2026-01-31T12:00:00.009Z",
    "source": {"topic": "stock-updates", "partition": 0, "offset": 4711},
}


def _by_alice(at: str, status: str, event: str, version: int, **evidence: Any) -> dict[str, Any]:
    """An entry of a history."""
    by = {"actor": "caller", "by": "alice"}
    change = {"at": f"2026-01-31T{at}Z", "status": status, "event": event}
    return {**change, **by, "version": version, "recorded": True, "evidence": evidence}


# Answers, by the name of their schema.
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "HistoryAnswer": {
        "confirmed": {
            "summary": "An order that was held, and confirmed when it was paid.",
            "value": {
                "history": [
                    _by_alice("12:00:00.000", "PENDING", "ORDER_PLACED", 1),
                    _by_alice(
                        "12:00:00.021",
                        "RESERVED",
                        "ORDER_RESERVED",
                        2,
                        stock=[_TAKEN],
                        expiresAt="2026-01-31T12:15:00.021Z",
                    ),
                    _by_alice("12:03:20.500", "COMPLETED", "ORDER_CREATED", 3),
                ]
            },
        }
    }
}
_SAMPLES: tuple[OrderServiceError | HTTPException, ...] = (
    domain.InvalidValue("quantity", "must be at least 1"),
    domain.InsufficientStock(
        domain.ShortItem(AN_ID, requested=5, available=3),
        domain.ShortItem(_ANOTHER_ID, requested=1, available=0),
        lines=3,
    ),
    domain.ItemNotFound(AN_ID, short=(domain.ShortItem(AN_ID, requested=5, available=None),)),
    domain.TooMuchToCompare(AN_ID, records=48_112, most=20_000),
    domain.Unauthenticated("The token has expired."),
    domain.MissingScope("orders:write"),
    domain.CrossSite(),
    domain.OrderNotFound(AN_ID),
    domain.NoSuchItem(AN_ID),
    domain.DeadLetterNotFound(),
    domain.IllegalMove("The order is FAILED and cannot be cancelled.", "FAILED"),
    domain.VersionConflict("The order was changed by somebody else."),
    domain.NotHeld("COMPLETED"),
    domain.HoldExpired("EXPIRED"),
    domain.HoldCancelled("CANCELLED"),
    domain.HoldConfirmed("COMPLETED"),
    domain.KeyInFlight(),
    domain.PreconditionFailed(version=3),
    RequestEntityTooLarge(),
    UnsupportedMediaType("Send the body as application/json."),
    domain.KeyReused(),
    domain.TooManyHolds(20),
    TooManyRequests("No more than 60 per 1 minute."),
    domain.InventoryUnavailable("The inventory does not answer."),
    domain.StoreUnavailable("The order store does not answer."),
    domain.BrokerUnavailable("The dead letters can't be read: no answer in time."),
    domain.Busy("Another request reads the dead letters: try again in a moment."),
    domain.TooMuchToRead("There is more to read than there is time for."),
    domain.KeysUnavailable("The keys that tokens are checked with can't be had."),
)
SAMPLES: Mapping[Error, Mapping[str, Any]] = {
    type(sample): problems.body_of(sample) for sample in _SAMPLES
}


def problem_responses(errors: Iterable[Error]) -> dict[int, dict[str, Any]]:
    """The responses by status, with that of an unforeseen error, which every route can give."""
    bodies = [*(SAMPLES[error] for error in errors), problems.defect_body()]
    by_status: dict[int, list[Mapping[str, Any]]] = {}
    for body in bodies:
        by_status.setdefault(body["status"], []).append({**body, "requestId": _A_REQUEST_ID})
    return {status: _response(same) for status, same in by_status.items()}


def _response(bodies: list[Mapping[str, Any]]) -> dict[str, Any]:
    examples = {body["code"]: {"summary": body["title"], "value": body} for body in bodies}
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        "description": ". ".join(dict.fromkeys(str(body["title"]) for body in bodies)) + ".",
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }
