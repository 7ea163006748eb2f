"""Stock changes, as they go into the stock-change log and come out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from order_service.application.place import Place


class StockChange(NamedTuple):
    """One record of a stock topic. ``payload``: the record's whole value, unknown fields too.

    ``topic``, ``partition`` and ``offset``: the record's Place, also for a replayed dead letter.
    ``contradictory``: newStock - previousStock is not what changeType and changeAmount say.

    A tuple, because a frozen dataclass takes three times as long, for every record.
    """

    topic: str
    partition: int
    offset: int
    item_id: str
    previous_stock: int
    new_stock: int
    change_type: str
    change_amount: int
    updated_at: datetime
    payload: Mapping[str, Any]
    contradictory: bool = False

    @property
    def place(self) -> Place:
        return Place(self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class LoggedStockChange:
    id: str
    change: StockChange
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StockChangeQuery:
    """``after_id``: the previous page's last entry; times bound ``created_at``, [from, to)."""

    item_id: str | None = None
    change_type: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    after_id: str | None = None
    limit: int = 20


NOT_STORABLE = "not_storable"


OFFSET_REUSED = "offset_reused"


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change that the log can't take, now or later.

    ``code``: NOT_STORABLE, or OFFSET_REUSED when the log has another change of the same identity:
    the topic was deleted and made again, and its offsets began anew.
    """

    change: StockChange
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AppendResult:
    written: int
    duplicates: int
    refused: tuple[RefusedChange, ...] = ()
