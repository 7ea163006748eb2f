"""Dead letters as people deal with them: the records that never became stock changes, and why."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from order_service.application.stock_log.changes import Place


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``original`` is where the record was, ``first`` where it was first delivered, and
    ``identity`` what the log will know it by once it is replayed: another place, where the log has
    another record from there. ``replays``: how often it was already. Times are None where they are
    not known.

    ``cut``: what of the original is here in part or not at all (``value``, ``key``, ``headers``);
    ``value_bytes`` and ``value_sha256`` are of the original's value.
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
        """Whether a replay of it says what its original said."""
        return self.cut in ("", "headers")

    @property
    def id(self) -> str:
        return "/".join(map(str, self.place))


@dataclass(frozen=True, slots=True)
class DeadLetterQuery:
    """``topic``: the original's; ``ids``: only these, if there are any; ``waiting``: only those
    whose record is not in the log; ``limit``: of letters found, None for all."""

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

    Raises BrokerUnavailable, and InvalidValue where none of the topics asked for is there.
    """

    def size(self, query: DeadLetterQuery) -> int:
        """How many records there are to look at."""
        ...

    def missing(self, query: DeadLetterQuery) -> Sequence[str]:
        """The query's topics that are not there, and whose dead letters are not either."""
        ...

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        """What is there now of the query's topic and time, each partition's in order.

        It disturbs no consumer group, and what is buried meanwhile is left for another time.
        """
        ...

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send them to their original topics; answers those that the broker confirmed."""
        ...
