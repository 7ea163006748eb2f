"""``orders`` as operators meet it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result

from order_service.domain.errors import IllegalMove, OrderNotFound, VersionConflict
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage, Stuck
from order_service.domain.moves import Intent, Overwrite
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.interface.cli import orders as orders_cli
from order_service.interface.cli.showing import age, iso
from tests.orders import (
    CALLER,
    PRICE,
    basket,
    cancelling,
    completed,
    failed,
    in_every_state,
    key,
    moved_at,
    pending,
    stuck_without_intent,
)
from tests.unit.fakes import FakeClock, FakeOrders
from tests.unit.interface.cli.shop import Shop

ITEM, OTHER, THIRD = "a" * 24, "b" * 24, "c" * 24
NOW = FakeClock().now()
AGO = NOW - timedelta(hours=3, minutes=5)


def stuck(order: Order, *others: str, in_doubt: Sequence[str] = ()) -> Order:
    """In doubt about those of its items, or all, where each stock was 10; the rest is moved."""
    changes = order.stock_changes
    overwrites = tuple(
        Overwrite(item, 10, 10 + change, PRICE) for item, change in sorted(changes.items())
    )
    intent = Intent((order.id, *others), overwrites, AGO)
    items = tuple(in_doubt or changes)
    certain = [each for each in intent.moved if each.item_id not in items]
    return order.mark_stuck(Stuck("Somebody else wrote it.", AGO, items, intent), certain)


def taking() -> Order:
    """A basket of which two lines are taken and one is in doubt."""
    return stuck(basket(at=AGO), in_doubt=[OTHER])


def giving_back() -> Order:
    """The same, given up by a person's word, and in doubt about one of the returns."""
    given_up = taking().decide(Decision(OrderStatus.FAILED, "I looked.", AGO))
    return stuck(given_up, in_doubt=[THIRD])


def cancelling_basket(*in_doubt: str) -> Order:
    sold = moved_at(basket(at=AGO), AGO)
    return stuck(sold.request_cancel(AGO, CALLER), in_doubt=in_doubt)


# --- list


def test_orders_list_has_a_line_for_each_order_newest_first(shop: Shop) -> None:
    old = shop.have(completed(at=AGO))
    new = shop.have(stuck(pending(at=NOW)))
    result = shop.run("list")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["ID", "CREATED", "STATUS", "QUANTITY", "TOTAL", "ITEM"]
    assert first.split()[0] == new.id
    assert first.endswith("stuck")
    assert [second.split()[0], *second.split()[4:7]] == [old.id, "COMPLETED", "3", "59.97"]


def test_orders_list_has_one_line_for_an_order_of_several_items(shop: Shop) -> None:
    order = shop.have(completed(basket(at=NOW)))
    _, line = shop.run("list").stdout.splitlines()
    assert line.split() == [
        *(order.id, *line.split()[1:4], "COMPLETED", "6", "119.94"),
        *("3", "items"),
    ]


def test_orders_list_can_be_narrowed(shop: Shop) -> None:
    given = {"at": NOW, "item_id": OTHER, "customer_id": "alice", "reference": "17"}
    wanted = shop.have(completed(**given))
    for order in (
        completed(**given | {"item_id": ITEM}),
        pending(**given),
        completed(**given | {"customer_id": None}),
        completed(**given | {"reference": "18"}),
        completed(**given | {"at": AGO}),
    ):
        shop.have(order)
    words = ("--item", OTHER, "--status", "completed", "--customer", "alice", "--reference", "17")
    found = shop.json("list", *words, "--since", NOW.isoformat())
    assert [order["_id"] for order in found] == [wanted.id]


def test_orders_list_finds_an_order_by_any_of_its_items(shop: Shop) -> None:
    order = shop.have(basket(at=NOW))
    shop.have(pending(at=NOW, item_id="d" * 24))
    for item in (ITEM, OTHER, THIRD):
        assert [each["_id"] for each in shop.json("list", "--item", item)] == [order.id]


@pytest.mark.parametrize(("limit", "found"), [("1", 1), ("7", 7), ("100", 9)])
def test_orders_list_goes_on_over_pages_to_its_limit(
    shop: Shop, limit: str, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_cli, "_PAGE", 2)
    made = [shop.have(completed(at=NOW + timedelta(seconds=n))) for n in range(9)]
    listed = [order["_id"] for order in shop.json("list", "--limit", limit)]
    assert listed == [order.id for order in reversed(made)][:found]


def test_orders_list_says_when_there_are_no_orders(shop: Shop) -> None:
    assert shop.run("list").stdout == "No orders.\n"
    assert shop.json("list") == []


@pytest.mark.parametrize("words", [("list", "--status", "SOLD"), ("show", "7"), ("list", "x")])
def test_an_argument_of_orders_that_cannot_be_read_is_a_usage_error(
    shop: Shop, words: tuple[str, ...]
) -> None:
    assert shop.run(*words).exit_code == 2


# --- show


@pytest.mark.parametrize("name", in_every_state())
def test_orders_show_shows_any_order_in_words_and_as_json(shop: Shop, name: str) -> None:
    order = shop.have(in_every_state()[name])
    assert shop.run("show", order.id).stdout.startswith(f"{order.id}  {order.status}")
    shown = shop.json("show", order.id)
    assert (shown["_id"], shown["status"]) == (order.id, order.status)
    assert shop.json("list")[0] == {
        name: value for name, value in shown.items() if name not in ("history", "unpublishedEvents")
    }


def test_orders_show_shows_all_that_an_order_has(shop: Shop) -> None:
    order = completed(
        customer_id="alice",
        idempotency=key("once", "alice"),
        reference="2026-17",
        metadata={"channel": "web"},
        currency="EUR",
    )
    shown = shop.json("show", shop.have(order).id)
    assert (shown["totalPrice"], shown["customerId"]) == (59.97, "alice")
    assert (shown["reference"], shown["currency"]) == ("2026-17", "EUR")
    assert shown["metadata"] == {"channel": "web"}
    assert shown["idempotencyKey"] == {"caller": "alice", "key": "once"}
    [event] = shown["unpublishedEvents"]
    assert (event["event"], event["eventId"]) == ("ORDER_CREATED", f"{order.id}-ORDER_CREATED")
    words = shop.run("show", order.id).stdout
    for said in (
        f"line 1      3 of item {ITEM} at 19.99: 59.97\n",
        "total       59.97 EUR\n",
        "reference   2026-17\n",
        "metadata    channel: web\n",
        "once of alice",
        "to publish  ORDER_CREATED",
    ):
        assert said in words


def test_the_json_of_an_order_of_one_line_has_the_lines_fields_beside_the_lines(
    shop: Shop,
) -> None:
    order = shop.have(completed(at=AGO))
    [taken] = [line.taken for line in order.lines]
    assert taken is not None
    line = {
        "itemId": ITEM,
        "quantity": 3,
        "taken": {"previousStock": 10, "newStock": 7, "at": iso(taken.at)},
        "returned": None,
    }
    shown = shop.json("show", order.id)
    assert shown["lines"] == [line | {"unitPrice": 19.99, "totalPrice": 59.97}]
    assert {name: shown[name] for name in line} == line


def test_orders_show_shows_every_line_of_an_order_with_its_moves(shop: Shop) -> None:
    order = shop.have(cancelling_basket(ITEM))
    shown = shop.json("show", order.id)
    assert not {"itemId", "quantity", "taken", "returned"} & shown.keys()
    assert [
        (line["itemId"], line["quantity"], line["unitPrice"], line["totalPrice"])
        for line in shown["lines"]
    ] == [(THIRD, 2, 19.99, 39.98), (ITEM, 3, 19.99, 59.97), (OTHER, 1, 19.99, 19.99)]
    assert [line["taken"]["newStock"] for line in shown["lines"]] == [8, 7, 9]
    returned = [line["returned"] and line["returned"]["newStock"] for line in shown["lines"]]
    assert returned == [12, None, 11]
    rows = [" ".join(row.split()) for row in shop.run("show", order.id).stdout.splitlines()]
    lines = rows[1 : rows.index("total 119.94")]
    assert [row.removesuffix(" UTC").rsplit(",")[0] for row in lines] == [
        *(f"line 1 2 of item {THIRD} at 19.99: 39.98", "taken stock 10 → 8"),
        "returned stock 10 → 12",
        *(f"line 2 3 of item {ITEM} at 19.99: 59.97", "taken stock 10 → 7"),
        *(f"line 3 1 of item {OTHER} at 19.99: 19.99", "taken stock 10 → 9"),
        "returned stock 10 → 11",
    ]


def test_orders_show_names_the_items_that_are_in_doubt(shop: Shop) -> None:
    order = shop.have(stuck(basket(at=AGO), "f" * 24, in_doubt=[ITEM, OTHER]))
    words = shop.run("show", order.id).stdout
    for item, new in ((ITEM, 7), (OTHER, 9)):
        assert f"in doubt    item {item}: stock 10 → {new} at a price of 19.99\n" in words
    assert f"item {THIRD}: stock" not in words
    assert f"intended    2025-12-31 20:55:00 UTC, for orders {order.id}, {'f' * 24}\n" in words
    mark = shop.json("show", order.id)["stuck"]
    assert mark["items"] == [ITEM, OTHER]
    assert mark["intent"] == {
        "orders": [order.id, "f" * 24],
        "overwrites": [
            {"itemId": item, "previousStock": 10, "newStock": new, "unitPrice": 19.99}
            for item, new in ((ITEM, 7), (OTHER, 9), (THIRD, 8))
        ],
        "recordedAt": iso(AGO),
    }


def test_an_intent_of_one_overwrite_has_the_overwrites_fields_beside_the_overwrites(
    shop: Shop,
) -> None:
    order = shop.have(stuck(pending(at=AGO)))
    overwrite = {"previousStock": 10, "newStock": 7, "unitPrice": 19.99}
    assert shop.json("show", order.id)["stuck"]["intent"] == {
        **overwrite,
        "orders": [order.id],
        "overwrites": [overwrite | {"itemId": ITEM}],
        "recordedAt": iso(AGO),
    }


def test_orders_show_names_the_items_of_a_cancellation_that_left_no_intent(
    shop: Shop,
) -> None:
    order = shop.have(stuck_without_intent(cancelling()))
    assert f"in doubt    item {ITEM}\n" in shop.run("show", order.id).stdout
    mark = shop.json("show", order.id)["stuck"]
    assert (mark["items"], mark["intent"]) == ([ITEM], None)


SHORT = (Shortage(ITEM, 2), Shortage(OTHER, None))


@pytest.mark.parametrize(
    ("order", "shown", "said"),
    [
        (
            failed(),
            {
                "code": "insufficient_stock",
                "available": 2,
                "items": [{"itemId": ITEM, "requested": 3, "available": 2}],
            },
            f"insufficient_stock: 2 of item {ITEM} were left",
        ),
        (
            failed(FailureCode.ABANDONED),
            {"code": "abandoned", "available": None, "items": []},
            "abandoned",
        ),
        (
            basket().fail(Failure(FailureCode.ITEM_NOT_FOUND, SHORT), NOW),
            {
                "code": "item_not_found",
                "items": [
                    {"itemId": ITEM, "requested": 3, "available": 2},
                    {"itemId": OTHER, "requested": 1, "available": None},
                ],
            },
            f"item_not_found: 2 of item {ITEM} were left, there is no item {OTHER}",
        ),
    ],
    ids=["one line", "no item", "three lines"],
)
def test_orders_show_names_each_item_for_which_an_order_failed(
    shop: Shop, order: Order, shown: dict[str, Any], said: str
) -> None:
    assert shop.json("show", shop.have(order).id)["failure"] == shown
    assert f"failure     {said}\n" in shop.run("show", order.id).stdout


def test_orders_show_shows_a_decision_with_what_it_was_about(shop: Shop) -> None:
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
    written: str, shop: Shop
) -> None:
    plain = completed(
        customer_id="alice", idempotency=key("k", "alice"), reference="r", metadata={"a": "b"}
    )
    odd = replace(
        plain,
        customer_id=written,
        idempotency=key("k", written),
        reference=written,
        metadata={written: written},
    )
    told = [shop.run("show", shop.have(order).id).stdout for order in (plain, odd)]
    assert len(told[0].splitlines()) == len(told[1].splitlines())
    assert all(line.isprintable() for line in told[1].splitlines())


def test_orders_show_of_an_unknown_id_is_order_not_found(shop: Shop) -> None:
    with pytest.raises(OrderNotFound):
        shop.run("show", "c" * 24)


# --- stuck


def test_orders_stuck_says_when_no_order_is_stuck_or_overdue(shop: Shop) -> None:
    shop.have(completed(at=AGO))
    shop.have(pending(at=NOW))
    result = shop.run("stuck")
    assert (result.exit_code, result.stdout) == (0, "No order is stuck, and none is overdue.\n")


def test_orders_stuck_says_why_an_order_is_stuck_and_what_would_decide_it(
    shop: Shop,
) -> None:
    order = shop.have(stuck(pending(at=AGO), "c" * 24))
    result = shop.run("stuck")
    assert result.exit_code == 0
    for said in (
        f"{order.id}  stuck for 3 h 5 min, to take 3 of item {ITEM}\n",
        "Somebody else wrote it.",
        "recorded 2025-12-31 20:55:00 UTC, with 1 other order\n",
        f"a change 10 → 7 of item {ITEM} in the stock-change log",
        "then     the order becomes COMPLETED, without a person's word\n",
        f'order-service orders settle {order.id} --as completed|failed --reason "…"',
        "1 order stuck, 0 overdue; 0 holds overdue.",
    ):
        assert said in result.stdout
    [shown] = shop.json("stuck")["stuck"]
    assert shown["waitsForSeconds"] == 3 * 3600 + 300
    stocks = {"previousStock": 10, "newStock": 7}
    assert shown["decidedBy"]["stockChange"] == stocks
    assert shown["decidedBy"]["stockChanges"] == [stocks | {"itemId": ITEM}]


def test_orders_stuck_names_the_items_in_doubt_and_what_would_decide_each(
    shop: Shop,
) -> None:
    shop.have(stuck(basket(at=AGO), in_doubt=[ITEM, OTHER]))
    said = shop.run("stuck").stdout
    assert f"to take 3 of item {ITEM}, 1 of item {OTHER}\n" in said
    assert f"decides  a change 10 → 7 of item {ITEM} in" in said
    assert f"decides  a change 10 → 9 of item {OTHER} in" in said
    assert THIRD not in said
    assert "then     once all of these are logged, the order becomes COMPLETED," in said
    ways = shop.json("stuck")["stuck"][0]["decidedBy"]
    assert ways["stockChange"] is None
    assert [(each["itemId"], each["newStock"]) for each in ways["stockChanges"]] == [
        (ITEM, 7),
        (OTHER, 9),
    ]


@pytest.mark.parametrize(
    ("order", "asks", "then"),
    [
        (taking(), f"take 1 of item {OTHER}", "COMPLETED"),
        (giving_back(), f"give back 2 of item {THIRD}", "FAILED"),
        (cancelling_basket(OTHER), f"give back 1 of item {OTHER}", "CANCELLED"),
    ],
    ids=["taking", "given up", "cancelling"],
)
def test_orders_stuck_says_what_the_log_would_make_of_an_order_that_is_partly_moved(
    shop: Shop, order: Order, asks: str, then: str
) -> None:
    shop.have(order)
    said = shop.run("stuck").stdout
    assert f"stuck for 3 h 5 min, to {asks}\n" in said
    assert f"then     the order becomes {then}, without a person's word\n" in said


def test_orders_stuck_says_when_nothing_can_decide_a_cancellation(shop: Shop) -> None:
    shop.have(stuck_without_intent(completed(basket(at=AGO)).request_cancel(AGO, CALLER)))
    said = shop.run("stuck").stdout
    assert f"to give back 2 of item {THIRD}, 3 of item {ITEM}, 1 of item {OTHER}\n" in said
    assert "nothing that the service could see" in said
    ways = shop.json("stuck")["stuck"][0]["decidedBy"]
    assert (ways["stockChange"], ways["stockChanges"]) == (None, [])


def test_orders_stuck_lists_overdue_orders_with_their_age(
    shop: Shop,
) -> None:
    order = shop.have(pending(at=NOW - timedelta(seconds=95)))
    shop.have(pending(at=NOW - timedelta(seconds=5)))
    said = shop.run("stuck").stdout
    assert f"{order.id}  overdue, waits for 1 min 35 s" in said
    assert said.endswith("0 orders stuck, 1 overdue; 0 holds overdue.\n")
    assert [each["_id"] for each in shop.json("stuck")["overdue"]] == [order.id]


@pytest.mark.parametrize(
    ("order", "asks"),
    [
        (basket(at=AGO), f"take 2 of item {THIRD}, 3 of item {ITEM}, 1 of item {OTHER}"),
        (
            taking().decide(Decision(OrderStatus.FAILED, "I looked.", AGO)),
            f"give back 2 of item {THIRD}, 3 of item {ITEM}",
        ),
        (pending(at=AGO).give_up(AGO), "give back what it may have taken"),
    ],
    ids=["taking", "given up", "given up, and nothing known"],
)
def test_orders_stuck_says_what_an_overdue_order_waits_for(
    shop: Shop, order: Order, asks: str
) -> None:
    shop.have(order)
    assert f"waits for 3 h 5 min to {asks}\n" in shop.run("stuck").stdout


def test_orders_stuck_says_when_there_are_more_than_it_lists(shop: Shop) -> None:
    for _ in range(3):
        shop.have(stuck(pending(at=AGO)))
    assert shop.run("stuck", "--limit", "2").stdout.endswith("There are more.\n")
    assert not shop.json("stuck", "--limit", "10")["more"]


# --- settle


@pytest.fixture
def waiting(shop: Shop) -> Order:
    return shop.have(stuck(pending(at=AGO)))


def settle(shop: Shop, order: Order, outcome: str, *words: str, **about: Any) -> Result:
    return shop.run("settle", order.id, "--as", outcome, "--reason", "I counted.", *words, **about)


def test_orders_settle_completes_a_stuck_order(shop: Shop, waiting: Order) -> None:
    result = settle(shop, waiting, "completed", "--yes")
    assert result.exit_code == 0
    assert f"You say that the inventory did take 3 of item {ITEM}." in result.stdout
    assert "By your word the order becomes COMPLETED. The command moves no stock" in result.stdout
    assert result.stdout.endswith(f"Order {waiting.id} is COMPLETED.\n")
    stored = shop.stored(waiting)
    assert (stored.status, stored.total_price, stored.stuck) == ("COMPLETED", PRICE * 3, None)
    assert stored.decision is not None
    assert (stored.decision.reason, stored.decision.at) == ("I counted.", NOW)


def test_orders_settle_fails_a_stuck_order(shop: Shop, waiting: Order) -> None:
    result = settle(shop, waiting, "failed", "--yes")
    assert f"You say that the inventory did not take 3 of item {ITEM}." in result.stdout
    assert shop.stored(waiting).status is OrderStatus.FAILED


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [("completed", "CANCELLED", "becomes CANCELLED"), ("failed", "COMPLETED", "stays COMPLETED")],
)
@pytest.mark.parametrize("of_one_line", [True, False])
def test_orders_settle_settles_a_stuck_cancellation_either_way(
    shop: Shop, outcome: str, status: str, said: str, of_one_line: bool
) -> None:
    order = shop.have(stuck(cancelling(at=AGO)) if of_one_line else cancelling_basket())
    result = settle(shop, order, outcome, "--yes")
    assert said in result.stdout
    assert f"give back {'3' if of_one_line else '2'} of item" in result.stdout
    assert shop.stored(order).status == status


_REST = f"2 of item {THIRD}, 3 of item {ITEM}"


@pytest.mark.parametrize(
    ("order", "outcome", "says", "by_word", "phase"),
    [
        (taking(), "completed", f"did take 1 of item {OTHER}", "becomes COMPLETED", "COMPLETED"),
        (
            *(taking(), "failed", f"did not take 1 of item {OTHER}"),
            f"the worker has yet to give back {_REST}, and then the order becomes FAILED",
            "GIVEN_UP",
        ),
        (
            *(giving_back(), "completed", f"did give back 2 of item {THIRD}"),
            *("becomes FAILED", "FAILED"),
        ),
        (
            *(giving_back(), "failed", f"did not give back 2 of item {THIRD}"),
            f"the worker has yet to give back 2 of item {THIRD}, and then the order becomes FAILED",
            "GIVEN_UP",
        ),
        (
            *(cancelling_basket(OTHER), "completed", f"did give back 1 of item {OTHER}"),
            *("becomes CANCELLED", "CANCELLED"),
        ),
        (
            *(cancelling_basket(OTHER), "failed", f"did not give back 1 of item {OTHER}"),
            f"the worker has yet to give back 1 of item {OTHER}, and then the order becomes "
            "CANCELLED",
            "CANCELLING",
        ),
    ],
)
def test_orders_settle_says_what_a_word_makes_of_an_order_that_is_partly_moved(
    shop: Shop, order: Order, outcome: str, says: str, by_word: str, phase: str
) -> None:
    shop.have(order)
    result = settle(shop, order, outcome, "--yes")
    assert f"You say that the inventory {says}." in result.stdout
    assert f"{by_word}. The command moves no stock" in result.stdout
    settled = shop.stored(order)
    assert settled.phase is OrderPhase(phase)
    last = result.stdout.splitlines()[-1]
    waits = "" if settled.phase.is_settled else f": {by_word}"
    assert last == f"Order {order.id} is {settled.status}{waits}."


def test_orders_settle_says_that_a_word_is_about_all_items_in_doubt(shop: Shop) -> None:
    order = shop.have(stuck(basket(at=AGO)))
    said = settle(shop, order, "failed", typed="n\n").stdout
    assert f"did not take 2 of item {THIRD}, 3 of item {ITEM}, 1 of item {OTHER}." in said
    assert "so that your word is true of all of these items" in said


def test_orders_settle_refuses_to_complete_an_order_whose_price_was_never_read(
    shop: Shop,
) -> None:
    order = shop.have(stuck_without_intent(pending(at=AGO)))
    with pytest.raises(IllegalMove, match="price was never read"):
        settle(shop, order, "completed", "--yes")
    assert shop.stored(order).stuck is not None


@pytest.mark.parametrize(("typed", "settled"), [("y\n", True), ("n\n", False), ("", False)])
def test_orders_settle_asks_before_it_settles(
    shop: Shop, waiting: Order, typed: str, settled: bool
) -> None:
    result = settle(shop, waiting, "completed", typed=typed)
    assert (result.exit_code == 0) is settled
    assert (shop.stored(waiting).status is OrderStatus.COMPLETED) is settled


def test_orders_settle_names_the_other_stuck_orders_of_the_same_overwrite(
    shop: Shop,
) -> None:
    other, done = pending(at=AGO), shop.have(completed())
    order = shop.have(stuck(pending(at=AGO), other.id, done.id))
    assert order.stuck is not None
    shop.have(other.mark_stuck(order.stuck))
    said = settle(shop, order, "completed", "--yes").stdout
    assert f"was to serve the stuck order {other.id}: settle it the same way." in said


def test_orders_settle_does_not_name_an_order_that_is_stuck_for_another_overwrite(
    shop: Shop,
) -> None:
    """The overwrite served that order as well, which was cancelled since then."""
    other = shop.have(stuck(cancelling(at=AGO)))
    order = shop.have(stuck(pending(at=AGO), other.id))
    assert "the same way" not in settle(shop, order, "completed", "--yes").stdout


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (completed(), "is COMPLETED and not stuck: there is nothing to settle."),
        (pending(), "is PENDING and not stuck: the worker settles it by itself."),
    ],
    ids=["completed", "pending"],
)
def test_orders_settle_refuses_an_order_that_is_not_stuck(
    shop: Shop, order: Order, said: str
) -> None:
    result = settle(shop, shop.have(order), "failed", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Order {order.id} {said}\n"


@pytest.mark.parametrize("words", [("--as", "cancelled"), ("--reason", "x"), ("--as", "failed")])
def test_orders_settle_needs_an_outcome_and_a_reason(
    shop: Shop, waiting: Order, words: tuple[str, ...]
) -> None:
    assert shop.run("settle", waiting.id, *words).exit_code == 2


def test_orders_settle_of_an_order_that_was_settled_meanwhile_changes_nothing(
    shop: Shop, waiting: Order
) -> None:
    assert waiting.stuck is not None
    assert waiting.stuck.intent is not None
    seen = shop.book.by_id[waiting.id]
    shop.book.save(seen.stock_moved(waiting.stuck.intent.moved, NOW))
    result = settle(shop, waiting, "failed", "--yes")
    assert result.exit_code == 1
    assert "is COMPLETED and not stuck" in result.stderr


def test_of_two_orders_settle_at_once_one_counts(shop: Shop, waiting: Order) -> None:
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
