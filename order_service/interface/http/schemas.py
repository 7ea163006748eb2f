"""Bodies, parameters and headers of the API: what is accepted, and how things are shown."""

import hashlib
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from flask import Request
from flask.json.provider import DefaultJSONProvider
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from order_service.application.ports import LoggedStockChange
from order_service.domain.errors import InvalidValue
from order_service.domain.order import MAX_QUANTITY, Order

HexId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{24}$", strict=True), AfterValidator(str.lower)]
MAX_KEY_LENGTH = 255


class Schema(BaseModel):
    """``parse`` raises InvalidValue, which names every bad field."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def parse(cls, values: Any) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _invalid(error) from None


class CreateOrderBody(Schema):
    item_id: HexId = Field(alias="itemId")
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]

    def fingerprint(self) -> str:
        """The same for two bodies that ask for the same."""
        return hashlib.sha256(f"{self.item_id} {self.quantity}".encode()).hexdigest()


class StockChangesParameters(Schema):
    item_id: HexId | None = Field(None, alias="itemId")
    cursor: HexId | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


def _invalid(error: ValidationError) -> InvalidValue:
    found = [
        {"field": ".".join(map(str, each["loc"])) or "body", "reason": each["msg"]}
        for each in error.errors(include_url=False, include_input=False)
    ]
    invalid = InvalidValue(found[0]["field"], found[0]["reason"])
    invalid.message = "; ".join(f"{each['field']}: {each['reason']}" for each in found)
    invalid.details = {"errors": found}
    return invalid


def json_body(request: Request) -> dict[str, Any]:
    """Raises UnsupportedMediaType, RequestEntityTooLarge, InvalidValue."""
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise InvalidValue("body", "is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidValue("body", "must be a JSON object")
    return body


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header, bare or as a quoted string (RFC 8941, section 3.3.3)."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    key = header
    if quoted := re.fullmatch(r'"((?:[^"\\]|\\["\\])*)"', header):
        key = re.sub(r'\\(["\\])', r"\1", quoted[1])
    if not re.fullmatch(rf"[\x20-\x7e]{{1,{MAX_KEY_LENGTH}}}", key) or not key.strip():
        raise InvalidValue("Idempotency-Key", f"must be 1 to {MAX_KEY_LENGTH} ASCII characters")
    return key


def order_json(order: Order) -> dict[str, Any]:
    shown = {
        "_id": order.id,
        "itemId": order.item_id,
        "quantity": order.quantity,
        "status": str(order.status),
        "totalPrice": order.total_price,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
    }
    return {"order": shown}


def stock_change_json(logged: LoggedStockChange) -> dict[str, Any]:
    change = logged.change
    return {
        "_id": logged.id,
        "event": "STOCK_UPDATED",
        "itemId": change.item_id,
        "previousStock": change.previous_stock,
        "newStock": change.new_stock,
        "changeType": change.change_type,
        "changeAmount": change.change_amount,
        "updatedAt": change.updated_at,
        "contradictory": change.contradictory,
        "payload": change.payload,
        "source": {
            "topic": change.topic,
            "partition": change.partition,
            "offset": change.offset,
        },
        "createdAt": logged.created_at,
    }


class ApiJson(DefaultJSONProvider):
    """Times as ISO 8601 UTC with milliseconds and Z; decimals as JSON numbers."""

    sort_keys = False

    @staticmethod
    def default(o: Any) -> Any:
        if isinstance(o, datetime):
            return o.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(o, Decimal):
            # The shortest float that reads back as this decimal: exact to 15 digits.
            return int(o) if o == o.to_integral_value() else float(o)
        return DefaultJSONProvider.default(o)
