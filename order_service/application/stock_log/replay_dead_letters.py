"""Send the records of dead letters back to their topics, once the cause is mended."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from order_service.application.stock_log.dead_letters import (
    DeadLetter,
    DeadLetterBox,
    DeadLetterQuery,
    Progress,
    Rank,
    Record,
)
from order_service.application.stock_log.read_dead_letters import (
    FoundLetter,
    ReadDeadLetters,
    chunk_of,
)

# A record that came back this often goes round in a loop: the cause is not mended.
MOST_REPLAYS = 3


@dataclass(slots=True)
class ReplayReport:
    """``logged``: letters whose record is in the log already. ``superseded``: letters whose record
    has a later letter. ``looping``: refused, because the record came back MOST_REPLAYS times.
    ``cut``: refused, because the letter holds its original in part. ``failed``: not confirmed.
    ``missing``: ids that no letter has. The refused ones come without their values."""

    replayed: list[DeadLetter] = field(default_factory=list)
    logged: int = 0
    superseded: int = 0
    looping: list[DeadLetter] = field(default_factory=list)
    cut: list[DeadLetter] = field(default_factory=list)
    failed: list[DeadLetter] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """``force``: replay looping letters too. ``dry_run``: send nothing, report what would be."""

    dry_run: bool = False
    force: bool = False


class ReplayDeadLetters:
    def __init__(self, box: DeadLetterBox, read: ReadDeadLetters) -> None:
        self._box = box
        self._read = read

    def size(self, query: DeadLetterQuery) -> int:
        """How many letters a replay looks at. Raises as the replay does."""
        if not query.ids:
            return 2 * self._read.size(query)
        return 2 * self._read.size(query) + self._read.size(_with_all_of(query))

    def __call__(
        self, query: DeadLetterQuery, options: ReplayOptions, looked_at: Progress = lambda: None
    ) -> ReplayReport:
        """Reads the letters twice, or those that the query names twice and then all, and calls
        ``looked_at`` for each. The replay ends early when the broker does not confirm a letter.

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

    def chosen(self, ids: Collection[str], *, force: bool) -> ReplayReport:
        """Replays these letters alone. All is read before anything is sent, so that an error while
        it is read says that nothing was. What does not go into one chunk counts as failed.

        Raises BrokerUnavailable, TooMuchToRead, StoreUnavailable.
        """
        query, report = DeadLetterQuery(ids=frozenset(ids)), ReplayReport()
        missing = dict.fromkeys(sorted(query.ids))
        found = _seen(self._read(query), missing)
        due = _due(found, self._ranks(query), report, ReplayOptions(force=force))
        chunk = list(chunk_of(due))
        left = [letter.without_value() for letter in due]
        report.replayed = self._box.replay(chunk) if chunk else []
        report.failed = [each for each in chunk if each not in report.replayed] + left
        report.missing = list(missing)
        return report

    def _ranks(
        self, query: DeadLetterQuery, looked_at: Progress = lambda: None
    ) -> dict[Record, Rank]:
        """For each record the rank of its last letter; of the records alone that the query names,
        where it names letters."""
        named = self._named(query, looked_at)
        ranks: dict[Record, Rank] = {}
        if named == set():
            return ranks
        for letter in self._looked_at(_with_all_of(query), looked_at):
            record, rank = letter.record, letter.rank
            if named is None or record in named:
                ranks[record] = max(rank, ranks.get(record, rank))
        return ranks

    def _named(self, query: DeadLetterQuery, looked_at: Progress) -> set[Record] | None:
        """None where the query names no letter."""
        if not query.ids:
            return None
        return {each.record for each in self._looked_at(query, looked_at) if each.id in query.ids}

    def _looked_at(self, query: DeadLetterQuery, looked_at: Progress) -> Iterator[DeadLetter]:
        for letter in self._box.letters(query):
            looked_at()
            yield letter


def _seen(found: Iterable[FoundLetter], missing: dict[str, None]) -> Iterator[FoundLetter]:
    """Takes what is found from what is missing."""
    for each in found:
        missing.pop(each.letter.id, None)
        yield each


def _with_all_of(query: DeadLetterQuery) -> DeadLetterQuery:
    """The letters that may be of the same records as those of the query."""
    return replace(query, ids=frozenset())


def _due(
    found: Iterator[FoundLetter],
    ranks: dict[Record, Rank],
    report: ReplayReport,
    options: ReplayOptions,
) -> Iterator[DeadLetter]:
    for letter, logged in ((each.letter, each.logged) for each in found):
        if ranks.get(letter.record) != letter.rank:
            report.superseded += 1
        elif logged:
            report.logged += 1
        elif not letter.whole:
            report.cut.append(letter.without_value())
        elif letter.replays >= MOST_REPLAYS and not options.force:
            report.looping.append(letter.without_value())
        else:
            yield letter
