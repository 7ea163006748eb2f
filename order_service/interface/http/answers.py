"""The API's answers. These models write the bodies, and are the schemas of the OpenAPI document.

The models are built without validation: their values come from the domain.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from order_service.application.readiness import DependencyState
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus

AN_ID = "64b000000000000000000001"


def _time(value: datetime) -> str:
    """ISO 8601 UTC with milliseconds and Z."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: Decimal) -> int | float:
    """The shortest float that reads back as this decimal: exact to 15 digits."""
    return int(value) if value == value.to_integral_value() else float(value)


Id = Annotated[str, Field(pattern="^[0-9a-f]{24}$", examples=[AN_ID])]
Quantity = Annotated[int, Field(ge=1)]
Time = Annotated[
    datetime,
    PlainSerializer(_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}
    ),
]
Money = Annotated[
    Decimal, PlainSerializer(_number), WithJsonSchema({"type": "number", "examples": [39.98]})
]
# A member that is left out, rather than null: Annotated[Type | Absent, WHERE_GIVEN] = None.
Absent = SkipJsonSchema[None]
WHERE_GIVEN = Field(exclude_if=lambda value: value is None)


class Answer(BaseModel):
    """``headers``: the names of the headers that come with the answer."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )
    headers: ClassVar[tuple[str, ...]] = ()

    def body(self) -> bytes:
        return self.__pydantic_serializer__.to_json(self)

    def response(self, status: int = 200) -> Response:
        return Response(self.body(), status, content_type="application/json")


class ShownLine(Answer):
    item_id: Id
    quantity: Quantity
    unit_price: Money | None
    """Null until the stock has been deducted."""
    total_price: Money | None
    """Unit price times quantity."""

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls.model_construct(
            item_id=line.item_id,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total_price=line.total_price,
        )


class ShownOrder(Answer):
    id: Id = Field(alias="_id")
    lines: Annotated[list[ShownLine], Field(min_length=1)]
    """In the order of the request."""
    item_id: Annotated[Id | Absent, WHERE_GIVEN] = None
    """Of an order of one line alone."""
    quantity: Annotated[Quantity | Absent, WHERE_GIVEN] = None
    """Of an order of one line alone."""
    status: OrderStatus
    """PENDING: the stock is being taken. RESERVED: the stock is taken, and held until the order is
    confirmed; without `expiresAt` the stock is on its way back. COMPLETED: sold. FAILED: nothing
    was taken, or all of it is back. CANCELLED, EXPIRED: the stock is back."""
    total_price: Money | None
    """Of all lines; null until the stock has been deducted."""
    currency: Annotated[str | Absent, WHERE_GIVEN, Field(examples=["EUR"])] = None
    """ISO 4217; only where the service knows the currency of its prices."""
    reference: Annotated[str | Absent, WHERE_GIVEN, Field(examples=["2026-000017"])] = None
    """The shop's own number for the order."""
    metadata: Annotated[
        dict[str, str] | Absent, WHERE_GIVEN, Field(examples=[{"channel": "web"}])
    ] = None
    """Texts of the shop's own."""
    expires_at: Annotated[Time | Absent, WHERE_GIVEN] = None
    """When the hold ends, by the store's clock; only while the order is held."""
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, order: Order) -> Self:
        only = order.lines[0] if len(order.lines) == 1 else None
        return cls.model_construct(
            id=order.id,
            lines=[ShownLine.of(line) for line in order.lines],
            item_id=only and only.item_id,
            quantity=only and only.quantity,
            status=order.status,
            total_price=order.total_price,
            currency=order.currency,
            reference=order.reference,
            metadata=order.metadata,
            expires_at=order.held_until,
            created_at=order.created_at,
            updated_at=order.updated_at,
        )


class OrderAnswer(Answer):
    headers: ClassVar[tuple[str, ...]] = ("ETag", "Cache-Control")
    order: ShownOrder

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls.model_construct(order=ShownOrder.of(order))


class CreatedAnswer(OrderAnswer):
    headers = (*OrderAnswer.headers, "Location", "Idempotent-Replayed")


class OrdersAnswer(Answer):
    headers = ("Cache-Control", "Link")
    orders: list[ShownOrder]
    next_cursor: str | None
    """Null on the last page."""


class IndexAnswer(Answer):
    """Each value is a path, relative to the host that was asked."""

    orders: str
    stock_changes: str
    health: str
    document: str
    """This document."""
    events: str
    """The AsyncAPI document of what the service says and hears on Kafka."""
    docs: str
    """A page that shows the document, and sends requests."""
    console: Annotated[str | Absent, WHERE_GIVEN] = None
    """The page for people; only where it is on."""


class LiveAnswer(Answer):
    status: Literal["ok"] = "ok"


class ShownDependency(Answer):
    status: Literal["ok", "unavailable"]
    required: bool
    """Without this dependency nothing works."""
    detail: Annotated[str | Absent, WHERE_GIVEN] = None
    """What is wrong; only where it is unavailable."""
    since: Annotated[Time | Absent, WHERE_GIVEN] = None
    """Since when the process that answers has known of it; only where it is unavailable."""

    @classmethod
    def of(cls, state: DependencyState) -> Self:
        return cls.model_construct(
            status="unavailable" if state.problem else "ok",
            required=state.required,
            detail=state.problem,
            since=state.since,
        )


class ReadyAnswer(Answer):
    status: Literal["ok", "unavailable"]
    dependencies: dict[str, ShownDependency]


class FieldError(Answer):
    field: Annotated[str, Field(examples=["quantity", "items[3].quantity"])]
    reason: str


class ShownShortage(Answer):
    item_id: Id
    requested: Quantity
    available: int | None
    """Null: the inventory has no such item."""


class Problem(Answer):
    """RFC 9457. ``code`` is stable; the facts that a code needs are further members."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    """The detail again, for older clients."""
    request_id: str
    """The id in X-Request-Id, which the log has too."""
    errors: Annotated[list[FieldError] | Absent, WHERE_GIVEN] = None
    """Every bad field of the request."""
    items: Annotated[list[ShownShortage] | Absent, WHERE_GIVEN] = None
    """Every item that was short or missing, as far as the inventory says. The members of an order's
    only item stand beside the list too."""
