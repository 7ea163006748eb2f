"""The bodies, parameters and headers that the API accepts."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from flask import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.http import parse_etags

from order_service.application.callers import Caller
from order_service.application.orders.change import Asked
from order_service.application.stock_log.changes import StockChangeQuery
from order_service.domain.errors import InvalidValue, NoSuchItem, OrderNotFound
from order_service.domain.history import Actor
from order_service.interface.http.list_parameters import Instant, PageSize
from order_service.settings import LONGEST_HOLD

HexId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{24}$", strict=True), AfterValidator(str.lower)]
MAX_KEY_LENGTH = 255
MOST_OF_A_NAME = 40
AN_ID = re.compile(r"[0-9a-fA-F]{24}")
# Pydantic's last step to a name, in an object with names of the caller's own, that is bad itself.
_KEY = "[key]"
# By Pydantic's names of what is wrong. Its own sentences are about "input", and for programmers.
_REASONS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}
_A_VERSION = re.compile(r"[0-9]{1,18}")


class Schema(BaseModel):
    """``parse`` raises InvalidValue, which names every bad field."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def parse(cls, values: Any) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _invalid(error) from None


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must be printable characters, and not blanks alone")
    return value


Reference = Annotated[
    str, Field(strict=True, min_length=1, max_length=64), AfterValidator(_printable)
]


# As long as MAX_HOLD_SECONDS may be; what the setting allows is up to the use case.
HoldSeconds = Annotated[int, Field(strict=True, ge=1, le=LONGEST_HOLD)]


def _unquoted_key(value: str) -> str:
    """The key, which comes bare or as a quoted string (RFC 8941, section 3.3.3). A bare key has no
    comma: a comma joins the values of a header that is sent twice."""
    key = value
    if quoted := re.fullmatch(r'"((?:[^"\\]|\\["\\])*)"', value):
        key = re.sub(r'\\(["\\])', r"\1", quoted[1])
    elif "," in value:
        raise ValueError("must be sent once; quote a key that has a comma in it")
    if not re.fullmatch(rf"[\x20-\x7e]{{1,{MAX_KEY_LENGTH}}}", key) or not key.strip():
        raise ValueError(f"must be 1 to {MAX_KEY_LENGTH} ASCII characters")
    return key


class CreateOrderHeaders(Schema):
    idempotency_key: Annotated[str, AfterValidator(_unquoted_key)] | None = Field(
        None,
        alias="Idempotency-Key",
        description="Names this request: a repeat with the same key, for at least a day, gets the "
        f"first answer again. 1 to {MAX_KEY_LENGTH} ASCII characters, quoted or bare.",
        examples=["9f1c2b7e-order-1"],
    )


def _order_id(value: str) -> str:
    """A value that can't be an order's id is not looked up in the store."""
    if not AN_ID.fullmatch(value):
        raise OrderNotFound(value)
    return value.lower()


class OrderPath(Schema):
    """``parse`` raises OrderNotFound: a malformed id is a 404, like a missing order."""

    order_id: Annotated[str, AfterValidator(_order_id)] = Field(
        description="The order's `_id`.", examples=["64b000000000000000000001"]
    )


def _item_id(value: str) -> str:
    if not AN_ID.fullmatch(value):
        raise NoSuchItem(value)
    return value.lower()


class ItemPath(Schema):
    """``parse`` raises NoSuchItem: a malformed id is a 404, like a missing item."""

    item_id: Annotated[str, AfterValidator(_item_id)] = Field(
        description="The item's id.", examples=["64b000000000000000000001"]
    )


class StockSeriesParameters(Schema):
    logged_from: Instant | None = Field(None, alias="from")
    """A day before `to`, where it is left out."""
    logged_to: Instant | None = Field(None, alias="to")
    """Now, where it is left out. At most 400 days after `from`."""


class ReconciliationParameters(Schema):
    since: Instant | None = None
    """Only orders and changes since then: the last day, where it is left out."""


class ReadOrderHeaders(Schema):
    if_none_match: str | None = Field(
        None, alias="If-None-Match", description="The ETag that you have: 304 if it is still so."
    )


class ChangeOrderHeaders(Schema):
    if_match: str | None = Field(
        None, alias="If-Match", description="The ETag that the order must still have, else 412."
    )

    @property
    def version(self) -> int | None:
        """The version that If-Match names; None for any. 0, which no stored order has, when
        If-Match names something else than one version."""
        if not (self.if_match or "").strip():
            return None
        wanted = parse_etags(self.if_match)
        if wanted.star_tag:
            return None
        tags = [tag for tag in wanted.as_set() if _A_VERSION.fullmatch(tag or "")]
        return int(tags[0]) if len(tags) == 1 else 0

    def asked(self, order_id: str, caller: Caller) -> Asked:
        by = Actor.caller(caller.subject)
        return Asked(order_id, by, caller.sees_orders_of, self.version)


class ExtendHoldBody(Schema):
    hold_seconds: Annotated[HoldSeconds, Field(alias="holdSeconds", examples=[900])]
    """How long the order is held from now on, whether that is longer than before or shorter."""


class StockChangesParameters(Schema):
    item_id: HexId | None = Field(None, alias="itemId")
    change_type: Literal["added", "reduced"] | None = Field(None, alias="changeType")
    logged_from: Instant | None = Field(None, alias="from")
    """Logged at this time or later: by createdAt, not by updatedAt."""
    logged_to: Instant | None = Field(None, alias="to")
    """Logged before this time."""
    cursor: HexId | None = Field(None, description="The nextCursor of the previous page.")
    limit: PageSize = 20

    def query(self) -> StockChangeQuery:
        return StockChangeQuery(
            item_id=self.item_id,
            change_type=self.change_type,
            created_from=self.logged_from,
            created_to=self.logged_to,
            after_id=self.cursor,
            limit=self.limit,
        )


def _invalid(error: ValidationError) -> InvalidValue:
    first, *more = [
        (_place(each["loc"]), _reason(each))
        for each in error.errors(include_url=False, include_input=False)
    ]
    return InvalidValue(*first, *more)


def _place(steps: tuple[int | str, ...]) -> str:
    """As in ``items[3].quantity``. A name may be the caller's own, and long."""
    place = ""
    for step in steps:
        place += f"[{step}]" if isinstance(step, int) else f".{step[:MOST_OF_A_NAME]}"
    return place.removesuffix(f".{_KEY}").removeprefix(".") or "body"


def _reason(error: ErrorDetails) -> str:
    kind, bounds = error["type"], error.get("ctx", {})
    known = _REASONS.get(kind)
    reason = known.format(**bounds) if known else error["msg"].removeprefix("Value error, ")
    return f"the name: {reason}" if error["loc"][-1:] == (_KEY,) else reason


def parameters_of(request: Request) -> dict[str, str]:
    """Raises InvalidValue for a parameter that is given twice: one of the two would be ignored."""
    given = request.args
    for name, values in given.lists():
        if len(values) > 1:
            raise InvalidValue(name, "must be given once")
    return given.to_dict()
