"""A line of an order, what lines cost together, and which lines can be ordered."""

from decimal import Decimal

import pytest

from order_service.domain.errors import InvalidValue
from order_service.domain.line import MAX_LINES, MAX_QUANTITY, Line, repeated_items, total_of
from order_service.domain.moves import MovedLine, StockMove
from tests.orders import ITEM, later, moved_at, pending

OTHER, THIRD = "b" * 24, "c" * 24
TAKEN = MovedLine(ITEM, Decimal("2.50"), StockMove(10, 7, later(1)))
RETURNED = StockMove(7, 10, later(2))


def priced(price: str, quantity: int = 1, item_id: str = ITEM) -> Line:
    return Line(item_id, quantity, unit_price=Decimal(price))


def problems_of(*lines: Line) -> list[tuple[str, str]]:
    with pytest.raises(InvalidValue) as invalid:
        pending(lines=lines)
    return list(invalid.value.problems)


# --- one line


def test_a_line_costs_nothing_known_until_its_units_are_taken() -> None:
    line = Line(ITEM, 3)
    assert line.total_price is None
    taken = line.take(TAKEN)
    assert (taken.unit_price, taken.total_price) == (Decimal("2.50"), Decimal("7.50"))
    assert (taken.taken, taken.returned) == (TAKEN.move, None)


def test_a_line_keeps_its_price_and_both_moves_when_its_units_are_given_back() -> None:
    line = Line(ITEM, 3).take(TAKEN).give_back(RETURNED)
    assert (line.unit_price, line.taken, line.returned) == (
        Decimal("2.50"),
        TAKEN.move,
        RETURNED,
    )
    assert line.was_moved_by(TAKEN.move)
    assert line.was_moved_by(RETURNED)
    assert not line.was_moved_by(StockMove(10, 7, later(2)))


# --- what lines cost together


def test_a_total_is_the_exact_sum_of_what_the_lines_cost() -> None:
    lines = [priced("0.10", 3), priced("19.99", 2, OTHER), priced("0.001", 7, THIRD)]
    assert total_of(lines) == Decimal("40.287")


def test_a_total_of_lines_for_free_is_nothing() -> None:
    assert total_of([priced("0"), priced("0.00", 5, OTHER)]) == 0
    assert total_of([priced("0"), priced("1.25", 2, OTHER)]) == Decimal("2.50")
    assert total_of([priced("1.25", 2), priced("0", 2, OTHER)]) == Decimal("2.50")


def test_a_total_of_the_dearest_lines_keeps_every_digit() -> None:
    dearest = "999999999999.999999"
    lines = [priced(dearest, MAX_QUANTITY // 2), priced(dearest, MAX_QUANTITY // 2, OTHER)]
    assert total_of(lines) == Decimal(dearest) * (MAX_QUANTITY // 2 * 2)


def test_a_total_of_more_digits_than_the_store_keeps_is_rounded_to_the_last_that_is_kept() -> None:
    large, small = "9" * 24, "0.00000000000055"
    assert total_of([priced(large), priced(small, 1, OTHER)]) == Decimal(f"{large}.0000000000")
    small = "0.00000000005500"
    assert total_of([priced(large), priced(small, 1, OTHER)]) == Decimal(f"{large}.0000000001")
    for lines in ([priced(large), priced(small)], [priced(large, 7), priced(small, 3)]):
        assert len(total_of(lines).as_tuple().digits) <= 34


def test_an_order_has_a_total_once_its_last_line_is_taken() -> None:
    order = pending(lines=[Line(ITEM, 2), Line(OTHER, 1)])
    done = moved_at(order, later(1), Decimal("0.10"))
    assert [line.total_price for line in done.lines] == [Decimal("0.20"), Decimal("0.10")]
    assert (order.total_price, done.total_price) == (None, Decimal("0.30"))


# --- which lines can be ordered


def test_an_order_keeps_its_lines_as_they_were_given() -> None:
    lines = (Line(THIRD, 2), Line(ITEM, 3), Line(OTHER, 1))
    order = pending(lines=list(lines))
    assert order.lines == lines
    assert order.item_ids == (ITEM, OTHER, THIRD)


def test_an_order_has_from_1_to_the_most_lines() -> None:
    lines = [Line(f"{n:024x}", 1) for n in range(MAX_LINES + 1)]
    assert len(pending(lines=lines[:-1]).lines) == MAX_LINES
    for wrong in ([], lines):
        assert problems_of(*wrong) == [("items", f"must be 1 to {MAX_LINES} lines")]


def test_every_quantity_that_can_not_be_ordered_is_named_by_its_place() -> None:
    lines = [Line(ITEM, 0), Line(OTHER, 1), Line(THIRD, MAX_QUANTITY + 1)]
    assert [place for place, _ in problems_of(*lines)] == [
        "items[0].quantity",
        "items[2].quantity",
    ]


def test_an_item_on_two_lines_is_refused_and_both_places_are_named() -> None:
    lines = [Line(ITEM, 1), Line(OTHER, 1), Line(ITEM, 2), Line(ITEM, 3)]
    why = "is the item of items[0] too: add the quantities up"
    expected = [("items[2].itemId", why), ("items[3].itemId", why)]
    assert problems_of(*lines) == expected
    assert repeated_items([line.item_id for line in lines]) == expected


def test_bad_quantities_and_repeated_items_are_named_together() -> None:
    places = [place for place, _ in problems_of(Line(ITEM, 1), Line(OTHER, -1), Line(ITEM, 1))]
    assert places == ["items[1].quantity", "items[2].itemId"]


def test_quantities_may_not_add_up_to_more_than_one_line_may_have() -> None:
    most = [Line(ITEM, MAX_QUANTITY - 1), Line(OTHER, 1)]
    assert pending(lines=most).lines == tuple(most)
    [(place, reason)] = problems_of(Line(ITEM, MAX_QUANTITY), Line(OTHER, 1))
    assert place == "items"
    assert str(MAX_QUANTITY) in reason
