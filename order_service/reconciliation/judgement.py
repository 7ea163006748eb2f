"""What it means that a move has no change, or that changes do not follow one another."""

from datetime import datetime

from order_service.reconciliation.chain import Chain, Gap
from order_service.reconciliation.history import LoggedChange, Matching, MoveOfOrders, time_of
from order_service.reconciliation.report import Finding, Horizon, Kind
from order_service.reconciliation.unlogged_moves import UnloggedMoves


class Judgement:
    """``active``: the item's orders are at work, so that nothing can be said of its stock now."""

    def __init__(self, horizon: Horizon, stock_now: int | None, active: bool) -> None:
        self.findings: list[Finding] = []
        self._horizon = horizon
        self._stock_now = stock_now
        self._active = active

    def note_activity(self, at: datetime) -> None:
        self._active |= at >= self._horizon.recent

    def judge(self, matching: Matching, chain: Chain) -> None:
        """To be called when both have seen everything."""
        gaps = chain.close(self._stock_now)
        unlogged = UnloggedMoves(matching.unlogged)
        bridged = self._bridge(gaps, unlogged)
        self._find_lost(matching, unlogged)
        bridged += self._before_the_log(chain, unlogged)
        self._find_all(Kind.NOT_LOGGED, bridged)
        self._judge_the_rest(unlogged.left, chain, gaps)

    def _judge_the_rest(self, unlogged: list[MoveOfOrders], chain: Chain, gaps: list[Gap]) -> None:
        is_told_to_the_end = chain.last is not None and self._is_end(gaps)
        may_come = self._active or not is_told_to_the_end
        awaited: list[MoveOfOrders] = []
        for move in unlogged:
            if move.by_word:
                self.find(Kind.SETTLED_BY_WORD, move)
            elif self._is_awaited(move, may_come):
                awaited.append(move)
            else:
                self.find(Kind.ORDER_WITHOUT_CHANGE, move)
        self._find_all(Kind.NOT_YET_LOGGED, awaited)

    def _is_end(self, gaps: list[Gap]) -> bool:
        return self._stock_now is not None and all(gap.before for gap in gaps)

    def find(
        self,
        kind: Kind,
        move: MoveOfOrders,
        change: LoggedChange | None = None,
        *,
        unsure: bool = False,
    ) -> None:
        self.findings.append(
            Finding(
                kind,
                move.order_ids,
                (change.id,) if change else (),
                expected=move.previous_stock,
                found=change.previous_stock if change else None,
                written=move.new_stock,
                asked=move.asked,
                at=move.begun_at,
                unsure=unsure,
            )
        )

    def _bridge(self, gaps: list[Gap], unlogged: UnloggedMoves) -> list[MoveOfOrders]:
        bridged: list[MoveOfOrders] = []
        for gap in gaps:
            over = unlogged.bridge(gap)
            bridged += over
            if not over:
                self._find_gap(gap)
        return bridged

    def _find_lost(self, matching: Matching, unlogged: UnloggedMoves) -> None:
        for move in unlogged.left:
            if change := matching.take_overwrite(move):
                unlogged.remove(move)
                self.find(Kind.LOST_UPDATE, move, change)
        for move, change in matching.repeats:
            self.find(Kind.OVERWRITTEN_AGAIN, move, change)
        for stray in matching.strays:
            matching.others.add(stray)

    def _before_the_log(self, chain: Chain, unlogged: UnloggedMoves) -> list[MoveOfOrders]:
        if chain.first:
            return unlogged.lead_to(chain.first.previous_stock, chain.first.at)
        moves = unlogged.left
        if not moves or self._stock_now is None:
            return []
        led = unlogged.lead_to(self._stock_now)
        if not led:
            self._find_stock(moves[-1].new_stock, ())
        return led

    def _find_gap(self, gap: Gap) -> None:
        if gap.before is None:
            self._find_stock(gap.left, (gap.after.id,))
            return
        self.findings.append(
            Finding(
                Kind.MISSING_CHANGE,
                change_ids=(gap.after.id, gap.before.id),
                expected=gap.left,
                found=gap.found,
                at=gap.before.at,
                unsure=gap.before.at >= self._horizon.recent,
            )
        )

    def _find_stock(self, expected: int, change_ids: tuple[str, ...]) -> None:
        self.findings.append(
            Finding(
                Kind.STOCK_DIFFERS,
                change_ids=change_ids,
                expected=expected,
                found=self._stock_now,
                unsure=self._active,
            )
        )

    def _find_all(self, kind: Kind, moves: list[MoveOfOrders]) -> None:
        if moves:
            moves = sorted(moves, key=time_of)
            ids = tuple(order_id for move in moves for order_id in move.order_ids)
            self.findings.append(Finding(kind, ids, at=moves[-1].begun_at))

    def _is_awaited(self, move: MoveOfOrders, may_come: bool) -> bool:
        """Whether the log may not have heard of it yet."""
        logged_until = self._horizon.logged_until
        is_newest = logged_until is None or move.begun_at >= logged_until
        return move.stored_at >= self._horizon.recent or (is_newest and may_come)
