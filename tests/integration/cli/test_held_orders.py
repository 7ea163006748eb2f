"""Held orders and their history, by the installed commands on the real parts."""

import json
from typing import Any

import pytest

from order_service.application.orders.change import Asked
from order_service.domain.history import Actor
from order_service.domain.marks import Stuck
from order_service.domain.order import Order
from tests.integration.cli.logged_shop import Shop


def told(shop: Shop, *words: str) -> list[str]:
    done = shop.command("orders", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def told_as_json(shop: Shop, *words: str) -> Any:
    return json.loads("\n".join(told(shop, *words, "--json")))


def timeline(shop: Shop, order: Order) -> list[str]:
    """Without times."""
    lines = told(shop, "show", order.id)
    lines = lines[lines.index("History, oldest first, in UTC:") + 1 :]
    return [line[27:] if line.startswith("  20") else line.strip() for line in lines]


def place_of(entry: dict[str, Any]) -> str:
    source = entry["source"]
    return f"{source['topic']}[{source['partition']}]@{source['offset']}"


@pytest.mark.usefixtures("worker")
def test_orders_show_tells_what_happened_to_a_held_order_and_where_the_log_has_it(
    shop: Shop,
) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3}, by="alice")
    shop.confirm(order, "alice")
    shop.cancel(order)
    taken, returned = map(place_of, shop.logged(item, 2))
    lines = [line for line in timeline(shop, order) if not line.startswith("held until")]
    assert lines == [
        "PENDING    placed by caller alice",
        "to be held  for 1 h, once it has its stock",
        "RESERVED   stock taken by caller alice, and held",
        f"stock       3 of item {item}: 20 → 17, in the log as {taken}",
        "COMPLETED  confirmed by caller alice: sold",
        "COMPLETED  cancellation requested by caller somebody: the stock is to go back",
        "CANCELLED  stock given back by caller somebody: cancelled",
        f"stock       3 of item {item}: 17 → 20, in the log as {returned}",
    ]
    history = told_as_json(shop, "show", order.id)["history"]
    assert [entry["event"] for entry in history] == [
        "ORDER_PLACED",
        "ORDER_RESERVED",
        "ORDER_CREATED",
        "ORDER_CANCEL_REQUESTED",
        "ORDER_CANCELLED",
    ]
    assert [entry["version"] for entry in history] == [1, 2, 3, 4, 5]
    assert place_of(history[1]["evidence"]["stock"][0]) == taken


def test_orders_show_tells_of_an_expiry(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3}, seconds=1)
    shop.expire()
    assert timeline(shop, order)[-3:] == [
        "RESERVED   expiry recorded when the hold was over: the stock is to go back",
        "EXPIRED    stock given back when the hold was over: expired",
        f"stock       3 of item {item}: 17 → 20, not in the log",
    ]
    [listed] = told(shop, "list", "--status", "expired", "--item", item)[1:]
    assert listed.split()[0] == order.id


def test_a_hold_that_nobody_expires_is_listed_until_it_is_confirmed(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3}, seconds=5)
    [listed] = told(shop, "list", "--status", "reserved", "--item", item)[1:]
    assert "  held until 2" in listed
    shop.pass_over(order)
    said = told(shop, "stuck")
    assert said[0] == "1 hold is over, and not expired yet"
    assert said[-1] == "0 orders stuck, 0 overdue; 1 hold overdue."
    [hold] = told_as_json(shop, "stuck")["holds"]
    assert (hold["_id"], hold["hold"]["seconds"]) == (order.id, 5)
    assert hold["overdueForSeconds"] > 3600
    shop.confirm(order)
    assert told(shop, "stuck") == ["No order is stuck, and none is overdue."]


def _stuck_expiry(shop: Shop, item: str) -> Order:
    order = shop.held({item: 3})
    assert order.hold is not None
    assert order.hold.expires_at is not None
    expiring = shop.adapters.orders.save(order.expire(order.hold.expires_at))
    mark = Stuck("Nobody can tell.", expiring.updated_at, (item,))
    return shop.adapters.orders.save(expiring.mark_stuck(mark))


def _settle(shop: Shop, order: Order, word: str) -> str:
    words = ("--as", word, "--reason", "I counted.", "--by", "the night shift", "--yes")
    return told(shop, "settle", order.id, *words)[-1]


def test_a_stuck_expiry_whose_stock_is_back_by_a_persons_word_is_expired(shop: Shop) -> None:
    order = _stuck_expiry(shop, shop.items.add(stock=20))
    assert [each["_id"] for each in told_as_json(shop, "stuck")["stuck"]] == [order.id]
    assert _settle(shop, order, "completed") == f"Order {order.id} is EXPIRED."
    lines = timeline(shop, order)
    by = 'by operator "the night shift"'
    assert f"RESERVED   decided {by}: the changes in doubt were made" in lines
    assert lines[-1] == f"EXPIRED    stock given back {by}: expired"


def test_a_stuck_expiry_whose_stock_is_not_back_by_a_persons_word_goes_on(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = _stuck_expiry(shop, item)
    assert _settle(shop, order, "failed") == (
        f"Order {order.id} is RESERVED: the worker has yet to give back 3 of item {item}, and then "
        "the order becomes EXPIRED."
    )
    decided = shop.adapters.orders.get(order.id)
    assert decided is not None
    shop.recover(decided)
    assert timeline(shop, order)[-2] == "EXPIRED    stock given back by settlement: expired"
    assert shop.items.stock(item) == 20


def test_a_subject_of_several_lines_forges_no_line_of_a_real_history(shop: Shop) -> None:
    forged = "alice\n  2026-01-01 00:00:00.000  COMPLETED  confirmed by caller alice: sold"
    item = shop.items.add(stock=20)
    order = shop.held({item: 3}, by=forged)
    shop.use_cases.cancel_order(Asked(order.id, Actor.caller(forged)))
    lines = told(shop, "show", order.id)
    assert not any(line.startswith("  2026-01-01") for line in lines)
    headlines = [line for line in lines if line.startswith("  20")]
    assert len(headlines) == 4
