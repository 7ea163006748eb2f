"""What a reconciliation says of one item."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from order_service.reconciliation.history import LoggedChange, OtherWriters


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


_HARMLESS = {Kind.NOT_LOGGED, Kind.NOT_YET_LOGGED, Kind.SETTLED_BY_WORD}


@dataclass(frozen=True, slots=True)
class Finding:
    """``expected``: the stock that was read, or that the change before left; ``found``: what it was
    instead; ``written``: what it was set to; ``asked``: what the orders asked for, negative where
    they took. ``unsure``: so new that what would explain it may not be told yet.
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

    @property
    def differs(self) -> bool:
        return self.kind not in _HARMLESS and not self.unsure


@dataclass(frozen=True, slots=True)
class Horizon:
    """``since``: what is older is not judged. ``recent``: what is not older may not be told whole
    yet. ``logged_until``: when the newest entry of the log, of any item, was written. ``lease``:
    how long an item is left to whoever changes its stock."""

    since: datetime | None
    recent: datetime
    logged_until: datetime | None
    lease: timedelta = timedelta(seconds=10)

    def covers(self, at: datetime) -> bool:
        return self.since is None or at >= self.since


@dataclass(slots=True)
class Tally:
    """How often, how many units in all, and when first and last."""

    times: int = 0
    units: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, units: int, at: datetime) -> None:
        self.times += 1
        self.units += units
        self.first = min(self.first or at, at)
        self.last = max(self.last or at, at)


@dataclass(frozen=True, slots=True)
class ItemReport:
    """``logged``: every change in the log; ``others``: those among them that no order knows of.

    ``stock_now``: None if the inventory has no such item. ``waiting``, ``stuck``: how many of its
    orders are so. ``repeats``: entries of the log that tell again what another one told;
    ``misdated``: those whose time was still to come when the log heard of them.
    """

    item_id: str
    stock_now: int | None
    took: Tally
    gave_back: Tally
    logged: Tally
    others: OtherWriters
    last_logged: LoggedChange | None
    waiting: int
    stuck: int
    repeats: int
    misdated: int
    findings: tuple[Finding, ...]

    @property
    def differs(self) -> bool:
        return any(finding.differs for finding in self.findings)

    @property
    def is_empty(self) -> bool:
        told = self.took.times + self.gave_back.times + self.logged.times
        return not (told or self.waiting or self.stuck or self.findings)
