"""The API's answers. These models write the bodies, and are the schemas of the OpenAPI document.

The models are built without validation: their values come from the domain.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from order_service.application.readiness import DependencyState
from order_service.application.stock_log.changes import LoggedStockChange
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


_WHERE_GIVEN = Field(exclude_if=lambda value: value is None)


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
    item_id: Annotated[Id | None, _WHERE_GIVEN] = None
    """Of an order of one line alone."""
    quantity: Annotated[Quantity | None, _WHERE_GIVEN] = None
    """Of an order of one line alone."""
    status: OrderStatus
    total_price: Money | None
    """Of all lines; null until the stock has been deducted."""
    currency: Annotated[str | None, _WHERE_GIVEN] = None
    """ISO 4217, where the service was told."""
    reference: Annotated[str | None, _WHERE_GIVEN] = None
    metadata: Annotated[dict[str, str] | None, _WHERE_GIVEN] = None
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


class Source(Answer):
    """The record of the stock topic."""

    topic: str
    partition: int
    offset: int


class ShownStockChange(Answer):
    id: Id = Field(alias="_id")
    event: Literal["STOCK_UPDATED"] = "STOCK_UPDATED"
    item_id: str
    previous_stock: int
    new_stock: int
    change_type: Literal["added", "reduced"]
    change_amount: int
    updated_at: Time
    contradictory: bool
    """newStock - previousStock is not what changeType and changeAmount say."""
    payload: dict[str, Any]
    """The whole event as it came."""
    source: Source
    created_at: Time

    @classmethod
    def of(cls, logged: LoggedStockChange) -> Self:
        change = logged.change
        return cls.model_construct(
            id=logged.id,
            item_id=change.item_id,
            previous_stock=change.previous_stock,
            new_stock=change.new_stock,
            change_type=change.change_type,
            change_amount=change.change_amount,
            updated_at=change.updated_at,
            contradictory=change.contradictory,
            payload=change.payload,
            source=Source.model_construct(
                topic=change.topic, partition=change.partition, offset=change.offset
            ),
            created_at=logged.created_at,
        )


class StockChangesAnswer(Answer):
    stock_changes: list[ShownStockChange]
    next_cursor: str | None
    """Null on the last page. Other pages hold fewer than `limit` if the events are large."""


class IndexAnswer(Answer):
    """Each value is a path, relative to the host that was asked."""

    orders: str
    stock_changes: str
    health: str
    document: str
    """This document."""
    docs: str
    """A page that shows the document, and sends requests."""


class LiveAnswer(Answer):
    status: Literal["ok"] = "ok"


class ShownDependency(Answer):
    status: Literal["ok", "unavailable"]
    required: bool
    """Without this dependency nothing works."""
    detail: str | None = Field(default=None, exclude_if=lambda detail: detail is None)

    @classmethod
    def of(cls, state: DependencyState) -> Self:
        status = "unavailable" if state.problem else "ok"
        return cls.model_construct(status=status, required=state.required, detail=state.problem)


class ReadyAnswer(Answer):
    status: Literal["ok", "unavailable"]
    dependencies: dict[str, ShownDependency]


class FieldError(Answer):
    field: str
    reason: str


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
    errors: list[FieldError] | None = Field(default=None, exclude_if=lambda errors: errors is None)
