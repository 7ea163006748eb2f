"""The seal that tells our entries from entries of other writers to the same Redis.

An entry is signed, for one order, version and end, with a key that only the store has. A stranger
who writes to Redis can't invent an entry, use it for another order, or make it last longer.
"""

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

_SIGNATURE: Final = 16
_UNTIL: Final = 8


class Opened(NamedTuple):
    body: bytes
    until: int


class Seal:
    """``key``: 16 to 64 bytes, asked for at the first use; its errors pass through both methods."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._ask = key
        self._key = b""

    def close(self, order_id: str, version: int, until: int, body: bytes) -> bytes:
        """``until``: milliseconds by Redis' clock."""
        signed = until.to_bytes(_UNTIL, "big") + body
        return self._signature(order_id, version, signed) + signed

    def open(self, order_id: str, version: int, sealed: bytes) -> Opened | None:
        """None when the entry is not ours."""
        signature, signed = sealed[:_SIGNATURE], sealed[_SIGNATURE:]
        if not compare_digest(signature, self._signature(order_id, version, signed)):
            return None
        return Opened(signed[_UNTIL:], int.from_bytes(signed[:_UNTIL], "big"))

    def _signature(self, order_id: str, version: int, signed: bytes) -> bytes:
        self._key = self._key or self._ask()
        told = blake2b(f"{order_id}:{version}:".encode(), key=self._key, digest_size=_SIGNATURE)
        told.update(signed)
        return told.digest()
