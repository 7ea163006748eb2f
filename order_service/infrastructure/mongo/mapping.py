"""Documents and the domain's values, both ways, by the names that both give their fields.

The MongoEngine documents say what is stored, under which name and type; the values' annotations say
what it is read back as. That is worked out once. MongoEngine's own mapping observes and validates
each field of each document anew, which was a third of the CPU of creating an order.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from bson import Decimal128, ObjectId
from mongoengine import Decimal128Field, EmbeddedDocumentField, ListField, ObjectIdField
from mongoengine.base import BaseDocument, BaseField

T = TypeVar("T")
_Convert = Callable[[Any], Any]
_PRICES: Final = 4096


class _Field(NamedTuple):
    name: str
    stored_as: str
    default: Any
    # None where MongoDB's type is Python's.
    write: _Convert | None
    read: _Convert | None


class DocumentMapping(Generic[T]):
    """``value``: a dataclass. A property of it can be stored too, and is not read back. What is
    the dataclass's default, or None where the dataclass has none, is left out of the document, and
    what is not there is read as that. ``without``: names that are left to the caller."""

    def __init__(
        self, document: type[BaseDocument], value: type[T], without: Collection[str] = ()
    ) -> None:
        types = get_type_hints(value)
        defaults = {field.name: field.default for field in fields(value)}  # type: ignore[arg-type]
        self._value = value
        self._absent = {name: None for name, default in defaults.items() if default is MISSING}
        defaults |= self._absent
        self._written = [
            _Field(
                name,
                field.db_field,
                defaults.get(name),
                *_converters(field, types.get(name)),
            )
            for name, field in document._fields.items()
            if hasattr(value, name) and name not in without
        ]
        self._read = [field for field in self._written if field.name in defaults]

    def write(self, value: T) -> dict[str, Any]:
        document = {}
        for name, stored_as, default, write, _ in self._written:
            part = getattr(value, name)
            # Most have no default but None, and to compare a value takes longer than to look at it.
            if part is None or (default is not None and part == default):
                continue
            document[stored_as] = write(part) if write else part
        return document

    def read(self, document: Mapping[str, Any], **more: Any) -> T:
        """``more``: what the value holds besides."""
        parts = self._absent | more
        for name, stored_as, _, _, read in self._read:
            part = document.get(stored_as)
            if part is not None:
                parts[name] = read(part) if read else part
        return self._value(**parts)


def write_decimal(number: Decimal) -> Decimal128:
    return _decimal128_of(str(number))


def read_decimal(stored: Decimal128) -> Decimal:
    return _decimal_of(stored.bid)


# Converting a price takes as long as all else of an order together, and prices are few.
@lru_cache(_PRICES)
def _decimal128_of(text: str) -> Decimal128:
    return Decimal128(text)


@lru_cache(_PRICES)
def _decimal_of(bid: bytes) -> Decimal:
    return Decimal128.from_bid(bid).to_decimal()


def _converters(field: BaseField, value: Any) -> tuple[_Convert | None, _Convert | None]:
    """``value``: its annotation."""
    kinds = [each for each in (value, *get_args(value)) if isinstance(each, type)]
    if isinstance(field, EmbeddedDocumentField):
        nested: DocumentMapping[Any] = DocumentMapping(field.document_type, kinds[0])
        return nested.write, nested.read
    if isinstance(field, ListField):
        write, read = _converters(field.field, next(iter(get_args(value)), None))
        return _each(write, list), _each(read, tuple)
    if isinstance(field, ObjectIdField):
        return ObjectId, str
    if isinstance(field, Decimal128Field):
        return write_decimal, read_decimal
    if kinds and issubclass(kinds[0], Enum):
        return str, kinds[0]
    return None, None


def _each(convert: _Convert | None, into: _Convert) -> _Convert:
    return lambda parts: into(map(convert, parts) if convert else parts)
