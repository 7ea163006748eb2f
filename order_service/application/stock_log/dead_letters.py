"""Dead letters: the records that could not become stock changes, and why."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, Self

from order_service.application.place import Place

# What names a record, whichever letters hold it; and a letter's rank among these letters.
Record = tuple[Place, int]
Rank = tuple[int, Place]

_KEPT: Final = 32 * 1024
_KEPT_HEADERS: Final = 20
_KEPT_OF_A_HEADER: Final = 2 * 1024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``original``: where the record was. ``first``: where the record was first delivered.
    ``identity``: the record's place in the log once it is replayed; not ``first`` where the log
    has another record of that place. ``replays``: how often the record was replayed. Unknown times
    are None.

    ``cut``: the parts of the original (``value``, ``key``, ``headers``) that the letter lacks or
    has in part; ``value_bytes`` and ``value_sha256`` are of the original's value.
    """

    place: Place
    original: Place
    first: Place
    identity: Place
    buried_at: datetime | None
    produced_at: datetime | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    code: str
    reason: str
    replays: int
    cut: str = ""
    value_bytes: int = 0
    value_sha256: str | None = None

    @property
    def whole(self) -> bool:
        """Whether a replay of the letter repeats the original's key and value."""
        return self.cut in ("", "headers")

    @property
    def id(self) -> str:
        return "/".join(map(str, self.place))

    @property
    def record(self) -> Record:
        # The value counts too: a topic that was made anew has other records in the same places.
        return self.first, hash(self.value)

    @property
    def rank(self) -> Rank:
        """The last letter of a record has the highest."""
        return self.replays, self.place

    def shortened(self) -> Self:
        """For lists: the beginnings of what it holds, so that a hundred letters fit into memory."""
        return replace(
            self,
            key=self.key and self.key[:_KEPT],
            value=self.value and self.value[:_KEPT],
            headers=tuple(
                (name[:_KEPT_OF_A_HEADER], content and content[:_KEPT_OF_A_HEADER])
                for name, content in self.headers[:_KEPT_HEADERS]
            ),
        )

    def without_value(self) -> Self:
        """For those who name the letter and don't show it: a value may have 16 MiB."""
        return replace(self, value=None)


@dataclass(frozen=True, slots=True)
class DeadLetterQuery:
    """``topic``: the original's topic. ``ids``: only these letters, if any are given. ``waiting``:
    only letters whose record is not in the log. ``limit``: the most letters to find; None for
    all."""

    topic: str | None = None
    since: datetime | None = None
    code: str | None = None
    ids: frozenset[str] = frozenset()
    waiting: bool = False
    limit: int | None = None

    def takes(self, letter: DeadLetter) -> bool:
        return (self.code is None or letter.code == self.code) and (
            not self.ids or letter.id in self.ids
        )


Progress = Callable[[], None]


class DeadLetterBox(Protocol):
    """The dead-letter topics.

    Raises BrokerUnavailable, TooMuchToRead where the box was opened for some time alone, and
    InvalidValue for a topic that is no stock topic. ``size`` and ``letters`` raise InvalidValue too
    where Kafka has none of the query's topics and no letter is named.
    """

    def size(self, query: DeadLetterQuery) -> int:
        """How many records one reading of ``letters`` looks at."""
        ...

    def missing(self, query: DeadLetterQuery) -> Sequence[str]:
        """The query's topics that Kafka does not have, and whose dead letters it does not have."""
        ...

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        """The present letters of the query's topic and time, in order within each partition.

        Reading disturbs no consumer group, and leaves out letters that are written meanwhile.
        Letters that the query names are read where they are, with few others beside them.
        """
        ...

    def rounds(self, query: DeadLetterQuery) -> Iterator[Iterator[DeadLetter]]:
        """The same letters from the end on: each round has the last ones of each partition that no
        round had yet. Use a round up before you ask for the next."""
        ...

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send the records to their original topics; return the letters that were confirmed."""
        ...


class OpensDeadLetterBox(Protocol):
    """The box for one request, which waits for Kafka for some seconds and no longer."""

    def __call__(self) -> AbstractContextManager[DeadLetterBox]:
        """Raises Busy where another request has the box."""
        ...
