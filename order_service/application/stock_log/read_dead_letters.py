"""Read the dead letters, and whether the log has their records by now."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import (
    DeadLetter,
    DeadLetterBox,
    DeadLetterQuery,
    Progress,
)

CHUNK = 500
_CHUNK_BYTES = 16 * 1024 * 1024


class RecordsInLog(Protocol):
    def holds(self, places: Collection[Place]) -> Mapping[Place, Mapping[str, Any]]:
        """The places of which the log has an entry, each with the entry's payload."""
        ...


@dataclass(frozen=True, slots=True)
class FoundLetter:
    """``logged``: the letter's record is in the log, from a replay."""

    letter: DeadLetter
    logged: bool


class ReadDeadLetters:
    def __init__(self, box: DeadLetterBox, log: RecordsInLog) -> None:
        self._box = box
        self._log = log

    def size(self, query: DeadLetterQuery) -> int:
        """How many letters one reading looks at."""
        return self._box.size(query)

    def missing(self, query: DeadLetterQuery) -> Sequence[str]:
        """The query's topics that Kafka does not have."""
        return self._box.missing(query)

    def __call__(
        self, query: DeadLetterQuery, looked_at: Progress = lambda: None
    ) -> Iterator[FoundLetter]:
        """The letters that the query takes, up to its limit; calls ``looked_at`` for each letter.

        Raises BrokerUnavailable, StoreUnavailable, and InvalidValue for topics that don't exist.
        """
        return islice(self.among(self._box.letters(query), query, looked_at), query.limit)

    def among(
        self,
        letters: Iterator[DeadLetter],
        query: DeadLetterQuery,
        looked_at: Progress = lambda: None,
    ) -> Iterator[FoundLetter]:
        """Those of the letters that the query takes, however many. Raises StoreUnavailable."""
        taken = _taken(letters, query, looked_at)
        while chunk := list(chunk_of(taken)):
            logged = self._log.holds({each.identity for each in chunk})
            found = (FoundLetter(each, _is_of(each, logged)) for each in chunk)
            yield from (each for each in found if not (query.waiting and each.logged))


def _taken(
    letters: Iterator[DeadLetter], query: DeadLetterQuery, looked_at: Progress
) -> Iterator[DeadLetter]:
    for letter in letters:
        looked_at()
        if query.takes(letter):
            yield letter


def _is_of(letter: DeadLetter, logged: Mapping[Place, Mapping[str, Any]]) -> bool:
    """Whether the log's entry of the letter's identity holds the letter's own record. Where a topic
    was made anew, the entry may hold another record."""
    entry = logged.get(letter.identity)
    if entry is None:
        return False
    try:
        return bool(json.loads(letter.value or b"") == entry)
    except (ValueError, RecursionError):
        return False


def chunk_of(letters: Iterator[DeadLetter]) -> Iterator[DeadLetter]:
    """The next letters: as many as fit into a chunk, and at least one."""
    size = 0
    for letter in islice(letters, CHUNK):
        yield letter
        size += len(letter.value or b"")
        if size >= _CHUNK_BYTES:
            return
