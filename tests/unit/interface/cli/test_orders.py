"""``orders`` as operators meet it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.list import ListOrders, OrderPlace, OrderQuery
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.orders.show import ShowOrder
from order_service.domain.errors import OrderNotFound, VersionConflict
from order_service.domain.marks import Stuck
from order_service.domain.moves import Intent
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.cli import orders as orders_cli
from order_service.interface.cli.orders import OrderTools, orders
from order_service.interface.cli.showing import age
from tests.orders import PRICE, cancelling, completed, in_every_state, key, pending
from tests.unit.fakes import FakeClock, FakeOrders

ITEM, OTHER = "a" * 24, "b" * 24
NOW = FakeClock().now()
AGO = NOW - timedelta(hours=3, minutes=5)


class FakePages:
    def __init__(self, book: FakeOrders) -> None:
        self._book = book

    def page(self, query: OrderQuery) -> list[Order]:
        found = sorted(self._book.by_id.values(), key=_place, reverse=True)
        return [order for order in found if _is_asked_for(order, query)][: query.limit]


def _place(order: Order) -> tuple[Any, str]:
    return order.created_at, order.id


def _is_asked_for(order: Order, query: OrderQuery) -> bool:
    after: OrderPlace | None = query.after
    return (
        query.item_id in (None, order.item_id)
        and query.status in (None, order.status)
        and query.customer_id in (None, order.customer_id)
        and (query.created_from is None or order.created_at >= query.created_from)
        and (after is None or _place(order) < (after.created_at, after.id))
    )


class Composition:
    """Over a book of orders in memory."""

    def __init__(self) -> None:
        self.book = FakeOrders()

    def orders(self) -> OrderTools:
        book: Any = self.book
        return OrderTools(
            list_orders=ListOrders(FakePages(book)),
            show=ShowOrder(book, book),
            list_open=ListOpenOrders(book, FakeClock(), timedelta(seconds=12)),
            decide=DecideOrder(book, FakeClock()),
        )

    def have(self, order: Order) -> Order:
        self.book.by_id[order.id] = order.saved()
        self.book.outbox[order.id] = list(order.new_events)
        return self.book.by_id[order.id]

    def stored(self, order: Order) -> Order:
        return self.book.by_id[order.id]

    def run(self, *words: str, typed: str | None = None) -> Result:
        result = CliRunner().invoke(orders, words, obj=self, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0
        return json.loads(result.stdout)


@pytest.fixture
def shop() -> Composition:
    return Composition()


def stuck(order: Order, *others: str) -> Order:
    previous, new = 10, 10 + order.stock_change
    intent = Intent((order.id, *others), previous, new, PRICE, AGO)
    reason = "The stock was to go from 10 to 7 and is 50."
    return order.mark_stuck(Stuck(reason, AGO, intent))


# --- list


def test_orders_list_has_a_line_for_each_order_newest_first(shop: Composition) -> None:
    old = shop.have(completed(at=AGO))
    new = shop.have(stuck(pending(at=NOW)))
    result = shop.run("list")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["ID", "CREATED", "STATUS", "QUANTITY", "TOTAL", "ITEM"]
    assert first.split()[0] == new.id
    assert first.endswith("stuck")
    assert [second.split()[0], *second.split()[4:7]] == [old.id, "COMPLETED", "3", "59.97"]


def test_orders_list_can_be_narrowed(shop: Composition) -> None:
    wanted = shop.have(completed(at=NOW, item_id=OTHER, customer_id="alice"))
    for order in (
        completed(at=NOW, customer_id="alice"),
        pending(at=NOW, item_id=OTHER, customer_id="alice"),
        completed(at=NOW, item_id=OTHER),
        completed(at=AGO, item_id=OTHER, customer_id="alice"),
    ):
        shop.have(order)
    words = ("--item", OTHER, "--status", "completed", "--customer", "alice")
    found = shop.json("list", *words, "--since", NOW.isoformat())
    assert [order["_id"] for order in found] == [wanted.id]


@pytest.mark.parametrize(("limit", "found"), [("1", 1), ("7", 7), ("100", 9)])
def test_orders_list_goes_on_over_pages_to_its_limit(
    shop: Composition, limit: str, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_cli, "_PAGE", 2)
    made = [shop.have(completed(at=NOW + timedelta(seconds=n))) for n in range(9)]
    listed = [order["_id"] for order in shop.json("list", "--limit", limit)]
    assert listed == [order.id for order in reversed(made)][:found]


def test_orders_list_says_when_there_are_no_orders(shop: Composition) -> None:
    assert shop.run("list").stdout == "No orders.\n"
    assert shop.json("list") == []


@pytest.mark.parametrize("words", [("list", "--status", "SOLD"), ("show", "7"), ("list", "x")])
def test_an_argument_of_orders_that_cannot_be_read_is_a_usage_error(
    shop: Composition, words: tuple[str, ...]
) -> None:
    assert shop.run(*words).exit_code == 2


# --- show


@pytest.mark.parametrize("name", in_every_state())
def test_orders_show_shows_any_order_in_words_and_as_json(shop: Composition, name: str) -> None:
    order = shop.have(in_every_state()[name])
    assert shop.run("show", order.id).stdout.startswith(f"{order.id}  {order.status}")
    shown = shop.json("show", order.id)
    assert (shown["_id"], shown["status"]) == (order.id, order.status)
    assert shop.json("list")[0] == {k: v for k, v in shown.items() if k != "unpublishedEvents"}


def test_orders_show_shows_all_that_an_order_has(shop: Composition) -> None:
    order = completed(customer_id="alice", idempotency=key("once", "alice"))
    shown = shop.json("show", shop.have(order).id)
    assert order.taken is not None
    assert shown["taken"] == {
        "previousStock": 10,
        "newStock": 7,
        "at": order.taken.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert (shown["totalPrice"], shown["customerId"]) == (59.97, "alice")
    assert shown["idempotencyKey"] == {"caller": "alice", "key": "once"}
    [event] = shown["unpublishedEvents"]
    assert (event["event"], event["eventId"]) == ("ORDER_CREATED", f"{order.id}-ORDER_CREATED")
    words = shop.run("show", order.id).stdout
    for said in ("stock 10 → 7", "once of alice", "to publish  ORDER_CREATED", "59.97"):
        assert said in words


def test_orders_show_shows_a_decision_with_what_it_was_about(shop: Composition) -> None:
    order = shop.have(in_every_state()["decided"])
    decision = shop.json("show", order.id)["decision"]
    assert (decision["outcome"], decision["reason"]) == ("COMPLETED", "I looked.")
    assert decision["stuck"]["reason"] == "Nobody can tell."
    assert decision["stuck"]["intent"]["newStock"] == 7
    assert "decided     COMPLETED on 2026-01-02" in shop.run("show", order.id).stdout


@pytest.mark.parametrize(
    "written",
    ["\x1b[2Jalice", "alice\n  status      CANCELLED", "a\u202eecila", "\ud800", "a\r\v\f"],
)
def test_texts_of_others_in_an_order_cannot_steer_the_terminal_or_forge_a_line(
    written: str, shop: Composition
) -> None:
    plain = completed(customer_id="alice", idempotency=key("k", "alice"))
    odd = replace(plain, customer_id=written, idempotency=key("k", written))
    told = [shop.run("show", shop.have(order).id).stdout for order in (plain, odd)]
    assert len(told[0].splitlines()) == len(told[1].splitlines())
    assert all(line.isprintable() for line in told[1].splitlines())


def test_orders_show_of_an_unknown_id_is_order_not_found(shop: Composition) -> None:
    with pytest.raises(OrderNotFound):
        shop.run("show", "c" * 24)


# --- stuck


def test_orders_stuck_says_when_no_order_is_stuck_or_overdue(shop: Composition) -> None:
    shop.have(completed(at=AGO))
    shop.have(pending(at=NOW))
    result = shop.run("stuck")
    assert (result.exit_code, result.stdout) == (0, "No order is stuck, and none is overdue.\n")


def test_orders_stuck_says_why_an_order_is_stuck_and_what_would_decide_it(
    shop: Composition,
) -> None:
    order = shop.have(stuck(pending(at=AGO), "c" * 24))
    result = shop.run("stuck")
    assert result.exit_code == 0
    for said in (
        f"{order.id}  stuck for 3 h 5 min, to take 3 of item {order.item_id}",
        "The stock was to go from 10 to 7 and is 50.",
        "stock 10 → 7, recorded 2025-12-31 20:55:00 UTC, with 1 other order",
        "a change 10 → 7 of the item in the stock-change log",
        f'order-service orders settle {order.id} --as completed|failed --reason "…"',
        "1 order stuck, 0 overdue.",
    ):
        assert said in result.stdout
    [shown] = shop.json("stuck")["stuck"]
    assert shown["waitsForSeconds"] == 3 * 3600 + 300
    assert shown["decidedBy"]["stockChange"] == {"previousStock": 10, "newStock": 7}


def test_orders_stuck_says_when_nothing_can_decide_a_cancellation(shop: Composition) -> None:
    order = cancelling(at=AGO).mark_stuck(Stuck("No such item.", AGO))
    shop.have(order)
    said = shop.run("stuck").stdout
    assert "to give back 3" in said
    assert "nothing that the service could see" in said
    assert shop.json("stuck")["stuck"][0]["decidedBy"]["stockChange"] is None


def test_orders_stuck_lists_overdue_orders_with_their_age(
    shop: Composition,
) -> None:
    order = shop.have(pending(at=NOW - timedelta(seconds=95)))
    shop.have(pending(at=NOW - timedelta(seconds=5)))
    said = shop.run("stuck").stdout
    assert f"{order.id}  overdue, waits for 1 min 35 s" in said
    assert said.endswith("0 orders stuck, 1 overdue.\n")
    assert [each["_id"] for each in shop.json("stuck")["overdue"]] == [order.id]


def test_orders_stuck_says_when_there_are_more_than_it_lists(shop: Composition) -> None:
    for _ in range(3):
        shop.have(stuck(pending(at=AGO)))
    assert shop.run("stuck", "--limit", "2").stdout.endswith("There are more.\n")
    assert not shop.json("stuck", "--limit", "10")["more"]


# --- settle


@pytest.fixture
def waiting(shop: Composition) -> Order:
    return shop.have(stuck(pending(at=AGO)))


def settle(shop: Composition, order: Order, outcome: str, *words: str, **about: Any) -> Result:
    return shop.run("settle", order.id, "--as", outcome, "--reason", "I counted.", *words, **about)


def test_orders_settle_completes_a_stuck_order(shop: Composition, waiting: Order) -> None:
    result = settle(shop, waiting, "completed", "--yes")
    assert result.exit_code == 0
    assert "You say that the inventory did take 3" in result.stdout
    assert "No stock is moved" in result.stdout
    assert result.stdout.endswith(f"Order {waiting.id} is COMPLETED.\n")
    stored = shop.stored(waiting)
    assert (stored.status, stored.total_price, stored.stuck) == ("COMPLETED", PRICE * 3, None)
    assert stored.decision is not None
    assert (stored.decision.reason, stored.decision.at) == ("I counted.", NOW)


def test_orders_settle_fails_a_stuck_order(shop: Composition, waiting: Order) -> None:
    result = settle(shop, waiting, "failed", "--yes")
    assert "You say that the inventory did not take 3" in result.stdout
    assert shop.stored(waiting).status is OrderStatus.FAILED


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [("completed", "CANCELLED", "becomes CANCELLED"), ("failed", "COMPLETED", "stays COMPLETED")],
)
def test_orders_settle_settles_a_stuck_cancellation_either_way(
    shop: Composition, outcome: str, status: str, said: str
) -> None:
    order = shop.have(stuck(cancelling(at=AGO)))
    result = settle(shop, order, outcome, "--yes")
    assert said in result.stdout
    assert "give back 3" in result.stdout
    assert shop.stored(order).status == status


@pytest.mark.parametrize(("typed", "settled"), [("y\n", True), ("n\n", False), ("", False)])
def test_orders_settle_asks_before_it_settles(
    shop: Composition, waiting: Order, typed: str, settled: bool
) -> None:
    result = settle(shop, waiting, "completed", typed=typed)
    assert (result.exit_code == 0) is settled
    assert (shop.stored(waiting).status is OrderStatus.COMPLETED) is settled


def test_orders_settle_names_the_other_stuck_orders_of_the_same_overwrite(
    shop: Composition,
) -> None:
    other = shop.have(stuck(pending(at=AGO)))
    order = shop.have(stuck(pending(at=AGO), other.id, shop.have(completed()).id))
    said = settle(shop, order, "completed", "--yes").stdout
    assert f"was to serve the stuck order {other.id}: settle it the same way." in said


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (completed(), "is COMPLETED and not stuck: there is nothing to settle."),
        (pending(), "is PENDING and not stuck: the worker settles it by itself."),
    ],
    ids=["completed", "pending"],
)
def test_orders_settle_refuses_an_order_that_is_not_stuck(
    shop: Composition, order: Order, said: str
) -> None:
    result = settle(shop, shop.have(order), "failed", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Order {order.id} {said}\n"


@pytest.mark.parametrize("words", [("--as", "cancelled"), ("--reason", "x"), ("--as", "failed")])
def test_orders_settle_needs_an_outcome_and_a_reason(
    shop: Composition, waiting: Order, words: tuple[str, ...]
) -> None:
    assert shop.run("settle", waiting.id, *words).exit_code == 2


def test_orders_settle_of_an_order_that_was_settled_meanwhile_changes_nothing(
    shop: Composition, waiting: Order
) -> None:
    assert waiting.stuck is not None
    assert waiting.stuck.intent is not None
    seen = shop.book.by_id[waiting.id]
    shop.book.save(seen.stock_moved(PRICE, waiting.stuck.intent.move, NOW))
    result = settle(shop, waiting, "failed", "--yes")
    assert result.exit_code == 1
    assert "is COMPLETED and not stuck" in result.stderr


def test_of_two_orders_settle_at_once_one_counts(shop: Composition, waiting: Order) -> None:
    class Overtaken(FakeOrders):
        def get(self, order_id: str) -> Order | None:
            found = self.by_id[order_id]
            self.by_id[order_id] = replace(found, version=found.version + 1)
            return found

    shop.book = Overtaken()
    shop.have(waiting)
    with pytest.raises(VersionConflict):
        settle(shop, waiting, "failed", "--yes")
    assert shop.stored(waiting).decision is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0.9, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (90_061, "1 d 1 h")],
)
def test_an_age_is_written_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert age(timedelta(seconds=seconds)) == said
