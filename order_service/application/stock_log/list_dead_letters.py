"""List the newest dead letters, for somebody who waits for the answer."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import (
    DeadLetter,
    DeadLetterQuery,
    OpensDeadLetterBox,
    Rank,
    Record,
)
from order_service.application.stock_log.read_dead_letters import (
    FoundLetter,
    ReadDeadLetters,
    RecordsInLog,
)
from order_service.domain.errors import TooMuchToRead

Age = tuple[datetime, Place]
_UNKNOWN: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListedLetters:
    """``letters``: the newest of those that were read, newest first. ``more``: there are others.
    ``complete``: False where the time was over first. ``missing``: the query's topics that Kafka
    does not have."""

    letters: Sequence[FoundLetter]
    more: bool
    complete: bool
    missing: Sequence[str]


class ListDeadLetters:
    def __init__(self, open_box: OpensDeadLetterBox, log: RecordsInLog) -> None:
        self._open_box = open_box
        self._log = log

    def __call__(self, query: DeadLetterQuery, limit: int) -> ListedLetters:
        """Of the letters that wait those are left out whose record came back: the newer letter of
        that record waits in their place.

        Raises InvalidValue, Busy, BrokerUnavailable, StoreUnavailable.
        """
        kept: list[tuple[Age, Record, FoundLetter]] = []
        last: dict[Record, Rank] = {}
        missing: Sequence[str] = ()
        complete = True
        with self._open_box() as box:
            read = ReadDeadLetters(box, self._log)
            try:
                missing = box.missing(query)
                for letters in box.rounds(query):
                    for each in read.among(_noted(letters, last), query):
                        keep = heapq.heappushpop if len(kept) > limit else heapq.heappush
                        keep(kept, (_age(each.letter), each.letter.record, _shortened(each)))
                    if len(kept) > limit:
                        break
            except TooMuchToRead:
                complete = False
        newest = [
            each
            for _, record, each in sorted(kept, key=lambda one: one[0], reverse=True)
            if not query.waiting or last[record] == each.letter.rank
        ]
        return ListedLetters(newest[:limit], len(kept) > limit, complete, missing)


def _noted(letters: Iterable[DeadLetter], last: dict[Record, Rank]) -> Iterator[DeadLetter]:
    """Notes the rank of the last letter of each record."""
    for letter in letters:
        last[letter.record] = max(letter.rank, last.get(letter.record, letter.rank))
        yield letter


def _shortened(found: FoundLetter) -> FoundLetter:
    return replace(found, letter=found.letter.shortened())


def _age(letter: DeadLetter) -> Age:
    return letter.buried_at or _UNKNOWN, letter.place
