"""Cursors: where a list goes on. A cursor is opaque to clients, and checked when it comes back.

A cursor is no secret: it holds the place of an order that the client was shown, and does not decide
whose orders a list shows. The check catches a cursor that was cut off, mistyped, or taken from a
list with other filters.
"""

import hashlib
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from order_service.application.orders.list import OrderPlace
from order_service.domain.errors import InvalidValue

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_BYTES: Final = 8
_PLACE_BYTES: Final = _TIME_BYTES + 12
_CHECK_BYTES: Final = 7


def write_cursor(place: OrderPlace, narrowed_by: Sequence[object]) -> str:
    """36 letters, digits, - and _. ``narrowed_by``: the values of the list's filters."""
    milliseconds = (place.created_at - _EPOCH) // _MILLISECOND
    content = milliseconds.to_bytes(_TIME_BYTES, signed=True) + bytes.fromhex(place.id)
    return urlsafe_b64encode(content + _check(content, narrowed_by)).decode()


def read_cursor(cursor: str, narrowed_by: Sequence[object]) -> OrderPlace:
    """Raises InvalidValue."""
    try:
        decoded = b64decode(cursor, altchars="-_", validate=True)
    except (NotBase64, ValueError):
        decoded = b""
    content = decoded[:_PLACE_BYTES]
    if len(content) < _PLACE_BYTES or decoded[_PLACE_BYTES:] != _check(content, narrowed_by):
        raise _not_ours()
    milliseconds = int.from_bytes(content[:_TIME_BYTES], signed=True)
    try:
        created_at = _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        # Anybody can compute the check, also for a time that no order can have.
        raise _not_ours() from None
    return OrderPlace(created_at, content[_TIME_BYTES:].hex())


def _not_ours() -> InvalidValue:
    return InvalidValue("cursor", "is not the nextCursor of a list with these filters")


def _check(content: bytes, narrowed_by: Sequence[object]) -> bytes:
    checked = content + repr([value and str(value) for value in narrowed_by]).encode()
    return hashlib.blake2b(checked, digest_size=_CHECK_BYTES).digest()
