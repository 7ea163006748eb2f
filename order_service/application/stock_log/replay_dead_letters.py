"""Send the records of dead letters back to their topics, once the cause is mended."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import (
    DeadLetter,
    DeadLetterBox,
    DeadLetterQuery,
    Progress,
)
from order_service.application.stock_log.read_dead_letters import (
    FoundLetter,
    ReadDeadLetters,
    chunk_of,
)

# A record that came back this often goes round in a loop: the cause is not mended.
MOST_REPLAYS = 3

# What names a record, whichever letters hold it; and a letter's rank among these letters.
Key = tuple[Place, int]
Rank = tuple[int, Place]


@dataclass(slots=True)
class ReplayReport:
    """``logged``: letters whose record is in the log already. ``superseded``: letters whose record
    has a later letter. ``looping``: refused, because the record came back MOST_REPLAYS times.
    ``cut``: refused, because the letter holds its original in part. ``failed``: not confirmed."""

    replayed: list[DeadLetter] = field(default_factory=list)
    logged: int = 0
    superseded: int = 0
    looping: list[DeadLetter] = field(default_factory=list)
    cut: list[DeadLetter] = field(default_factory=list)
    failed: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """``force``: replay looping letters too. ``dry_run``: send nothing, report what would be."""

    dry_run: bool = False
    force: bool = False


class ReplayDeadLetters:
    def __init__(self, box: DeadLetterBox, read: ReadDeadLetters) -> None:
        self._box = box
        self._read = read

    def __call__(
        self, query: DeadLetterQuery, options: ReplayOptions, looked_at: Progress = lambda: None
    ) -> ReplayReport:
        """Reads the letters twice, and calls ``looked_at`` for each. The replay ends early when
        the broker does not confirm a letter.

        Raises BrokerUnavailable, StoreUnavailable, and InvalidValue for topics that don't exist.
        """
        report = ReplayReport()
        ranks = self._ranks(query, looked_at)
        found = self._read(replace(query, limit=None), looked_at)
        due = islice(_due(found, ranks, report, options), query.limit)
        while not report.failed and (chunk := list(chunk_of(due))):
            confirmed = chunk if options.dry_run else self._box.replay(chunk)
            report.replayed += confirmed
            report.failed += [each for each in chunk if each not in confirmed]
        return report

    def _ranks(self, query: DeadLetterQuery, looked_at: Progress) -> dict[Key, Rank]:
        """For each record the rank of its last letter."""
        ranks: dict[Key, Rank] = {}
        for letter in self._box.letters(query):
            looked_at()
            ranks[_key(letter)] = max(_rank(letter), ranks.get(_key(letter), _rank(letter)))
        return ranks


def _due(
    found: Iterator[FoundLetter],
    ranks: dict[Key, Rank],
    report: ReplayReport,
    options: ReplayOptions,
) -> Iterator[DeadLetter]:
    for letter, logged in ((each.letter, each.logged) for each in found):
        if ranks.get(_key(letter)) != _rank(letter):
            report.superseded += 1
        elif logged:
            report.logged += 1
        elif not letter.whole:
            report.cut.append(letter)
        elif letter.replays >= MOST_REPLAYS and not options.force:
            report.looping.append(letter)
        else:
            yield letter


def _key(letter: DeadLetter) -> Key:
    # The value counts too: a topic that was made anew has other records in the same places.
    return letter.first, hash(letter.value)


def _rank(letter: DeadLetter) -> Rank:
    return letter.replays, letter.place
