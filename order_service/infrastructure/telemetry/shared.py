"""What the API's processes count, in memory that they share since before they forked.

prometheus_client's own way for several processes is files mapped into memory: on a full disk such a
file ends the process that counts in it (SIGBUS), and a damaged one ends every scrape. No file
stands behind this memory.

Each process counts in a place of its own, and a scrape adds the places up. What a process counted
stays when the process ends, and whoever gets its place next counts on from there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from mmap import mmap
from threading import Lock
from typing import Any, Final

import structlog

_WORD: Final = 8
# A reload has twice the 64 processes that WEB_WORKERS allows, for a moment. What is not written to
# takes no memory.
PLACES: Final = 160
_PLACE: Final = 1 << 19
_GAUGE: Final = '["gauge",'


class Place:
    """Numbers of one process by key. ``memory``: whole words of 8 bytes, zeroed when new.

    Its first word says how many are in use; the numbers follow: the length of the key, the key,
    and the number itself.
    """

    def __init__(self, memory: memoryview) -> None:
        self._bytes = memory
        self._words = memory.cast("Q")
        self._doubles = memory.cast("d")
        self._lock = Lock()
        self._known: dict[str, int] | None = None
        self._is_full = False

    def cell(self, key: str) -> "tuple[memoryview[float], int]":
        """Where the number is: of which doubles, and which. In this process alone if it no longer
        fits, so that counting never fails."""
        with self._lock:
            if self._known is None:
                self._known = dict(self._entries())
            if key not in self._known and not self._add(key, self._known):
                return memoryview(bytearray(_WORD)).cast("d"), 0
            return self._doubles, self._known[key]

    def numbers(self) -> Iterator[tuple[str, float]]:
        """Safe in any process, while others count."""
        for key, at in self._entries():
            yield key, self._doubles[at]

    def forget_gauges(self) -> None:
        """They tell of a process that lives."""
        for key, at in self._entries():
            if key.startswith(_GAUGE):
                self._doubles[at] = 0

    def _entries(self) -> Iterator[tuple[str, int]]:
        at, end = 1, self._words[0]
        while at < end:
            length, start = self._words[at], (at + 1) * _WORD
            key = bytes(self._bytes[start : start + length]).decode()
            at += 1 + _words(length)
            yield key, at
            at += 1

    def _add(self, key: str, known: dict[str, int]) -> bool:
        raw, used = key.encode(), self._words[0] or 1
        at = used + 1 + _words(len(raw))
        if at >= len(self._words):
            if not self._is_full:
                self._is_full = True
                structlog.get_logger().warning("metrics_full", remedy="newer series are left out")
            return False
        self._words[used] = len(raw)
        start = (used + 1) * _WORD
        self._bytes[start : start + len(raw)] = raw
        self._doubles[at] = 0
        # Last, for others read up to there.
        self._words[0] = at + 1
        known[key] = at
        return True


def _words(length: int) -> int:
    return -(-length // _WORD)


def new_places() -> Sequence[Place]:
    """Places that this process shares with those that it forks from then on."""
    memory = memoryview(mmap(-1, PLACES * _PLACE))
    return [Place(memory[start : start + _PLACE]) for start in range(0, len(memory), _PLACE)]


class SharedNumber:
    """What prometheus_client keeps a number in, with the arguments that it gives."""

    def __init__(
        self,
        place: Place,
        kind: str,
        metric: str,
        name: str,
        labels: Sequence[str],
        values: Sequence[str],
        _help: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> None:
        if kind == "gauge" and multiprocess_mode != "livesum":
            raise ValueError(f"{name}: gauges of several processes are added up (livesum)")
        key = json.dumps([kind, metric, name, dict(zip(labels, values, strict=True))])
        self._cells, self._at = place.cell(key)
        self._lock = Lock()

    def inc(self, amount: float) -> None:
        with self._lock:
            self._cells[self._at] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        with self._lock:
            self._cells[self._at] = value

    def get(self) -> float:
        return float(self._cells[self._at])

    def set_exemplar(self, exemplar: object) -> None:
        """There are none among several processes."""

    def get_exemplar(self) -> None:
        return None


Labels = Mapping[str, str]


def added_up(places: Sequence[Place]) -> Iterator[tuple[str, str, Labels, float]]:
    """Metric, name, labels and number of everything that was counted."""
    sums: dict[str, float] = {}
    for place in places:
        for key, number in place.numbers():
            sums[key] = sums.get(key, 0) + number
    for key, number in sums.items():
        _, metric, name, labels = json.loads(key)
        yield metric, name, labels, number
