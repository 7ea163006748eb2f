"""The orders as reconciliation reads them, item by item, on a real MongoDB."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion

from devstack.mongod import Mongod
from order_service.domain.errors import StoreUnavailable
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Stuck
from order_service.domain.moves import Intent, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.failures import NOT_MIGRATED
from order_service.infrastructure.mongo.order_mapping import write_order
from order_service.reconciliation.evidence import MoveOfOrders, Share, UnprovenOrder
from order_service.reconciliation.reconcile import OpenOrderCounts
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.orders import (
    CALLER,
    ITEM,
    PRICE,
    basket,
    completed,
    later,
    pending,
    stuck,
    stuck_without_intent,
)

OTHER, THIRD = "b" * 24, "c" * 24


class Store(NamedTuple):
    """A migrated database, and what was sent to it."""

    database: Database
    commands: Commands

    @property
    def books(self) -> MongoBooks:
        return MongoBooks(self.database)

    def has(self, *orders: Order) -> None:
        documents = [write_order(order.saved()) for order in orders]
        self.database["orders"].insert_many(documents)

    def moves(self, item_id: str, since: datetime | None = None) -> list[MoveOfOrders]:
        return list(self.books.moves(item_id, since))

    def unproven(self, item_id: str, since: datetime | None = None) -> list[UnprovenOrder]:
        return list(self.books.unproven(item_id, since))

    def explained(self, name: str) -> list[dict[str, Any]]:
        """How the server carries out the very commands of the name that were sent."""
        kept = (*("find", "projection", "limit", "singleBatch", "min", "max"), "hint")
        kept += ("aggregate", "pipeline", "cursor", "allowDiskUse")
        sent = [{k: v for k, v in each.items() if k in kept} for each in self.commands.named(name)]
        # The bounds of an index may end with the last date that the server knows.
        dates = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_AUTO)
        explain = partial(self.database.command, "explain", codec_options=dates)
        return [explain(each, verbosity="executionStats") for each in sent]


@pytest.fixture
def store(mongo: Mongod) -> Iterator[Store]:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        yield Store(database, commands)


def at(seconds: float, order: Order) -> Order:
    """The order, with its last change stored at that time."""
    settled = order.settled_at and later(seconds)
    return replace(order, settled_at=settled, updated_at=later(seconds), new_events=())


def with_moves(
    order: Order,
    taken: dict[str, StockMove] | None = None,
    returned: dict[str, StockMove] | None = None,
) -> Order:
    """The order with these moves of its lines, by item, and no others."""
    lines = tuple(
        replace(
            line,
            taken=(taken or {}).get(line.item_id),
            returned=(returned or {}).get(line.item_id),
        )
        for line in order.lines
    )
    return replace(order, lines=lines)


def move(previous: int, new: int, seconds: float = 1) -> StockMove:
    return StockMove(previous, new, later(seconds))


# --- the items


def test_every_item_is_listed_once_in_order_however_many_orders_have_the_item(
    store: Store,
) -> None:
    random.seed(7)
    items = [str(ObjectId()) for _ in range(1300)]
    in_every_basket, in_one_basket, in_small_orders = items[600:605], items[:600], items[605:]
    orders = [
        pending(lines=[Line(item, 1) for item in (*in_every_basket, *in_one_basket[n : n + 10])])
        for n in range(0, 600, 10)
    ]
    orders += [pending(item_id=item) for item in (*items[:10], *in_small_orders)]
    orders += [
        pending(lines=[Line(item, 1) for item in random.sample(items, 3)]) for _ in range(100)
    ]
    random.shuffle(orders)
    store.has(*orders)
    ordered = {item for order in orders for item in order.item_ids}
    assert len(ordered) == 1300
    assert list(store.books.items()) == sorted(ordered)


def test_the_items_of_orders_and_of_the_log_are_listed_together(store: Store) -> None:
    store.has(pending(lines=[Line(ITEM, 1), Line(THIRD, 1)]))
    for number, item in enumerate((OTHER, THIRD, OTHER, "d" * 24, "no item")):
        source = {"topic": "t", "partition": 0, "offset": number}
        store.database["stock_changes"].insert_one({"itemId": item, "source": source})
    assert list(store.books.items()) == [ITEM, OTHER, THIRD, "d" * 24]


def test_without_orders_and_log_there_are_no_items(store: Store) -> None:
    assert list(store.books.items()) == []


def test_the_next_item_is_found_without_reading_other_orders(store: Store) -> None:
    store.has(*(basket() for _ in range(50)), *(pending(item_id="d" * 24) for _ in range(50)))
    store.commands.sent.clear()
    assert len(list(store.books.items())) == 4
    seeks = [each for each in store.commands.named("find") if each["find"] == "orders"]
    assert len(seeks) == 2 * 4 + 1
    store.commands.sent[:] = seeks
    for plan in store.explained("find"):
        stats = plan["executionStats"]
        assert stats["totalDocsExamined"] <= 1
        assert stats["totalKeysExamined"] <= 1


# --- the moves


def test_a_line_of_a_basket_is_read_as_an_order_of_one_line_is(store: Store) -> None:
    shared = move(10, 5)
    one = at(2, with_moves(completed(quantity=2), {ITEM: shared}))
    three = at(3, with_moves(completed(basket()), {ITEM: shared, OTHER: move(4, 3)}))
    store.has(one, three)
    [moved] = store.moves(ITEM)
    assert set(moved.shares) == {Share(one.id, -2), Share(three.id, -3)}
    assert (moved.stocks, moved.begun_at, moved.stored_at) == ((10, 5), later(1), later(3))
    assert not moved.by_word
    [moved] = store.moves(OTHER)
    assert (moved.shares, moved.stocks) == ((Share(three.id, -1),), (4, 3))
    assert store.moves("d" * 24) == []


def test_the_moves_of_an_item_come_in_the_order_of_their_times(store: Store) -> None:
    orders = [
        at(
            20,
            with_moves(
                completed(lines=[Line(OTHER, 1), Line(ITEM, 1)] if n % 2 else [Line(ITEM, 1)]),
                {ITEM: move(50 - n, 49 - n, n), OTHER: move(9, 8, 100 - n)},
                {ITEM: move(n, n + 1, n + 7.5)} if n % 3 else None,
            ),
        )
        for n in range(12)
    ]
    random.seed(3)
    random.shuffle(orders)
    store.has(*orders)
    times = [moved.begun_at for moved in store.moves(ITEM)]
    assert len(times) == 12 + 8
    assert times == sorted(times)


def test_the_moves_of_an_order_count_whatever_has_become_of_the_order(store: Store) -> None:
    took, gave = {ITEM: move(10, 7), OTHER: move(5, 4)}, {ITEM: move(7, 10, 2)}
    given_up = at(3, with_moves(basket().give_up(later(1)), took, gave))
    cancelling = at(3, with_moves(completed(basket()).request_cancel(later(5), CALLER), took, gave))
    failed = replace(given_up, id=str(ObjectId()), status=OrderStatus.FAILED)
    for order in (given_up, cancelling, failed):
        store.database["orders"].delete_many({})
        store.has(order)
        taken, returned = store.moves(ITEM)
        assert (taken.shares, returned.shares) == ((Share(order.id, -3),), (Share(order.id, 3),))
        assert [each.shares for each in store.moves(OTHER)] == [(Share(order.id, -1),)]
        assert store.moves(THIRD) == []


def test_moves_that_were_stored_before_a_time_are_left_out(store: Store) -> None:
    took = {ITEM: move(10, 7), OTHER: move(5, 4)}
    old, new = (at(n, with_moves(completed(basket()), took)) for n in (2, 60))
    # The order was sold before the time, and cancelled after it.
    cancelled = replace(new, settled_at=later(2), status=OrderStatus.CANCELLED)
    cancelled = with_moves(
        replace(cancelled, id=str(ObjectId())), {ITEM: move(9, 6)}, {ITEM: move(6, 9, 59)}
    )
    store.has(old, new, cancelled)
    shares = [share for moved in store.moves(ITEM, later(30)) for share in moved.shares]
    assert shares == [Share(new.id, -3), Share(cancelled.id, 3)]


# --- a person's word


def doubtful_basket() -> Order:
    """Taken by one overwrite of three items, of which one is in doubt."""
    changes = (THIRD, -2), (ITEM, -3), (OTHER, -1)
    overwrites = tuple(Overwrite(item, 10, 10 + change, PRICE) for item, change in changes)
    order = pending(lines=[Line(item, -change) for item, change in changes])
    intent = Intent((order.id,), overwrites, later(1))
    certain = [each for each in intent.moved if each.item_id != OTHER]
    return order.mark_stuck(Stuck("Nobody can tell.", later(3), (OTHER,), intent), certain)


def test_a_persons_word_is_about_the_items_that_were_in_doubt(store: Store) -> None:
    word = Decision(OrderStatus.COMPLETED, "I looked.", later(9))
    store.has(doubtful_basket().decide(word))
    by_word = {item: [each.by_word for each in store.moves(item)] for item in (ITEM, OTHER, THIRD)}
    assert by_word == {ITEM: [False], OTHER: [True], THIRD: [False]}


def test_what_is_given_back_after_a_persons_word_is_not_by_the_word(store: Store) -> None:
    given_up = doubtful_basket().decide(Decision(OrderStatus.FAILED, "I looked.", later(9)))
    store.has(given_up)
    assert [each.by_word for each in store.moves(ITEM)] == [False]
    assert store.moves(OTHER) == []


def test_an_order_that_an_older_release_stored_by_a_persons_word_is_by_the_word(
    store: Store,
) -> None:
    order = stuck().decide(Decision(OrderStatus.COMPLETED, "I looked.", later(9)))
    document = write_order(order.saved())
    assert "items" not in document["decision"]["stuck"]
    store.database["orders"].insert_one(document)
    assert [each.by_word for each in store.moves(ITEM)] == [True]


# --- orders without a record of their moves


def test_a_line_that_was_sold_without_a_record_of_its_move_is_unproven(store: Store) -> None:
    order = at(2, with_moves(completed(basket()), {ITEM: move(10, 7)}))
    store.has(order, at(2, with_moves(completed(), {ITEM: move(7, 4)})), basket())
    assert store.unproven(ITEM) == []
    assert store.unproven(OTHER) == [UnprovenOrder(Share(order.id, -1), later(2), by_word=False)]
    assert store.unproven(OTHER, later(3)) == []


def test_a_line_of_an_order_that_ended_without_a_record_of_its_return_is_unproven(
    store: Store,
) -> None:
    """A failed order owes nothing of a line that it never took."""
    took, gave = {ITEM: move(10, 7), OTHER: move(5, 4)}, {OTHER: move(4, 5)}
    lines = [Line(ITEM, 3), Line(OTHER, 1), Line(THIRD, 2)]
    sold = with_moves(completed(lines=lines), took | {THIRD: move(3, 1)}, gave)
    cancelled = at(2, replace(sold, status=OrderStatus.CANCELLED))
    failed = at(2, with_moves(replace(pending(lines=lines), status=OrderStatus.FAILED), took, gave))
    store.has(cancelled, failed)
    assert {each.share for each in store.unproven(ITEM)} == {
        Share(cancelled.id, 3),
        Share(failed.id, 3),
    }
    assert store.unproven(OTHER) == []
    assert [each.share for each in store.unproven(THIRD)] == [Share(cancelled.id, 2)]


def test_goods_that_came_back_by_a_persons_word_are_by_the_word(store: Store) -> None:
    cancelling = completed(basket()).request_cancel(later(5), CALLER)
    word = Decision(OrderStatus.COMPLETED, "They are on the shelf.", later(9))
    order = stuck_without_intent(cancelling).decide(word)
    store.has(order)
    for item, quantity in ((ITEM, 3), (OTHER, 1), (THIRD, 2)):
        unproven = [UnprovenOrder(Share(order.id, quantity), later(9), by_word=True)]
        assert store.unproven(item) == unproven


# --- orders that wait


def test_an_order_is_stuck_for_the_items_in_doubt_alone(store: Store) -> None:
    store.has(doubtful_basket(), basket(), pending(item_id=OTHER))
    assert store.books.open_orders(ITEM) == OpenOrderCounts(waiting=1, stuck=0)
    assert store.books.open_orders(OTHER) == OpenOrderCounts(waiting=2, stuck=1)


def test_a_stuck_order_of_an_older_release_is_stuck_for_its_item(store: Store) -> None:
    document = write_order(stuck().saved())
    assert "items" not in document["stuck"]
    store.database["orders"].insert_one(document)
    assert store.books.open_orders(ITEM) == OpenOrderCounts(waiting=0, stuck=1)


# --- what reading costs


def _stages(plan: Any) -> Iterator[dict[str, Any]]:
    """Every stage of a plan, whatever it is wrapped in."""
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan
        for part in plan.values():
            yield from _stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _stages(part)


def _documents_examined(plan: Any) -> list[int]:
    if isinstance(plan, list):
        return [number for part in plan for number in _documents_examined(part)]
    if not isinstance(plan, dict):
        return []
    found = [plan["totalDocsExamined"]] if "totalDocsExamined" in plan else []
    return found + [number for part in plan.values() for number in _documents_examined(part)]


def test_an_items_orders_are_read_along_the_index_of_the_items_and_no_others(
    store: Store,
) -> None:
    store.has(*(completed(basket()) for _ in range(5)), *(completed() for _ in range(2)))
    store.has(*(completed(item_id="d" * 24) for _ in range(100)))
    store.commands.sent.clear()
    assert sum(len(each.shares) for each in store.moves(ITEM)) == 7
    assert store.unproven(ITEM) == []
    plans = store.explained("aggregate")
    assert len(plans) == 4
    for plan in plans:
        stages = list(_stages(plan))
        scans = {each.get("indexName", each["stage"]) for each in stages if "SCAN" in each["stage"]}
        assert scans == {"list_item"}
        assert _documents_examined(plan) == [7]


def test_what_an_item_sold_before_is_not_read_to_compare_it_since_a_time(store: Store) -> None:
    store.has(*(at(0, completed()) for _ in range(300)))
    store.has(*(at(1000, completed(each)) for each in (basket(), basket(), None)))
    since = later(1000)
    store.commands.sent.clear()
    assert store.books.size(ITEM, since) == 3
    assert sum(len(each.shares) for each in store.moves(ITEM, since)) == 3
    assert store.unproven(ITEM, since) == []
    plans = [plan for plan in store.explained("aggregate") if "stock_changes" not in str(plan)]
    assert len(plans) == 5
    for plan in plans:
        assert max(_documents_examined(plan)) <= 3


def test_the_books_of_a_database_that_was_not_migrated_say_what_to_do(mongo: Mongod) -> None:
    with connected(mongo.uri) as database:
        store = Store(database, Commands())
        store.has(basket())
        with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
            list(store.books.items())
        with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
            store.moves(ITEM)


# --- the log since a time


def entry(number: int, logged: datetime, made: datetime) -> dict[str, Any]:
    return {
        "_id": ObjectId(int(logged.timestamp()).to_bytes(4) + number.to_bytes(8)),
        "itemId": ITEM,
        "previousStock": number,
        "newStock": number + 1,
        "changeType": "added",
        "updatedAt": made,
        "createdAt": logged,
        "source": {"topic": "t", "partition": 0, "offset": number},
    }


def test_what_is_old_in_the_log_is_not_read_to_find_what_is_new(store: Store) -> None:
    entries = [entry(n, later(10 * n), later(10 * n)) for n in range(2000)]
    store.database["stock_changes"].insert_many(entries)
    since = later(10 * 1990)
    store.commands.sent.clear()
    assert store.books.size(ITEM, since) == 10
    assert [each.previous_stock for each in store.books.changes(ITEM, since)] == [
        *range(1990, 2000)
    ]
    log = [plan for plan in store.explained("aggregate") if "stock_changes" in str(plan["command"])]
    assert len(log) == 2
    for plan in log:
        stats = plan.get("executionStats") or plan["stages"][0]["$cursor"]["executionStats"]
        # Those of the five minutes before, whose times may be a little later.
        assert stats["totalDocsExamined"] <= 10 + 31


def test_a_change_is_read_whose_clock_was_ahead_of_the_stores_by_minutes(store: Store) -> None:
    told = [entry(1, later(-240), later(0)), entry(2, later(3600), later(1))]
    store.database["stock_changes"].insert_many(told)
    assert [each.previous_stock for each in store.books.changes(ITEM, later(0))] == [1, 2]
    assert store.books.size(ITEM, later(0)) == 2


def test_a_change_that_was_logged_long_before_its_time_counts_as_old_as_its_entry(
    store: Store,
) -> None:
    misdated = entry(1, later(-3600), later(7200))
    store.database["stock_changes"].insert_one(misdated)
    assert list(store.books.changes(ITEM, later(0))) == []
    [found] = store.books.changes(ITEM, None)
    assert (found.at, found.told_at) == (later(-3600), later(7200))
