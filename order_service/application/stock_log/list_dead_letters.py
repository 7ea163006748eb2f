"""List the newest dead letters, for somebody who waits for the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import (
    DeadLetterQuery,
    OpensDeadLetterBox,
    Record,
)
from order_service.application.stock_log.read_dead_letters import (
    FoundLetter,
    ReadDeadLetters,
    RecordsInLog,
)
from order_service.domain.errors import TooMuchToRead

_UNKNOWN: Final = datetime(1, 1, 1, tzinfo=UTC)
# Letters that are kept beyond those that are wanted, until the oldest are thrown away together.
_SPARE: Final = 50


@dataclass(frozen=True, slots=True)
class ListedLetters:
    """``letters``: the newest of those that were read, newest first; of a record that has several,
    what became of it at last, for that alone can be replayed. ``more``: there are others.
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
        """Raises InvalidValue, Busy, BrokerUnavailable, StoreUnavailable."""
        newest = _Newest(limit)
        missing: Sequence[str] = ()
        complete = True
        with self._open_box() as box:
            read = ReadDeadLetters(box, self._log)
            try:
                missing = box.missing(query)
                for letters in box.rounds(query):
                    for each in read.among(letters, query):
                        newest.add(each)
                    if newest.more:
                        break
            except TooMuchToRead:
                complete = False
        return ListedLetters(newest.first(limit), newest.more, complete, missing)


class _Newest:
    """The newest letters, one of each record: so many, one more, and a few to spare."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[Record, FoundLetter] = {}

    @property
    def more(self) -> bool:
        return len(self._kept) > self._limit

    def add(self, found: FoundLetter) -> None:
        letter = found.letter
        known = self._kept.get(letter.record)
        if known is None or known.letter.rank < letter.rank:
            self._kept[letter.record] = replace(found, letter=letter.shortened())
        if len(self._kept) > self._limit + _SPARE:
            newest = sorted(self._kept.items(), key=lambda kept: _age(kept[1]), reverse=True)
            self._kept = dict(newest[: self._limit + 1])

    def first(self, number: int) -> list[FoundLetter]:
        return sorted(self._kept.values(), key=_age, reverse=True)[:number]


def _age(found: FoundLetter) -> tuple[datetime, Place]:
    return found.letter.buried_at or _UNKNOWN, found.letter.place
