"""Compare what the orders, the stock-change log and the inventory say of one item.

Every change in the log should begin where the change before it ended, and the last change should
end at the stock now. Every move of the orders should be one of these changes, or lead over a gap
between two changes (the inventory could not publish, or the log is behind). All other changes in
the log are by other writers: they are reported, and are no difference.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import merge

from order_service.reconciliation.chain import Chain, Gap
from order_service.reconciliation.evidence import (
    Evidence,
    Horizon,
    LoggedChange,
    MoveOfOrders,
    Share,
)
from order_service.reconciliation.matching import Matching
from order_service.reconciliation.report import Finding, ItemReport, Kind, Tally
from order_service.reconciliation.unlogged import moves_over, moves_up_to

_Record = MoveOfOrders | LoggedChange


def reconcile_item(item_id: str, evidence: Evidence, horizon: Horizon) -> ItemReport:
    """Reads the evidence to its end. Findings from before ``horizon.since`` are left out."""
    counts = evidence.waiting, evidence.stuck, evidence.held
    report = ItemReport(item_id, evidence.stock_now, *counts)
    comparison = _Comparison(evidence, horizon, report)
    comparison.read()
    comparison.judge()
    return report


class _Comparison:
    """``_is_active``: the item's stock is being changed, so that the stock now is not certain."""

    def __init__(self, evidence: Evidence, horizon: Horizon, report: ItemReport) -> None:
        self._evidence = evidence
        self._horizon = horizon
        self._report = report
        self._matching = Matching(horizon.lease, self._count_other)
        self._chain = Chain()
        self._unlogged: list[MoveOfOrders] = []
        self._brought_back: list[Share] = []
        self._is_active = evidence.waiting > 0

    # --- reading

    def read(self) -> None:
        records: list[Iterable[_Record]] = [self._evidence.moves, self._each_change_once()]
        for record in merge(*records, key=_time_of):
            if isinstance(record, MoveOfOrders):
                self._read_move(record)
            else:
                self._read_change(record)
        self._report.last_logged = self._chain.last
        for order in self._evidence.unproven:
            self._count_share(order.share, order.at)
            if order.brought_back:
                self._brought_back.append(order.share)
                continue
            kind = Kind.SETTLED_BY_WORD if order.by_word else Kind.ORDER_WITHOUT_CHANGE
            ids, asked = (order.share.order_id,), order.share.change
            self._add(Finding(kind, ids, asked=asked, at=order.at))

    def _each_change_once(self) -> Iterator[LoggedChange]:
        """The log has an event twice that was published twice. The event's time tells it from a
        second change: no stock goes to and fro within a millisecond."""
        at, seen = None, set[tuple[int, int, datetime | None]]()
        for change in self._evidence.changes:
            if change.at != at:
                at, seen = change.at, set()
            # The log may receive several misdated changes in one millisecond: ``told_at`` counts.
            name = *change.stocks, change.told_at
            if name in seen:
                self._report.repeats += 1
            else:
                seen.add(name)
                yield change

    def _read_move(self, move: MoveOfOrders) -> None:
        self._matching.add_move(move)
        self._is_active |= move.stored_at >= self._horizon.recent
        for share in move.shares:
            self._count_share(share, move.begun_at)
        if move.asked != move.amount:
            # An unsettled order of the same overwrite may make up for the difference.
            is_open = self._evidence.waiting + self._evidence.stuck > 0
            self._add(Finding.of_move(Kind.ORDERS_DO_NOT_ADD_UP, move, unsure=is_open))

    def _read_change(self, change: LoggedChange) -> None:
        self._matching.add_change(change)
        self._chain.add(change)
        self._is_active |= change.at >= self._horizon.recent
        self._count(self._report.logged, change.amount, change.at)
        self._report.misdated += change.told_at is not None and self._horizon.covers(change.at)

    def _count_share(self, share: Share, at: datetime) -> None:
        tally = self._report.took if share.change < 0 else self._report.gave_back
        self._count(tally, abs(share.change), at)

    def _count_other(self, change: LoggedChange) -> None:
        self._count(self._report.others, change.amount, change.at)
        if self._horizon.covers(change.at):
            self._report.latest_others.append(change)

    def _count(self, tally: Tally, units: int, at: datetime) -> None:
        if self._horizon.covers(at):
            tally.add(units, at)

    # --- judging

    def judge(self) -> None:
        self._matching.close()
        self._unlogged = sorted(self._matching.unlogged, key=_time_of)
        gaps = self._chain.close(self._report.stock_now)
        visible = [move for gap in gaps for move in self._explain(gap)]
        self._judge_overwrites()
        visible += self._made_before_the_log()
        self._add_together(Kind.NOT_LOGGED, visible)
        self._judge_the_rest(gaps)
        self._judge_brought_back()

    def _judge_brought_back(self) -> None:
        """Which changes served these orders is not known; that there are enough of them is."""
        if shares := self._brought_back:
            ids = tuple(dict.fromkeys(share.order_id for share in shares))
            asked, others = sum(share.change for share in shares), self._report.others.units
            unsure = self._is_active
            self._add(Finding(Kind.BROUGHT_BACK, ids, asked=asked, others=others, unsure=unsure))

    def _explain(self, gap: Gap) -> list[MoveOfOrders]:
        moves = self._take(moves_over(gap, self._unlogged))
        if moves:
            return moves
        if gap.before is None:
            self._add_stock_differs(gap.left, gap.after.id)
            return []
        ids, at = (gap.after.id, gap.before.id), gap.before.at
        unsure = at >= self._horizon.recent
        self._add(Finding(Kind.MISSING_CHANGE, (), ids, gap.left, gap.found, at=at, unsure=unsure))
        return []

    def _judge_overwrites(self) -> None:
        lost = self._matching.take_overwrites(self._unlogged)
        self._take([move for move, _ in lost])
        for move, change in lost:
            self._add(Finding.of_move(Kind.LOST_UPDATE, move, change))
        for move, change in self._matching.overwritten_again:
            self._add(Finding.of_move(Kind.OVERWRITTEN_AGAIN, move, change))

    def _made_before_the_log(self) -> list[MoveOfOrders]:
        first, unlogged = self._chain.first, self._unlogged
        stock = first.previous_stock if first else self._report.stock_now
        if stock is None or not unlogged:
            return []
        made = self._take(moves_up_to(stock, unlogged, first.at if first else None))
        if not made and not first:
            self._add_stock_differs(unlogged[-1].new_stock)
        return made

    def _judge_the_rest(self, gaps: list[Gap]) -> None:
        ends = self._chain.last, self._report.stock_now, *(gap.before for gap in gaps)
        # A None among the ends: the log or the stock is not known, or the two do not meet.
        may_come = self._is_active or None in ends
        awaited: list[MoveOfOrders] = []
        for move in self._unlogged:
            if move.by_word:
                self._add(Finding.of_move(Kind.SETTLED_BY_WORD, move))
            elif self._is_awaited(move, may_come):
                awaited.append(move)
            else:
                self._add(Finding.of_move(Kind.ORDER_WITHOUT_CHANGE, move))
        self._add_together(Kind.NOT_YET_LOGGED, awaited)

    def _is_awaited(self, move: MoveOfOrders, may_come: bool) -> bool:
        """Whether the move's change may still come into the log."""
        logged_until = self._horizon.logged_until
        is_newest = logged_until is None or move.begun_at >= logged_until
        return move.stored_at >= self._horizon.recent or (is_newest and may_come)

    def _take(self, moves: list[MoveOfOrders]) -> list[MoveOfOrders]:
        """Removes the moves, which are explained now, from the unlogged moves; returns them."""
        taken = set(map(id, moves))
        self._unlogged = [move for move in self._unlogged if id(move) not in taken]
        return moves

    def _add_stock_differs(self, expected: int, *last_change: str) -> None:
        kind, found = Kind.STOCK_DIFFERS, self._report.stock_now
        self._add(Finding(kind, (), last_change, expected, found, unsure=self._is_active))

    def _add_together(self, kind: Kind, moves: list[MoveOfOrders]) -> None:
        """One finding for all the moves."""
        if moves:
            moves = sorted(moves, key=_time_of)
            ids = tuple(order_id for move in moves for order_id in move.order_ids)
            self._add(Finding(kind, ids, at=moves[-1].begun_at))

    def _add(self, finding: Finding) -> None:
        if finding.at is None or self._horizon.covers(finding.at):
            self._report.findings.append(finding)


def _time_of(record: _Record) -> datetime:
    return record.begun_at if isinstance(record, MoveOfOrders) else record.at
