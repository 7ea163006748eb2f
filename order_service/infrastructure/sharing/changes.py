"""Which orders were written lately, for all API processes of one gunicorn.

Each order has a mark in a table in memory, which the processes share since before they forked. A
write changes the order's mark; a state that was read under an older mark is not used any more. Two
orders that share a mark cost each other a read of the store, nothing else.
"""

import os
import struct
from mmap import mmap
from typing import Final
from zlib import crc32

_MARKS: Final = 1 << 16
_MARK: Final = struct.Struct("=Q")


class Changes:
    """``table``: memory, of ``Changes.SIZE`` bytes."""

    SIZE: Final = _MARKS * _MARK.size

    def __init__(self, table: mmap | bytearray) -> None:
        self._table = table

    def mark(self, order_id: str) -> int:
        found: int = _MARK.unpack_from(self._table, _place(order_id))[0]
        return found

    def wrote(self, order_id: str) -> None:
        """Sets a random mark. A counter could lose a step between processes, and so bring an old
        mark back."""
        _MARK.pack_into(self._table, _place(order_id), int.from_bytes(os.urandom(_MARK.size)))


def new_changes() -> Changes:
    """A table that this process shares with every process that it forks later."""
    return Changes(mmap(-1, Changes.SIZE))


def _place(order_id: str) -> int:
    """For any text: clients also ask for orders by malformed ids."""
    return crc32(order_id.lower().encode(errors="replace")) % _MARKS * _MARK.size
