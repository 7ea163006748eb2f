"""Dead letters: the records that could not become stock changes, and why."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from order_service.application.place import Place


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

    Raises BrokerUnavailable, and InvalidValue where Kafka has none of the query's topics.
    """

    def size(self, query: DeadLetterQuery) -> int:
        """How many records one reading looks at."""
        ...

    def missing(self, query: DeadLetterQuery) -> Sequence[str]:
        """The query's topics that Kafka does not have, and whose dead letters it does not have."""
        ...

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        """The present letters of the query's topic and time, in order within each partition.

        Reading disturbs no consumer group, and leaves out letters that are written meanwhile.
        """
        ...

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send the records to their original topics; return the letters that were confirmed."""
        ...
