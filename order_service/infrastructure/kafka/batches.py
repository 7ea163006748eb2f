"""A batch of records on its way into the log."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from order_service.application.ports import AppendResult, RefusedChange, StockChange
from order_service.application.record_stock_changes import RecordStockChanges
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.kafka.burial import Poisoned
from order_service.infrastructure.kafka.decoding import Poison, decode
from order_service.infrastructure.kafka.records import Record


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as they came, told apart; ``begun``: when, in monotonic seconds."""

    records: Sequence[Record]
    decoded: Sequence[tuple[StockChange, Record]]
    poisoned: Sequence[Poisoned]
    begun: float = field(default_factory=time.monotonic)

    def all_poisoned(self, refused: Sequence[RefusedChange]) -> list[Poisoned]:
        """With those that the log refused."""
        if not refused:
            return list(self.poisoned)
        # By their payloads, which are objects of their own: two records may claim one identity.
        of = {id(change.payload): record for change, record in self.decoded}
        more = [
            Poisoned(of[id(each.change.payload)], Poison(each.code, each.reason))
            for each in refused
        ]
        return [*self.poisoned, *more]

    @property
    def changes(self) -> list[StockChange]:
        return [change for change, _ in self.decoded]


def decode_all(records: Sequence[Record], max_bytes: int) -> Batch:
    decoded: list[tuple[StockChange, Record]] = []
    poisoned: list[Poisoned] = []
    for record in records:
        try:
            decoded.append((decode(record, max_bytes), record))
        except Poison as poison:
            # Anew, for the one that was raised holds the record by its traceback, in a circle.
            poisoned.append(Poisoned(record, Poison(poison.code, poison.reason)))
    return Batch(records, decoded, poisoned)


# Seconds.
_FRESH: Final = 1.0


class Write:
    """A batch's write, made ready and then begun in the writer's thread. Called, it waits for the
    outcome; called again after a failure, it writes again."""

    def __init__(self, record: RecordStockChanges, batch: Batch) -> None:
        self.batch = batch
        self._again = partial(record, batch.changes)
        self._first: Callable[[], AppendResult] = self._again
        self._made_at = time.monotonic()
        with suppress(StoreUnavailable):
            self._first = record.ready(batch.changes)
        self._begun: Future[AppendResult] | None = None

    def begin(self, writer: Executor) -> None:
        """What was made ready long ago would tell of another time."""
        is_fresh = time.monotonic() - self._made_at < _FRESH
        self._begun = writer.submit(self._first if is_fresh else self._again)

    def __call__(self) -> AppendResult:
        begun, self._begun = self._begun, None
        return begun.result() if begun else self._again()
