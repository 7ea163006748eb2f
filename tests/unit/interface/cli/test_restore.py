"""``orders restore`` as operators meet it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from order_service.application.place import Place
from order_service.domain.errors import VersionConflict
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import cancelled, completed, confirmed, expired, failed, held, pending
from tests.unit.fakes import FakeClock
from tests.unit.interface.cli.shop import Shop

WORDS = ("restore", "--since", "2026-01-01T00:00Z", "--by", "Ada")
BEFORE = FakeClock().now() - timedelta(days=1)


def told(shop: Shop, order: Order, order_id: str | None = None) -> None:
    shop.topic.told.events.extend(
        replace(event, order_id=order_id or order.id) for event in order.new_events
    )


def test_orders_restore_says_what_it_would_do_and_changes_nothing(shop: Shop) -> None:
    known, lost, waiting = shop.have(held()), completed(), shop.have(pending(at=BEFORE))
    told(shop, confirmed(), known.id)
    told(shop, lost)
    stuck = "stuck: its events don't tell what became of it"
    result = shop.run(*WORDS)
    assert result.exit_code == 1
    assert [re.split("  +", line) for line in result.stdout.splitlines()[1:4]] == [
        [known.id, "RESERVED", "COMPLETED", "events: ORDER_RESERVED, ORDER_CREATED"],
        [lost.id, "-", "COMPLETED", "events: ORDER_CREATED"],
        [waiting.id, "PENDING", "PENDING", stuck],
    ]
    assert "2 of the orders would be brought on, 1 would be marked as stuck" in result.stdout
    assert "Nothing was changed: repeat with --write." in result.stdout
    assert shop.stored(known) == known
    assert lost.id not in shop.book.by_id


def test_orders_restore_does_it_with_write(shop: Shop) -> None:
    known = shop.have(completed())
    told(shop, cancelled(), known.id)
    result = shop.run(*WORDS, "--write")
    assert result.exit_code == 0
    assert "1 of the orders are brought on" in result.stdout
    assert shop.stored(known).status is OrderStatus.CANCELLED


def test_orders_restore_names_whatever_is_left_to_a_person(shop: Shop) -> None:
    ended, refused, on_hold = shop.have(expired()), failed(), held()
    told(shop, cancelled(), ended.id)
    told(shop, refused)
    told(shop, on_hold)
    shop.topic.told.cut.append("order-events[2]")
    shop.topic.told.unreadable.append(Place("order-events", 1, 7))
    result = shop.run(*WORDS, "--write")
    assert result.exit_code == 1
    for said in (
        f"Held, nobody knows until when (the end here is the latest that MAX_HOLD_SECONDS allows): "
        f"{on_hold.id}.",
        f"Not decided, because the events contradict the store or each other: {ended.id}.",
        f"Not made again, because they only failed: {refused.id}.",
        "! Events may be gone that were sent after that time: order-events[2] begins later.",
        "! Not an event of an order: order-events[1]@7.",
    ):
        assert said in result.stdout.splitlines()


def test_orders_restore_has_nothing_to_do_where_the_store_knows_all(shop: Shop) -> None:
    order = completed()
    shop.have(order)
    told(shop, order)
    result = shop.run(*WORDS)
    assert result.exit_code == 0
    assert result.stdout.startswith("1 event read; 0 of the orders would be brought on")


def test_orders_restore_names_an_order_that_can_not_be_written_and_counts_it_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shop.have(completed())
    told(shop, cancelled(), known.id)

    def refuse(_: Order) -> Order:
        raise VersionConflict("The order was changed by somebody else.")

    monkeypatch.setattr(shop.book, "save", refuse)
    result = shop.run(*WORDS, "--write")
    assert result.exit_code == 1
    reason = "The order was changed by somebody else."
    assert f"Not done: {known.id} ({reason})." in result.stdout.splitlines()
    assert "0 of the orders are brought on" in result.stdout
    shown = json.loads(shop.run(*WORDS, "--write", "--json").stdout)
    assert (shown["brought"], shown["undone"]) == ([], [{"orderId": known.id, "reason": reason}])


def test_orders_restore_refuses_a_time_in_the_future_before_it_reads_anything(shop: Shop) -> None:
    waiting = shop.have(pending(at=BEFORE))
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    result = shop.run("restore", "--since", future, "--by", "Ada", "--write")
    assert result.exit_code == 2
    assert f"{future!r} is in the future" in result.stderr
    assert shop.stored(waiting) == waiting
