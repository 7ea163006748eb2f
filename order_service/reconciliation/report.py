"""The report of a reconciliation on one item."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from order_service.reconciliation.evidence import NONE_HELD, Held, LoggedChange, MoveOfOrders

_LATEST = 20


class Kind(StrEnum):
    LOST_UPDATE = "lost_update"
    OVERWRITTEN_AGAIN = "overwritten_again"
    ORDER_WITHOUT_CHANGE = "order_without_change"
    ORDERS_DO_NOT_ADD_UP = "orders_do_not_add_up"
    MISSING_CHANGE = "missing_change"
    STOCK_DIFFERS = "stock_differs"
    NOT_LOGGED = "not_logged"
    NOT_YET_LOGGED = "not_yet_logged"
    SETTLED_BY_WORD = "settled_by_word"
    BROUGHT_BACK = "brought_back"


_HARMLESS = {Kind.NOT_LOGGED, Kind.NOT_YET_LOGGED, Kind.SETTLED_BY_WORD}


@dataclass(frozen=True, slots=True)
class Finding:
    """Stocks in units. ``expected``: the stock that the orders read, or that the change before
    left; ``found``: the stock that was there instead; ``written``: the stock that the orders wrote;
    ``asked``: the units that the orders asked for, negative where they took. ``others``: the
    units of the changes that no order has. ``unsure``: the finding is so new that records that
    explain it may still be missing.
    """

    kind: Kind
    order_ids: tuple[str, ...] = ()
    change_ids: tuple[str, ...] = ()
    expected: int | None = None
    found: int | None = None
    written: int | None = None
    asked: int | None = None
    at: datetime | None = None
    unsure: bool = False
    others: int | None = None

    @classmethod
    def of_move(
        cls, kind: Kind, move: MoveOfOrders, by: LoggedChange | None = None, *, unsure: bool = False
    ) -> Self:
        """``by``: the logged change that wrote what the move was to write."""
        return cls(
            kind,
            move.order_ids,
            (by.id,) if by else (),
            expected=move.previous_stock,
            found=by.previous_stock if by else None,
            written=move.new_stock,
            asked=move.asked,
            at=move.begun_at,
            unsure=unsure,
        )

    @property
    def differs(self) -> bool:
        if self.kind is Kind.BROUGHT_BACK and self.asked == self.others:
            return False
        return self.kind not in _HARMLESS and not self.unsure


@dataclass(slots=True)
class Tally:
    """Changes: their number, their units in all, and the times of the first and the last."""

    times: int = 0
    units: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, units: int, at: datetime) -> None:
        self.times += 1
        self.units += units
        self.first = min(self.first or at, at)
        self.last = max(self.last or at, at)


@dataclass(slots=True)
class ItemReport:
    """Filled while the evidence is read.

    ``stock_now``: None if the inventory has no such item. ``waiting``, ``stuck``: numbers of the
    item's orders; ``held``: its orders that are held. ``logged``: every change in the log;
    ``others``: the changes in the log that no order made; ``latest_others``: the latest of these.
    ``repeats``: the number of entries that log a change which another entry logged before;
    ``misdated``: the number of entries whose time was still to come when the log received them.
    """

    item_id: str
    stock_now: int | None
    waiting: int
    stuck: int
    held: Held = NONE_HELD
    took: Tally = field(default_factory=Tally)
    gave_back: Tally = field(default_factory=Tally)
    logged: Tally = field(default_factory=Tally)
    others: Tally = field(default_factory=Tally)
    latest_others: deque[LoggedChange] = field(default_factory=lambda: deque(maxlen=_LATEST))
    last_logged: LoggedChange | None = None
    repeats: int = 0
    misdated: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return any(finding.differs for finding in self.findings)

    @property
    def agrees(self) -> bool:
        """False with a stuck order: nobody knows whether the order moved the stock."""
        return not (self.differs or self.stuck)

    @property
    def is_empty(self) -> bool:
        counted = self.took.times + self.gave_back.times + self.logged.times
        return not (counted or self.waiting or self.stuck or self.findings)
