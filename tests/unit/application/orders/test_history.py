"""Reading an order's history: each change of stock once, with its place in the log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from order_service.application.orders.history import Moved, OrderHistory, ReadHistory, ToldEntry
from order_service.application.orders.show import ShowOrder
from order_service.application.place import Place
from order_service.domain.errors import OrderNotFound
from order_service.domain.marks import Failure, FailureCode, Shortage
from order_service.domain.moves import StockMove
from order_service.domain.order import Order
from tests.lives import (
    DONE,
    LIVES,
    NOT_DONE,
    SHORT,
    Life,
    Move,
    bought,
    cancel_asked,
    confirmed,
    decided,
    deferred,
    doubted,
    expiry_recorded,
    given_up,
    lived,
    moved,
    moved_in_part,
    reverted,
    to_be_held,
)
from tests.orders import ITEM, basket, intent_of, later
from tests.unit.fakes import FakeOrders

B, C = "b" * 24, "c" * 24


class Log:
    """Has the changes that it is given, and counts how often it is asked."""

    def __init__(self) -> None:
        self.places: dict[Moved, Place] = {}
        self.asked: list[Sequence[Moved]] = []

    def places_of(self, moves: Sequence[Moved]) -> Mapping[Moved, Place]:
        self.asked.append(moves)
        return {move: self.places[move] for move in moves if move in self.places}


class Shop:
    def __init__(self) -> None:
        self.orders, self.log = FakeOrders(), Log()
        self.read = ReadHistory(self.orders, self.log)

    def has(self, life: Life) -> Order:
        self.orders.add(life.saves[0])
        for order in life.saves[1:]:
            self.orders.save(order)
        return life.order

    def history(self, life: Life) -> OrderHistory:
        return self.read(self.has(life).id)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def items_of(told: ToldEntry) -> list[tuple[str, int]]:
    """What was moved of which item, as its letter."""
    return [
        (each.item_id[0], each.move.new_stock - each.move.previous_stock) for each in told.moves
    ]


def evidence(history: OrderHistory) -> dict[str, list[tuple[str, int]]]:
    """Of the entries that have any; each event once."""
    found = [(str(told.entry.event), items_of(told)) for told in history.entries if told.moves]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_the_history_of_an_order_that_is_not_there_is_not_found(shop: Shop) -> None:
    with pytest.raises(OrderNotFound):
        shop.read("f" * 24)


def test_the_history_of_another_customers_order_is_not_found(shop: Shop) -> None:
    order = shop.has(LIVES["sold"])
    with pytest.raises(OrderNotFound):
        shop.read(order.id, "another")
    assert shop.read(order.id, "buyer").order == order
    assert shop.read(order.id).order == order


@pytest.mark.parametrize("name", LIVES)
def test_a_history_has_the_orders_entries_in_sequence_and_the_order_as_it_stands(
    name: str, shop: Shop
) -> None:
    history = shop.history(LIVES[name])
    assert [told.entry for told in history.entries] == LIVES[name].history
    assert history.order == LIVES[name].order


# --- the changes of stock


@pytest.mark.parametrize("name", LIVES)
def test_every_change_of_an_orders_stock_stands_in_its_history_once(name: str) -> None:
    saves = LIVES[name].saves
    for count in range(1, len(saves) + 1):
        history = Shop().history(Life(saves[:count]))
        told = [(each.item_id, each.move) for entry in history.entries for each in entry.moves]
        made = [
            (line.item_id, move)
            for line in history.order.lines
            for move in (line.taken, line.returned)
            if move is not None
        ]
        assert sorted(told, key=repr) == sorted(made, key=repr)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sold", {"ORDER_CREATED": [("a", -3)]}),
        ("refused", {}),
        ("held, confirmed", {"ORDER_RESERVED": [("a", -3)]}),
        ("held, expired", {"ORDER_RESERVED": [("a", -3)], "ORDER_EXPIRED": [("a", 3)]}),
        (
            "held, confirmed, cancelled",
            {"ORDER_RESERVED": [("a", -3)], "ORDER_CANCELLED": [("a", 3)]},
        ),
        (
            "sold, cancelled by an admin",
            {"ORDER_CREATED": [("a", -3)], "ORDER_CANCELLED": [("a", 3)]},
        ),
        ("taken item by item", {"ORDER_CREATED": [("c", -2), ("a", -3), ("b", -1)]}),
        (
            "stuck in part, failed by word, given back",
            {"ORDER_FAILED": [("a", -3), ("b", -1), ("a", 3), ("b", 1)]},
        ),
    ],
)
def test_a_change_of_stock_stands_with_the_entry_that_it_brought_about(
    name: str, expected: dict[str, list[tuple[str, int]]], shop: Shop
) -> None:
    assert evidence(shop.history(LIVES[name])) == expected


HELD_BASKET = bought(lines=basket().lines, hold=to_be_held().hold)
TAKEN = [("c", -2), ("a", -3), ("b", -1)]


@pytest.mark.parametrize(
    ("moves", "event", "moved_so_far"),
    [
        ([moved_in_part(1)], "ORDER_PARTLY_MOVED", [("a", -3)]),
        ([moved_in_part(1), moved_in_part(2)], "ORDER_PARTLY_MOVED", [("a", -3), ("b", -1)]),
        ([doubted(20, certain=2)], "ORDER_STUCK", [("a", -3), ("b", -1)]),
        ([doubted(20, certain=1), deferred(21)], "ORDER_DEFERRED", [("a", -3)]),
        (
            [doubted(20, certain=2), decided(30, NOT_DONE)],
            "ORDER_GIVEN_UP",
            [("a", -3), ("b", -1)],
        ),
        (
            [doubted(20, certain=2), decided(30, NOT_DONE), moved_in_part(40)],
            "ORDER_PARTLY_MOVED",
            [("a", -3), ("b", -1), ("a", 3)],
        ),
        ([moved(1), cancel_asked(5), moved_in_part(6)], "ORDER_PARTLY_MOVED", [("a", 3)]),
        ([moved(1), expiry_recorded(61), moved_in_part(62)], "ORDER_PARTLY_MOVED", [("a", 3)]),
        (
            [moved(1), expiry_recorded(61), doubted(80, certain=2)],
            "ORDER_STUCK",
            [("a", 3), ("b", 1)],
        ),
        (
            [moved(1), expiry_recorded(61), doubted(80, certain=2), decided(90, NOT_DONE)],
            "ORDER_DECIDED",
            [("a", 3), ("b", 1)],
        ),
    ],
)
def test_what_an_order_that_still_waits_has_moved_so_far_stands_with_its_last_entry(
    moves: list[Move], event: str, moved_so_far: list[tuple[str, int]], shop: Shop
) -> None:
    history = shop.history(lived(HELD_BASKET, *moves))
    last = history.entries[-1]
    assert last.entry.event == event
    assert items_of(last) == moved_so_far
    assert [items_of(told) for told in history.entries[:-1] if told.moves] in ([], [TAKEN])


@pytest.mark.parametrize("moves", [[moved(1), cancel_asked(5)], [moved(1), expiry_recorded(61)]])
def test_an_order_whose_goods_are_still_to_go_back_tells_only_how_they_were_taken(
    moves: list[Move], shop: Shop
) -> None:
    assert evidence(shop.history(lived(HELD_BASKET, *moves))) == {"ORDER_RESERVED": TAKEN}


def test_a_reverted_order_tells_what_it_took_and_gave_back(shop: Shop) -> None:
    def revert(order: Order) -> Order:
        took = {each.item_id: each for each in intent_of(bought()).moved}
        gave = {item_id: StockMove(7, 10, later(30)) for item_id in took}
        return order.revert(took, gave, later(31))

    history = shop.history(lived(bought(), given_up(20), revert))
    assert evidence(history) == {"ORDER_FAILED": [("a", -3), ("a", 3)]}


# --- where the log has them


def test_a_change_of_stock_names_its_place_where_the_log_has_it(shop: Shop) -> None:
    life = LIVES["held, expired"]
    taken = life.order.lines[0].taken
    assert taken is not None
    place = Place("stock-updates", 0, 17)
    shop.log.places[ITEM, taken] = place
    found = [each.place for told in shop.history(life).entries for each in told.moves]
    assert found == [place, None]


def test_the_log_is_asked_once_for_all_the_changes_of_an_order(shop: Shop) -> None:
    shop.history(lived(HELD_BASKET, moved(1), expiry_recorded(61), moved(62)))
    [asked] = shop.log.asked
    assert len(asked) == 6


# --- what was short


def test_a_refusal_names_the_items_that_were_short(shop: Shop) -> None:
    placed, failed = shop.history(LIVES["refused"]).entries
    assert (placed.short, failed.short) == ((), SHORT.short)


def test_a_refusal_that_is_written_ahead_names_the_items_that_were_short_in_both_entries(
    shop: Shop,
) -> None:
    short = Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(C, None), Shortage(B, 0)))
    history = shop.history(lived(bought(lines=basket().lines), given_up(1, short), reverted(2)))
    assert [told.short for told in history.entries] == [(), short.short, short.short]


# --- what older releases left


def test_an_order_of_an_older_release_has_its_changes_of_stock_though_nothing_is_recorded(
    shop: Shop,
) -> None:
    old = replace(LIVES["sold, cancelled by an admin"].order, version=0)
    shop.orders.add(old)
    history = shop.read(old.id)
    assert evidence(history) == {"ORDER_CREATED": [("a", -3)], "ORDER_CANCELLED": [("a", 3)]}
    assert not any(told.entry.recorded for told in history.entries)


def test_an_order_that_is_shown_comes_with_its_history_and_its_unpublished_events(
    shop: Shop,
) -> None:
    life = lived(to_be_held(), moved(1), confirmed(5))
    shop.has(life)
    show = ShowOrder(shop.read, shop.orders)
    whole = show(life.order.id)
    assert whole.order == life.order
    assert [told.entry for told in whole.history.entries] == life.history
    assert whole.unpublished == life.events
    with pytest.raises(OrderNotFound):
        show("f" * 24)


def test_a_sale_by_word_has_the_changes_of_stock_that_the_word_vouches_for(shop: Shop) -> None:
    history = shop.history(lived(bought(), doubted(20), decided(30, DONE)))
    assert evidence(history) == {"ORDER_CREATED": [("a", -3)]}
