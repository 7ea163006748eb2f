"""What is made of the tellings of orders, log and inventory."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from order_service.reconciliation.evidence import (
    SLACK,
    Evidence,
    Horizon,
    LoggedChange,
    MoveOfOrders,
    Share,
    UnprovenOrder,
)
from order_service.reconciliation.report import Finding, ItemReport, Kind
from order_service.reconciliation.rules import reconcile_item

ITEM = "a" * 24
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = START + timedelta(days=7)
LEASE = timedelta(seconds=10)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Story:
    """An item's life, told as the orders and the log would tell it, in steps of ten seconds."""

    stock: int = 100
    moves: list[MoveOfOrders] = field(default_factory=list)
    changes: list[LoggedChange] = field(default_factory=list)
    unproven: list[UnprovenOrder] = field(default_factory=list)
    seconds: float = 0
    step: float = 10
    ids: "count[int]" = field(default_factory=count)

    def order(self, change: int, *, logged: bool = True, by_word: bool = False) -> str:
        """An order that took (negative) or gave back, by an overwrite of its own."""
        return self.orders([change], logged=logged, by_word=by_word)[0]

    def orders(
        self, asked: Sequence[int], *, logged: bool = True, by_word: bool = False
    ) -> list[str]:
        shares = tuple(Share(f"order {next(self.ids)}", each) for each in asked)
        previous, self.stock = self.stock, self.stock + sum(asked)
        begun = at(self.seconds)
        self.moves.append(
            MoveOfOrders(shares, previous, self.stock, begun, begun + timedelta(seconds=2), by_word)
        )
        if logged:
            self._log(previous, self.stock)
        self.seconds += self.step
        return [share.order_id for share in shares]

    def somebody_writes(self, stock: int, *, logged: bool = True) -> str:
        previous, self.stock = self.stock, stock
        change_id = self._log(previous, stock) if logged else "untold"
        self.seconds += self.step
        return change_id

    def order_over(self, change: int, somebodys: int) -> tuple[str, str]:
        """An order whose overwrite comes after somebody else's that it knows nothing of."""
        read = self.stock
        self._log(read, somebodys)
        overwriting = self._log(somebodys, read + change)
        self.stock = read + change
        order_id = f"order {next(self.ids)}"
        begun, stored = at(self.seconds), at(self.seconds + 2)
        share = (Share(order_id, change),)
        self.moves.append(MoveOfOrders(share, read, self.stock, begun, stored))
        self.seconds += self.step
        return order_id, overwriting

    def order_that_another_finished(self, change: int) -> str:
        """Its overwrite was sent, not heard of, and sent again after the lease."""
        order_id = self.order(change)
        move = self.moves[-1]
        self.moves[-1] = replace(move, stored_at=move.begun_at + LEASE + timedelta(seconds=1))
        return order_id

    def order_that_never_moved(self, change: int) -> str:
        order_id = self.order(change, logged=False)
        self.stock -= change
        return order_id

    def _log(self, previous: int, new: int) -> str:
        change_id = f"entry {next(self.ids)}"
        moment = at(self.seconds + 1 + len(self.changes) * 1e-3)
        if previous != new:
            self.changes.append(LoggedChange(change_id, previous, new, moment))
        return change_id

    def told(
        self,
        *,
        now: int | None = -1,
        since: datetime | None = None,
        recent: datetime = LATER,
        logged_until: datetime | None = LATER,
        waiting: int = 0,
        stuck: int = 0,
    ) -> ItemReport:
        """``now``: the inventory's answer, if it is not what the story comes to."""
        return reconcile_item(
            ITEM,
            Evidence(
                sorted(self.moves, key=lambda move: move.begun_at),
                sorted(self.changes, key=lambda change: change.at),
                self.unproven,
                self.stock if now == -1 else now,
                waiting,
                stuck,
            ),
            Horizon(since, recent, logged_until, LEASE),
        )


def kinds(report: ItemReport) -> list[Kind]:
    return [finding.kind for finding in report.findings]


def only(report: ItemReport) -> Finding:
    [finding] = report.findings
    return finding


# --- what agrees


def test_an_item_without_orders_and_changes_agrees() -> None:
    report = Story().told()
    assert report.is_empty
    assert not report.differs


def test_orders_whose_changes_are_in_the_log_agree() -> None:
    story = Story()
    for asked in (-3, -5, 3, -1):
        story.order(asked)
    report = story.told()
    assert report.findings == []
    assert (report.took.times, report.took.units) == (3, 9)
    assert (report.gave_back.times, report.gave_back.units) == (1, 3)
    assert (report.logged.times, report.logged.units) == (4, -6)
    assert report.took.first == START
    assert report.took.last == at(30)
    assert report.last_logged is not None
    assert report.last_logged.new_stock == report.stock_now == 94


def test_orders_that_shared_an_overwrite_agree() -> None:
    story = Story()
    story.orders([-3, -2, 4])
    report = story.told()
    assert report.findings == []
    assert (report.took.units, report.gave_back.units, report.logged.units) == (5, 4, -1)


def test_orders_that_cancelled_each_other_out_need_no_change() -> None:
    story = Story()
    story.orders([-3, 3])
    report = story.told()
    assert report.findings == []
    assert report.logged.times == 0


def test_orders_that_pass_through_equal_stocks_again_and_again_agree() -> None:
    story = Story(stock=1)
    for _ in range(20):
        story.order(-1)
        story.order(+1)
    assert story.told().findings == []


def test_other_writers_changes_are_reported_and_are_no_difference() -> None:
    story = Story()
    story.order(-3)
    restock = story.somebody_writes(150)
    story.order(-1)
    report = story.told()
    assert not report.differs
    assert (report.others.times, report.others.units) == (1, 53)
    assert [change.id for change in report.latest_others] == [restock]


def test_many_other_writers_changes_are_counted_and_the_latest_named() -> None:
    story = Story()
    written = [story.somebody_writes(1000 + n) for n in range(50)]
    report = story.told()
    assert report.others.times == 50
    assert [change.id for change in report.latest_others] == written[-20:]


def test_an_event_that_was_published_twice_is_one_change() -> None:
    story = Story()
    story.order(-3)
    story.changes.append(replace(story.changes[-1], id="again"))
    story.order(-2)
    report = story.told()
    assert report.findings == []
    assert (report.repeats, report.logged.times, report.logged.units) == (1, 2, -5)


@pytest.mark.parametrize("skew", [timedelta(minutes=-4), timedelta(minutes=4)])
def test_the_inventorys_clock_may_differ_by_minutes(skew: timedelta) -> None:
    story = Story(step=1)
    for n in range(300):
        story.order(-1 if n % 3 else 2)
    story.changes = [replace(change, at=change.at + skew) for change in story.changes]
    assert story.told().findings == []


@pytest.mark.parametrize(
    "when",
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
    ids=["first", "last"],
)
def test_a_change_at_an_end_of_the_calendar_is_reported_as_any_other(when: datetime) -> None:
    story = Story()
    story.order(-3)
    story.order(-2, logged=False)
    odd = LoggedChange("odd", 7, 8, when)
    story.changes.append(odd)
    story.order(-1)
    report = story.told()
    assert odd in report.latest_others
    assert Kind.MISSING_CHANGE in kinds(report)


def test_a_change_that_was_made_long_before_it_was_settled_is_found() -> None:
    story = Story()
    story.order(-3)
    story.moves[-1] = replace(story.moves[-1], stored_at=at(86_400))
    for _ in range(100):
        story.order(-1, logged=True)
    late = replace(story.moves[-1], stored_at=at(86_400))
    story.moves[-1] = late
    assert story.told().findings == []


def _shuffled(story: Story, chance: random.Random) -> None:
    """As an inventory tells of them that serves several at once: not in the order made."""
    story.changes[1:] = [
        replace(change, at=at(10 + index * 0.004 + chance.random() * 0.05))
        for index, change in enumerate(story.changes[1:])
    ]


@pytest.mark.parametrize("seed", range(100))
def test_changes_logged_out_of_order_within_a_moment_agree(seed: int) -> None:
    chance = random.Random(seed)
    story = Story(stock=500)
    story.order(-1)
    story.step = 0.004
    for _ in range(200):
        story.order(chance.choice([-3, -2, -1, 1, 2]))
    _shuffled(story, chance)
    assert story.told().findings == []


@pytest.mark.parametrize("seed", range(100))
def test_a_change_that_is_missing_among_changes_logged_out_of_order_is_found(seed: int) -> None:
    chance = random.Random(seed)
    story = Story(stock=500)
    story.order(-1)
    story.step = 0.004
    for n in range(200):
        story.order(chance.choice([-3, -2, -1, 1, 2]))
        if n == 100:
            story.somebody_writes(900, logged=False)
    _shuffled(story, chance)
    assert kinds(story.told()) == [Kind.MISSING_CHANGE]


# --- other writers' lost updates


def test_an_update_between_reading_and_writing_is_named_as_lost() -> None:
    story = Story()
    story.order(-2)
    order, entry = story.order_over(-3, somebodys=150)
    story.order(-1)
    report = story.told()
    found = only(report)
    assert report.differs
    assert (found.kind, found.order_ids, found.change_ids) == (Kind.LOST_UPDATE, (order,), (entry,))
    assert (found.expected, found.found, found.written, found.asked) == (98, 150, 95, -3)


def test_each_of_several_lost_updates_is_named() -> None:
    story = Story()
    lost = [story.order_over(-3, somebodys=500 + n) for n in range(5)]
    report = story.told()
    assert [(f.order_ids[0], f.change_ids[0]) for f in report.findings] == lost


@pytest.mark.parametrize("asked", [-1, 5])
def test_an_overwrite_that_arrives_again_after_its_lease_is_named(asked: int) -> None:
    """1,000 in stock, 3 sold, and the first one's request comes late: 999 in stock."""
    story = Story(stock=1000)
    order = story.order_that_another_finished(asked)
    written = story.stock
    story.order(-1)
    story.order(-1)
    late = story.somebody_writes(written)
    report = story.told()
    found = only(report)
    assert (found.kind, found.order_ids, found.change_ids) == (
        Kind.OVERWRITTEN_AGAIN,
        (order,),
        (late,),
    )
    assert (found.found, found.written) == (written - 2, written)
    assert report.differs
    assert report.others.times == 0


def test_another_writer_who_sets_the_stock_of_an_overwrite_in_the_log_is_no_difference() -> None:
    story = Story(stock=5)
    story.order(-1)
    story.order(-1)
    story.somebody_writes(4)
    assert story.told().findings == []


def test_another_writer_who_sets_the_stock_of_an_old_resumed_overwrite_is_no_difference() -> None:
    story = Story(stock=5)
    story.order_that_another_finished(-1)
    story.order(-1)
    story.seconds += 3 * SLACK.total_seconds()
    story.somebody_writes(4)
    assert story.told().findings == []


def test_a_lost_update_among_equal_changes_is_named() -> None:
    story = Story(stock=10)
    story.order(-3)
    story.order(+3)
    order, entry = story.order_over(-3, somebodys=50)
    story.order(+3)
    found = only(story.told())
    assert (found.kind, found.order_ids, found.change_ids) == (Kind.LOST_UPDATE, (order,), (entry,))


# --- changes that are missing


def test_a_change_that_nobody_published_is_named_between_its_neighbours() -> None:
    story = Story()
    story.order(-3)
    story.somebody_writes(40, logged=False)
    story.order(-1)
    before, after = (change.id for change in story.changes)
    found = only(story.told())
    assert (found.kind, found.change_ids) == (Kind.MISSING_CHANGE, (before, after))
    assert (found.expected, found.found) == (97, 40)


def test_two_changes_reckoned_from_the_same_stock_are_a_missing_change() -> None:
    story = Story(stock=10)
    story.order(-3)
    story.stock = 10
    story.somebody_writes(50)
    assert kinds(story.told()) == [Kind.MISSING_CHANGE]


def test_a_gap_where_the_stock_is_as_at_the_beginning_is_found() -> None:
    story = Story(stock=10, step=0.01)
    story.order(-1)
    story.order(+1)
    story.somebody_writes(50, logged=False)
    story.order(-2)
    assert kinds(story.told()) == [Kind.MISSING_CHANGE]


def test_a_gap_that_is_newer_than_the_log_may_be_is_not_a_difference_yet() -> None:
    story = Story()
    story.order(-3)
    story.somebody_writes(40, logged=False)
    story.order(-1)
    report = story.told(recent=START)
    assert only(report).unsure
    assert not report.differs


# --- moves that are not in the log


def test_an_order_whose_change_was_not_published_is_reported_and_is_no_difference() -> None:
    story = Story()
    story.order(-3)
    order = story.order(-2, logged=False)
    story.order(-1)
    report = story.told()
    assert not report.differs
    assert (only(report).kind, only(report).order_ids) == (Kind.NOT_LOGGED, (order,))


def test_orders_that_are_newer_than_the_log_agree_with_the_stock() -> None:
    story = Story()
    story.order(-3)
    unlogged = [story.order(change, logged=False) for change in (-1, +1, -1)]
    report = story.told(logged_until=at(5))
    assert not report.differs
    assert (only(report).kind, list(only(report).order_ids)) == (Kind.NOT_LOGGED, unlogged)


@pytest.mark.parametrize("seed", range(50))
def test_orders_that_a_long_outage_kept_from_the_log_agree_in_any_sequence(
    seed: int,
) -> None:
    chance = random.Random(seed)
    story = Story(stock=500)
    story.order(-3)
    story.step = 0.01
    unlogged = [story.order(chance.choice([-2, -1, 1]), logged=False) for _ in range(300)]
    story.moves[1:] = [
        replace(move, begun_at=at(10 + 0.01 * n + chance.random()))
        for n, move in enumerate(story.moves[1:])
    ]
    report = story.told(logged_until=at(5))
    assert not report.differs
    assert sorted(only(report).order_ids) == sorted(unlogged)


@pytest.mark.parametrize("seed", range(20))
def test_an_order_that_moved_no_stock_is_named_among_those_that_an_outage_kept_from_the_log(
    seed: int,
) -> None:
    chance = random.Random(seed)
    story = Story(stock=50_000, step=0.01)
    story.order(-3)
    for _ in range(50):
        story.order(chance.choice([-2, -1, 1]), logged=False)
    moved_nothing = story.order_that_never_moved(-10_000)
    for _ in range(50):
        story.order(chance.choice([-2, -1, 1]), logged=False)
    story.moves[1:] = [
        replace(move, begun_at=move.begun_at + timedelta(seconds=chance.random() / 10))
        for move in story.moves[1:]
    ]
    found = {f.kind: f.order_ids for f in story.told().findings}
    assert found.keys() == {Kind.ORDER_WITHOUT_CHANGE, Kind.NOT_LOGGED}
    assert found[Kind.ORDER_WITHOUT_CHANGE] == (moved_nothing,)


def test_orders_that_were_taken_before_there_was_a_log_agree_with_it() -> None:
    story = Story()
    early = [story.order(-1, logged=False), story.order(-2, logged=False)]
    story.order(-3)
    report = story.told()
    assert not report.differs
    assert sorted(only(report).order_ids) == early


def test_orders_without_any_log_agree_with_the_stock() -> None:
    story = Story()
    orders = [story.order(-1, logged=False), story.order(-2, logged=False)]
    report = story.told(logged_until=None)
    assert not report.differs
    assert sorted(only(report).order_ids) == orders


def test_orders_without_any_log_that_the_stock_contradicts_differ() -> None:
    story = Story()
    story.order(-1, logged=False)
    report = story.told(now=100, logged_until=None)
    assert report.differs
    assert kinds(report) == [Kind.STOCK_DIFFERS, Kind.NOT_YET_LOGGED]


def test_an_order_that_moved_no_stock_is_named() -> None:
    story = Story()
    story.order(-3)
    order = story.order_that_never_moved(-2)
    story.order(-1)
    report = story.told()
    found = only(report)
    assert report.differs
    assert (found.kind, found.order_ids) == (Kind.ORDER_WITHOUT_CHANGE, (order,))
    assert (found.expected, found.written, found.asked) == (97, 95, -2)


def test_the_newest_order_is_named_when_the_stock_shows_that_it_moved_nothing() -> None:
    story = Story()
    story.order(-3)
    story.order_that_never_moved(-2)
    report = story.told(logged_until=at(5))
    assert report.differs
    assert kinds(report) == [Kind.ORDER_WITHOUT_CHANGE]


def test_an_order_so_new_that_its_change_may_still_come_is_not_a_difference_yet() -> None:
    story = Story()
    story.order(-3)
    story.order(-2, logged=False)
    story.somebody_writes(150, logged=False)
    report = story.told(recent=at(5))
    assert not report.differs
    assert kinds(report) == [Kind.STOCK_DIFFERS, Kind.NOT_YET_LOGGED]
    assert report.findings[0].unsure


def test_an_order_without_a_record_of_its_change_is_named() -> None:
    story = Story()
    story.unproven.append(UnprovenOrder(Share("old", -2), at(0), by_word=False))
    report = story.told()
    assert report.differs
    assert (only(report).kind, only(report).order_ids) == (Kind.ORDER_WITHOUT_CHANGE, ("old",))
    assert report.took.units == 2


def test_an_old_change_of_another_writer_does_not_account_for_an_order() -> None:
    story = Story()
    story.somebody_writes(98)
    story.somebody_writes(100)
    story.seconds += 3 * SLACK.total_seconds()
    story.order_that_never_moved(-2)
    assert kinds(story.told()) == [Kind.ORDER_WITHOUT_CHANGE]


def test_orders_that_ask_for_more_than_their_overwrite_gave_are_named() -> None:
    story = Story()
    orders = story.orders([-3, -2])
    story.moves[-1] = replace(story.moves[-1], shares=(Share(orders[0], -3), Share("two", -3)))
    report = story.told()
    assert report.differs
    found = only(report)
    assert (found.kind, found.order_ids) == (Kind.ORDERS_DO_NOT_ADD_UP, (orders[0], "two"))
    assert (found.expected, found.written, found.asked) == (100, 95, -6)


def test_an_overwrite_some_of_whose_orders_wait_is_not_judged_yet() -> None:
    story = Story()
    story.orders([-3, -2])
    story.moves[-1] = replace(story.moves[-1], shares=story.moves[-1].shares[:1])
    assert story.told().differs
    assert not story.told(waiting=1).differs
    assert not story.told(stuck=1).differs


# --- a person's word


def test_an_order_that_a_person_settled_is_reported_and_is_no_difference() -> None:
    story = Story()
    story.order(-3)
    story.order(-2, logged=False, by_word=True)
    story.somebody_writes(50, logged=False)
    story.stock = 97
    report = story.told()
    assert not report.differs
    assert kinds(report) == [Kind.SETTLED_BY_WORD]


def test_an_order_that_a_person_settled_without_evidence_is_reported() -> None:
    story = Story()
    story.unproven.append(UnprovenOrder(Share("gone", 2), at(0), by_word=True))
    report = story.told(now=None)
    assert kinds(report) == [Kind.SETTLED_BY_WORD]
    assert report.gave_back.units == 2


@pytest.mark.parametrize(("taken_by_nobody", "differs"), [(0, False), (1, True)])
def test_orders_brought_back_agree_where_the_changes_that_nobody_made_are_as_many_units(
    taken_by_nobody: int, differs: bool
) -> None:
    story = Story()
    story.order(-3)
    for change in (-2, -4, +2):
        story.unproven.append(UnprovenOrder(Share("back", change), at(5), False, True))
        story.somebody_writes(story.stock + change)
    story.somebody_writes(story.stock - taken_by_nobody)
    report = story.told()
    assert report.differs is differs
    finding = only(report)
    assert finding.kind is Kind.BROUGHT_BACK
    assert finding.order_ids == ("back",)
    assert (finding.asked, finding.others) == (-4, -4 - taken_by_nobody)


# --- the stock now


def test_stock_that_is_not_where_the_log_left_it_differs() -> None:
    story = Story()
    story.order(-3)
    report = story.told(now=55)
    found = only(report)
    assert report.differs
    assert (found.kind, found.expected, found.found) == (Kind.STOCK_DIFFERS, 97, 55)
    assert found.change_ids == (story.changes[-1].id,)


@pytest.mark.parametrize("about", [{"waiting": 1}, {"recent": START}])
def test_the_stock_is_not_judged_while_orders_are_at_work(about: dict[str, int]) -> None:
    story = Story()
    story.order(-3)
    report = story.told(now=55, **about)  # type: ignore[arg-type]
    assert not report.differs
    assert only(report).unsure


def test_an_item_that_the_inventory_no_longer_has_is_judged_by_the_log() -> None:
    story = Story()
    story.order(-3)
    assert not story.told(now=None).differs
    story.order_that_never_moved(-1)
    story.order(-3)
    assert story.told(now=None).differs


# --- since


def test_changes_and_orders_from_before_the_beginning_are_neither_counted_nor_judged() -> None:
    story = Story()
    story.order_over(-3, somebodys=500)
    story.somebody_writes(300, logged=False)
    story.somebody_writes(200)
    boundary = at(story.seconds)
    story.order(-3)
    story.somebody_writes(250)
    report = story.told(since=boundary)
    assert report.findings == []
    assert (report.took.times, report.logged.times, report.others.times) == (1, 2, 1)
    assert story.told().differs


# --- any life


Named = tuple[Kind, int | None, int | None]


def _life(chance: random.Random) -> tuple[Story, list[Named]]:
    """A random life with faults, and what has to be said of it."""
    story = Story(stock=1000, step=chance.choice([0.5, 5, 400]))
    expected: list[Named] = []

    def expect(kind: Kind) -> None:
        expected.append((kind, story.moves[-1].previous_stock, story.moves[-1].new_stock))

    for n in range(chance.randrange(5, 60)):
        match chance.randrange(12):
            case 0:
                story.somebody_writes(chance.randrange(100_000, 200_000))
            case 1:
                story.order_over(-chance.randrange(1, 9), 200_000 + n)
                expect(Kind.LOST_UPDATE)
            case 2:
                # By an amount of its own, so that no gap elsewhere can be taken for its trace.
                story.order_that_never_moved(-10_000 - n)
                expect(Kind.ORDER_WITHOUT_CHANGE)
                story.order(-1)
            case 3:
                story.order(-2, logged=False)
                story.order(-1)
            case _:
                story.orders([chance.randrange(-9, 9) or 1 for _ in range(chance.randrange(1, 4))])
    return story, expected


@pytest.mark.parametrize("seed", range(200))
def test_exactly_the_faults_of_any_generated_story_are_named(seed: int) -> None:
    story, expected = _life(random.Random(seed))
    report = story.told()
    named = [(f.kind, f.expected, f.written) for f in report.findings if f.differs]
    assert sorted(named) == sorted(expected)
