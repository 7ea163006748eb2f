"""What orders, the stock-change log and the inventory say of one item, set side by side.

Every change in the log should begin where the one before it ended, and the last one end at the
stock now; and every move that orders say served them should be one of these changes, or lead over a
gap between them (the inventory could not publish, or the log is behind). Whatever else is in the
log is other writers' doing: reported, and no difference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from order_service.reconciliation.chain import Chain
from order_service.reconciliation.history import (
    LoggedChange,
    Matching,
    MoveOfOrders,
    Share,
    time_of,
)
from order_service.reconciliation.judgement import Judgement
from order_service.reconciliation.report import Finding, Horizon, ItemReport, Kind, Tally

_Told = MoveOfOrders | LoggedChange


@dataclass(frozen=True, slots=True)
class UnprovenOrder:
    """It took or gave back its goods, and has no record of the change of stock that served it."""

    share: Share
    at: datetime
    by_word: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """``moves`` and ``changes`` in the order of their times. ``stock_now`` and how many orders wait
    or are stuck were read before them. ``stock_now``: None if the inventory has no such item."""

    moves: Iterable[MoveOfOrders]
    changes: Iterable[LoggedChange]
    unproven: Iterable[UnprovenOrder]
    stock_now: int | None
    waiting: int = 0
    stuck: int = 0


def reconcile_item(item_id: str, evidence: Evidence, horizon: Horizon) -> ItemReport:
    """Reads the evidence to its end. Findings from before ``horizon.since`` are left out."""
    return _Reconciliation(evidence, horizon).report(item_id)


class _Reconciliation:
    def __init__(self, evidence: Evidence, horizon: Horizon) -> None:
        self._evidence = evidence
        self._horizon = horizon
        self._matching = Matching(horizon.since, horizon.lease)
        self._chain = Chain()
        self._took, self._gave_back, self._logged = Tally(), Tally(), Tally()
        self._repeats = self._misdated = 0
        self._judgement = Judgement(horizon, evidence.stock_now, active=evidence.waiting > 0)

    def report(self, item_id: str) -> ItemReport:
        tellings: list[Iterable[_Told]] = [self._evidence.moves, self._told_once()]
        for each in merge(*tellings, key=time_of):
            if isinstance(each, MoveOfOrders):
                self._add_move(each)
            else:
                self._add_change(each)
        self._matching.close()
        for order in self._evidence.unproven:
            self._add_unproven(order)
        self._judgement.judge(self._matching, self._chain)
        return self._written(item_id)

    def _told_once(self) -> Iterator[LoggedChange]:
        """An event that was published twice is in the log twice. Its time tells it from a second
        change: nothing goes to and fro within a millisecond."""
        at, told = None, set[tuple[int, int, datetime | None]]()
        for change in self._evidence.changes:
            if change.at != at:
                at, told = change.at, set()
            # The log hears of many within a millisecond, so there the time that was told counts.
            name = change.previous_stock, change.new_stock, change.told_at
            if name in told:
                self._repeats += 1
            else:
                told.add(name)
                yield change

    def _add_move(self, move: MoveOfOrders) -> None:
        self._matching.add_move(move)
        self._judgement.note_activity(move.stored_at)
        for share in move.shares:
            self._count(share, move.begun_at)
        if move.asked != move.new_stock - move.previous_stock:
            # An order of the same overwrite that is not settled yet would make up for it.
            open_orders = self._evidence.waiting + self._evidence.stuck
            self._judgement.find(Kind.ORDERS_DO_NOT_ADD_UP, move, unsure=open_orders > 0)

    def _add_change(self, change: LoggedChange) -> None:
        self._matching.add_change(change)
        self._chain.add(change)
        self._judgement.note_activity(change.at)
        if self._horizon.covers(change.at):
            self._logged.add(change.amount, change.at)
            self._misdated += change.told_at is not None

    def _add_unproven(self, order: UnprovenOrder) -> None:
        self._count(order.share, order.at)
        kind = Kind.SETTLED_BY_WORD if order.by_word else Kind.ORDER_WITHOUT_CHANGE
        ids, asked = (order.share.order_id,), order.share.change
        self._judgement.findings.append(Finding(kind, ids, asked=asked, at=order.at))

    def _count(self, share: Share, at: datetime) -> None:
        if self._horizon.covers(at):
            tally = self._took if share.change < 0 else self._gave_back
            tally.add(abs(share.change), at)

    def _written(self, item_id: str) -> ItemReport:
        findings = self._judgement.findings
        return ItemReport(
            item_id,
            stock_now=self._evidence.stock_now,
            took=self._took,
            gave_back=self._gave_back,
            logged=self._logged,
            others=self._matching.others,
            last_logged=self._chain.last,
            waiting=self._evidence.waiting,
            stuck=self._evidence.stuck,
            repeats=self._repeats,
            misdated=self._misdated,
            findings=tuple(f for f in findings if f.at is None or self._horizon.covers(f.at)),
        )
