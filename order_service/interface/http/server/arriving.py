"""Whether a request has arrived whole, judged by its bytes.

This module decides when gunicorn's parser gets a request, and never what the request means. Where
the two disagree about the end of a request, the request is refused and its connection closed:
nobody can hide a second request in the difference.
"""

import re
from typing import Final

from order_service.interface.http.hygiene import MAX_BODY

MAX_HEAD: Final = 32 * 1024
# A body with the sizes of its chunks and their extensions.
_MAX_CHUNKED: Final = 2 * MAX_BODY
_MAX_LINE: Final = 8190
# The part of a request line that is searched for the path: longer than the longest SCRIPT_NAME.
_LONGEST_TARGET: Final = 320
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n")
_CODING: Final = re.compile(rb"\r\ntransfer-encoding:([^\r]*)")
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class Arriving:
    """The bytes of one request, and of the next request behind it.

    ``head_ends``: where the head ends; 0 until the end has arrived. ``malformed``: the request will
    never be whole. ``head_too_long``, ``chunks_too_long``: the rest of the request is not read.
    ``body_left_unread``: the body is not read, because its announced length is too long.
    """

    __slots__ = (
        "_body_ends",
        "_chunk_begins",
        "_chunked",
        "_decoded",
        "_searched",
        "asks_to_continue",
        "body_left_unread",
        "chunks_too_long",
        "data",
        "head_ends",
        "head_too_long",
        "malformed",
    )

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self.head_ends = self._searched = self._body_ends = 0
        self.malformed = self.head_too_long = self.chunks_too_long = False
        self.body_left_unread = self.asks_to_continue = False
        self._chunked = False
        self._chunk_begins = self._decoded = 0

    def is_whole(self) -> bool:
        """Whether to wait no longer: the request is all here, or its rest will not be read."""
        if not self.head_ends and not self._find_head():
            return self.malformed
        if self._chunked:
            return self._find_last_chunk()
        return self.body_left_unread or len(self.data) >= self._body_ends

    def take(self) -> bytes:
        """Take this request's bytes. The bytes left in ``data`` are the next request's."""
        ends = self._body_ends if self.is_sound else len(self.data)
        taken = bytes(self.data[:ends])
        del self.data[:ends]
        return taken

    @property
    def is_sound(self) -> bool:
        """Whether it is known where the next request begins."""
        return not (self.malformed or self.body_left_unread)

    def target(self) -> bytes:
        """The request's path; other bytes where the request line is malformed or very long."""
        words = bytes(self.data[:_LONGEST_TARGET]).split(b" ", 2)
        return words[1].partition(b"?")[0] if len(words) > 1 else b""

    def _find_head(self) -> bool:
        found = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self.data)
        ends = self._searched if found < 0 else found + 4
        self.malformed = self.head_too_long = ends > MAX_HEAD
        if found < 0:
            self.malformed = self.malformed or self._can_have_no_head()
            return False
        self.head_ends = self._body_ends = ends
        self._read_head(bytes(self.data[:ends]).lower())
        return True

    def _can_have_no_head(self) -> bool:
        """Whether a line has no end, or another end than HTTP's lines have."""
        first_ends = self.data.find(b"\r\n", 2)
        if first_ends < 0 and self._searched > _MAX_LINE:
            return True
        return self.data.count(b"\n") != self.data.count(b"\r\n")

    def _read_head(self, head: bytes) -> None:
        self._chunk_begins = self.head_ends
        if b"\r\ntransfer-encoding:" in head:
            coded = _CODING.search(head)
            self._chunked = coded is not None and b"chunked" in coded[1]
        elif b"\r\ncontent-length:" in head and (length := _LENGTH.search(head)):
            self._body_ends += int(length[1])
            self.body_left_unread = int(length[1]) > MAX_BODY
        self.asks_to_continue = b"\r\nexpect:" in head and b"http/1.1\r\n" in head

    def _find_last_chunk(self) -> bool:
        while not self.malformed:
            line = _CHUNK.match(self.data, self._chunk_begins)
            if line is None:
                return self._has_no_chunk()
            size = int(line[1], 16)
            if size == 0:
                return self._find_end_of_trailers(line.end() - 2)
            ends = line.end() + size + 2
            if self._decoded + size > MAX_BODY or ends - self.head_ends > _MAX_CHUNKED:
                self.malformed = self.chunks_too_long = True
            elif ends > len(self.data):
                return False
            else:
                self._decoded += size
                self._chunk_begins = ends
        return True

    def _has_no_chunk(self) -> bool:
        begun = len(self.data) - self._chunk_begins
        self.malformed = begun > _MAX_LINE or self.data.find(b"\n", self._chunk_begins) >= 0
        return self.malformed

    def _find_end_of_trailers(self, after: int) -> bool:
        found = self.data.find(b"\r\n\r\n", after)
        self._body_ends = found + 4
        self.malformed = found < 0 and len(self.data) - after > _MAX_LINE
        return found >= 0 or self.malformed
