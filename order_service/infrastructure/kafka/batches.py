"""A batch of records on its way into the log."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from order_service.application.stock_log.changes import AppendResult, RefusedChange, StockChange
from order_service.application.stock_log.record import RecordStockChanges
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.kafka.burial import Poisoned
from order_service.infrastructure.kafka.decoding import Poison, decode
from order_service.infrastructure.kafka.records import Record


@dataclass(frozen=True, slots=True)
class Batch:
    """``records``: as they came, decoded or poisoned; ``begun``: in monotonic seconds."""

    records: Sequence[Record]
    decoded: Sequence[tuple[StockChange, Record]]
    poisoned: Sequence[Poisoned]
    begun: float = field(default_factory=time.monotonic)

    def all_poisoned(self, refused: Sequence[RefusedChange]) -> list[Poisoned]:
        """The poisoned records, and the records that the log refused."""
        if not refused:
            return list(self.poisoned)
        # By the payload object, not by the identity, which two records may claim.
        of = {id(change.payload): record for change, record in self.decoded}
        more = [
            Poisoned(of[id(each.change.payload)], Poison(each.code, each.reason))
            for each in refused
        ]
        return [*self.poisoned, *more]

    @property
    def changes(self) -> list[StockChange]:
        return [change for change, _ in self.decoded]

    @property
    def delivered(self) -> list[StockChange]:
        """The changes without those of replays, which have the places of earlier records."""
        # One comparison, for the sake of speed: a replay hardly ever has its first record's offset.
        return [change for change, record in self.decoded if change.offset == record.offset()]


def decode_all(records: Sequence[Record], max_bytes: int) -> Batch:
    decoded: list[tuple[StockChange, Record]] = []
    poisoned: list[Poisoned] = []
    for record in records:
        try:
            decoded.append((decode(record, max_bytes), record))
        except Poison as poison:
            # A new Poison: the raised one holds the record by its traceback, in a circle.
            poisoned.append(Poisoned(record, Poison(poison.code, poison.reason)))
    return Batch(records, decoded, poisoned)


# Seconds after which a write is made ready anew before it begins.
_FRESH: Final = 1.0


class Write:
    """A batch's write, made ready and then begun in the writer's thread. A call waits for the
    write's outcome; a call after a failure writes again.

    A change gets its place in the log's order when its write is made ready. So if a batch is made
    ready anew, the next batch is made ready anew as well.
    """

    def __init__(self, record: RecordStockChanges, batch: Batch) -> None:
        self.batch = batch
        self._record = record
        self._again = partial(record, batch.changes)
        self._begun: Future[AppendResult] | None = None
        self._made_anew = False
        self._make()

    def _make(self) -> None:
        self._made_at = time.monotonic()
        self._first: Callable[[], AppendResult] = self._again
        with suppress(StoreUnavailable):
            self._first = self._record.ready(self.batch.changes)

    def begin(self, writer: Executor, before: "Write | None") -> None:
        """``before``: the write of the batch before this one. A write that was made ready long ago
        is made ready anew: its entries would carry a time long past."""
        is_old = time.monotonic() - self._made_at > _FRESH
        if is_old or (before and before._made_anew):
            self._make()
        self._made_anew = self._first is self._again
        self._begun = writer.submit(self._first)

    def __call__(self) -> AppendResult:
        begun, self._begun = self._begun, None
        if begun is None:
            self._made_anew = True
            return self._again()
        result = begun.result()
        # With refusals the log may have made the other changes ready anew.
        self._made_anew = self._made_anew or bool(result.refused)
        return result
