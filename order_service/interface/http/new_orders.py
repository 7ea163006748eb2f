"""The body of a request for a new order, in both of its forms."""

import hashlib
import json
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, RootModel

from order_service.application.callers import Caller
from order_service.application.orders.create import CreateOrderCommand
from order_service.domain.errors import InvalidValue
from order_service.domain.line import (
    MAX_LINES,
    MAX_QUANTITY,
    TOO_MANY_UNITS,
    Line,
    repeated_items,
)
from order_service.domain.marks import IdempotencyKey
from order_service.interface.http.schemas import (
    AN_ID,
    HexId,
    HoldSeconds,
    Reference,
    Schema,
)

_MOST_TEXTS: Final = 20
_LONGEST_NAME: Final = 40
_LONGEST_TEXT: Final = 500


def _few(texts: Any) -> Any:
    # Before each text is looked at: the answer names every bad one, and a body may have thousands.
    if isinstance(texts, dict) and len(texts) > _MOST_TEXTS:
        raise ValueError(f"must be {_MOST_TEXTS} texts at most")
    return texts


def _never_null(schema: dict[str, Any]) -> None:
    schema.update(schema.pop("anyOf")[0])


def _not_null(seconds: Any) -> Any:
    # A program that forgot the number must not sell what it meant to hold.
    if seconds is None:
        raise ValueError("must be a whole number; leave it out to sell the order at once")
    return seconds


# Without a bound Pydantic would not look whether a text can be written as UTF-8.
_Name = Annotated[str, Field(strict=True, min_length=1, max_length=_LONGEST_NAME)]
_Text = Annotated[str, Field(strict=True, max_length=_LONGEST_TEXT)]
_Metadata = Annotated[dict[_Name, _Text], Field(max_length=_MOST_TEXTS), BeforeValidator(_few)]


class LineBody(Schema):
    item_id: HexId = Field(alias="itemId", examples=["64b000000000000000000001"])
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY, examples=[2])]


class _OrderBody(Schema):
    reference: Reference | None = Field(None, examples=["2026-000017"])
    """The shop's own number for the order: 1 to 64 printable characters."""
    metadata: _Metadata | None = Field(None, examples=[{"channel": "web"}])
    """Texts of the shop's own, which come back with the order: up to 20, each of up to 500
    characters, with names of 1 to 40."""
    hold_seconds: Annotated[HoldSeconds | None, BeforeValidator(_not_null)] = Field(
        None, alias="holdSeconds", examples=[900], json_schema_extra=_never_null
    )
    """Hold the order instead of selling it: its stock is taken, and goes back after so many seconds
    unless the order is confirmed. At most `MAX_HOLD_SECONDS`, a setting of the service."""


class OneItemBody(_OrderBody, LineBody):
    """An order of one item."""


class BasketBody(_OrderBody):
    """An order of several items: all of them are taken, or none."""

    items: list[LineBody] = Field(
        min_length=1,
        max_length=MAX_LINES,
        description=f"No item twice, and no more than {MAX_QUANTITY} units in all.",
    )

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        problems = [*_beside_items(values), *repeated_items(_item_ids(values["items"]))]
        try:
            basket = super().parse(values)
        except InvalidValue as invalid:
            problems = [*invalid.problems, *problems]
        else:
            if sum(line.quantity for line in basket.items) > MAX_QUANTITY:
                problems.append(("items", TOO_MANY_UNITS))
        if problems:
            raise InvalidValue(*problems[0], *problems[1:])
        return basket


def _beside_items(values: dict[str, Any]) -> list[tuple[str, str]]:
    reason = "must not be given beside items: it belongs to a line of items"
    return [(name, reason) for name in ("itemId", "quantity") if name in values]


def _item_ids(lines: Any) -> list[str]:
    """The items of the lines. A line without a good one has its number, which is no item's id."""
    given = lines[:MAX_LINES] if isinstance(lines, list) else []
    return [_item_id(line) or str(number) for number, line in enumerate(given)]


def _item_id(line: Any) -> str | None:
    item_id = line.get("itemId") if isinstance(line, dict) else None
    return item_id.lower() if isinstance(item_id, str) and AN_ID.fullmatch(item_id) else None


def _one_of(schema: dict[str, Any]) -> None:
    schema["oneOf"] = schema.pop("anyOf")


class CreateOrderBody(RootModel[OneItemBody | BasketBody]):
    """An item and its quantity, or `items`; never both."""

    model_config = ConfigDict(json_schema_extra=_one_of)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Raises InvalidValue, which names every bad field."""
        form = BasketBody if "items" in values else OneItemBody
        return cls.model_construct(form.parse(values))

    def command(self, customer: Caller, key: str | None) -> CreateOrderCommand:
        idempotency = IdempotencyKey(customer.key_owner, key, self.fingerprint()) if key else None
        return CreateOrderCommand(
            lines=[Line(each.item_id, each.quantity) for each in self._lines],
            customer_id=customer.subject,
            reference=self.root.reference,
            metadata=self.root.metadata or None,
            hold_seconds=self.root.hold_seconds,
            idempotency=idempotency,
        )

    def fingerprint(self) -> str:
        """The fingerprint is the same for two bodies that ask for the same order, whichever release
        makes it: keys outlive an upgrade. So whatever is new in a body counts only where given."""
        asked = ", ".join(sorted(f"{line.item_id} {line.quantity}" for line in self._lines))
        more = {
            "reference": self.root.reference,
            "metadata": self.root.metadata,
            "holdSeconds": self.root.hold_seconds,
        }
        if given := {name: value for name, value in more.items() if value}:
            asked += json.dumps(given, sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()

    @property
    def _lines(self) -> list[LineBody]:
        return self.root.items if isinstance(self.root, BasketBody) else [self.root]
