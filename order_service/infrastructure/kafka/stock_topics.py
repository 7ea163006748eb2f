"""JSON Schemas (draft 7) of what comes in on the stock topics and of the dead letters, as
``decoding`` reads the one and ``burial`` and ``letters`` write the other."""

from typing import Final

from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.decoding import INT64, LONGEST_ITEM_ID
from order_service.infrastructure.kafka.members import Schema, text

_WHOLE: Final = {
    "type": "integer",
    "minimum": -INT64,
    "maximum": INT64 - 1,
    "description": "Written without a fraction.",
}
_NUMBER: Final = {"type": "string", "pattern": "^-?[0-9]+$"}

_UPDATED: Final = {
    "itemId": {"type": "string", "minLength": 1, "maxLength": LONGEST_ITEM_ID},
    "previousStock": _WHOLE,
    "newStock": _WHOLE,
    "changeType": {"type": "string", "enum": [ADDED, REDUCED]},
    "changeAmount": _WHOLE,
    # Not date-time, which demands an offset.
    "updatedAt": text("ISO 8601; a time without an offset is UTC."),
}
STOCK_UPDATED: Final[Schema] = {
    "type": "object",
    "required": list(_UPDATED),
    "properties": _UPDATED,
}
STOCK_UPDATED_SAMPLE: Final = {
    "itemId": "64b000000000000000000001",
    "previousStock": 100,
    "newStock": 98,
    "changeType": REDUCED,
    "changeAmount": 2,
    "updatedAt": "2026-01-31T12:00:00.000Z",
}


def _headers(prefix: str, required: Schema, optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": [prefix + name for name in required],
        "properties": {prefix + name: each for name, each in (required | optional).items()},
    }


# Where a record was delivered first.
_PLACE: Final = {
    headers.TOPIC: {"type": "string", "minLength": 1},
    headers.PARTITION: _NUMBER,
    headers.OFFSET: _NUMBER,
}
# A replay has all of these, and any other record none.
REPLAY_HEADERS: Final = _headers(headers.REPLAY, {}, {**_PLACE, headers.COUNT: _NUMBER})
DEAD_LETTER_HEADERS: Final = _headers(
    headers.DEAD_LETTER,
    {
        **_PLACE,
        headers.TIMESTAMP: {**_NUMBER, "description": "When it was produced, in ms since 1970."},
        headers.CODE: text("Why the original is poison, in a word that stays the same."),
        headers.REASON: text("Why, for people."),
    },
    {
        headers.CUT: {"type": "string", "description": "What of the original is cut short."},
        headers.VALUE_BYTES: {**_NUMBER, "description": "How long the original's value is."},
        headers.VALUE_SHA256: text("Of the original's value."),
    },
)
