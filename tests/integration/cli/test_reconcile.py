"""Reconciliation on the real store, broker and inventory: what it finds, and what it does not."""

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner, Result

from order_service.bootstrap.commands import Commands
from order_service.domain.errors import InsufficientStock
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Stuck
from order_service.domain.moves import Intent, MovedLine, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.order_mapping import write_order
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.interface.cli.reconcile import reconcile
from tests.integration.cli.logged_shop import Shop
from tests.orders import PRICE, cancelled, completed, later

NOBODY = "0" * 24


both_contracts = pytest.mark.parametrize("stage", ["absolute", "conditional"], indirect=True)


def run(shop: Shop, *words: str, grace: str = "0", **settings: Any) -> Result:
    changed = shop.settings.model_copy(update=settings)
    words = ("--grace", grace, *words)
    with ExitStack() as stack:
        result = CliRunner().invoke(reconcile, words, obj=Commands(changed, stack))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(shop: Shop, item: str, exit_code: int, *words: str, **settings: Any) -> dict[str, Any]:
    result = run(shop, "--json", "--item", item, *words, **settings)
    assert result.exit_code == exit_code, result.output
    document = json.loads(result.stdout)
    assert document["summary"]["complete"] is True
    [report] = document["items"]
    assert report["itemId"] == item
    found: dict[str, Any] = report
    return found


def kinds(report: dict[str, Any]) -> list[str]:
    return [finding["kind"] for finding in report["findings"]]


def of_one_line(order: Order, **of_the_line: Any) -> Order:
    """The order, with other fields of its line."""
    return replace(order, lines=(replace(order.lines[0], **of_the_line),))


# --- all agrees


@both_contracts
@pytest.mark.usefixtures("worker")
def test_orders_cancellations_and_refusals_agree_with_the_log(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    orders = [shop.order(item, 1 + n) for n in range(4)]
    for order in orders[:2]:
        shop.cancel(order)
    with pytest.raises(InsufficientStock):
        shop.order(item, 100)
    shop.logged(item, 6)
    report = told(shop, item, 0)
    assert report["agrees"]
    assert report["findings"] == []
    took, gave_back = report["orders"]["took"], report["orders"]["gaveBack"]
    assert (took["times"], took["units"]) == (4, 10)
    assert (gave_back["times"], gave_back["units"]) == (2, 3)
    assert (report["log"]["times"], report["log"]["units"]) == (6, -7)
    assert report["stockNow"] == report["log"]["lastStock"] == 13
    assert report["log"]["byOthers"]["times"] == 0
    assert took["first"] <= took["last"] <= gave_back["first"]


@both_contracts
@pytest.mark.usefixtures("worker")
def test_baskets_that_were_sold_cancelled_and_refused_agree_with_the_log(shop: Shop) -> None:
    items = one, other, third = shop.add_items(3)
    shop.basket({one: 2, other: 1, third: 3})
    shop.cancel(shop.basket({third: 4, one: 1}))
    shop.order(other, 5)
    with pytest.raises(InsufficientStock):
        shop.basket({one: 1, other: 100, third: 1})
    changes = {one: 3, other: 2, third: 3}
    if shop.settings.inventory_contract == "conditional":
        # What is taken before the line that is short is taken and given back.
        changes = {item: n + 2 * (item < other) for item, n in changes.items()}
    for item, number in changes.items():
        shop.logged(item, number)
    reports = {item: told(shop, item, 0) for item in items}
    assert all(report["findings"] == [] for report in reports.values())
    assert all(report["log"]["byOthers"]["times"] == 0 for report in reports.values())
    assert {item: report["log"]["times"] for item, report in reports.items()} == changes
    sold = {item: report["log"]["units"] for item, report in reports.items()}
    assert sold == {one: -2, other: -6, third: -3}
    compared = [report["itemId"] for report in json.loads(run(shop, "--json").stdout)["items"]]
    assert [compared.count(item) for item in items] == [1, 1, 1]


@both_contracts
@pytest.mark.usefixtures("worker")
def test_orders_that_are_held_confirmed_cancelled_and_expired_agree_with_the_log(
    shop: Shop,
) -> None:
    items = one, other = shop.add_items(2)
    shop.held({one: 2, other: 1})
    shop.held({other: 2})
    shop.confirm(shop.held({one: 3}))
    shop.cancel(shop.held({other: 4}))
    shop.cancel(shop.confirm(shop.held({one: 1, other: 1})))
    shop.held({one: 1, other: 5}, seconds=1)
    shop.expire()
    changes = {one: 6, other: 8}
    for item, number in changes.items():
        shop.logged(item, number)
    reports = {item: told(shop, item, 0) for item in items}
    assert all(report["findings"] == [] for report in reports.values())
    assert {item: report["log"]["times"] for item, report in reports.items()} == changes
    assert all(report["log"]["byOthers"]["times"] == 0 for report in reports.values())
    held = {item: report["orders"]["held"] for item, report in reports.items()}
    assert held == {one: {"orders": 1, "units": 2}, other: {"orders": 2, "units": 3}}
    stocks = {item: report["stockNow"] for item, report in reports.items()}
    assert (
        stocks == {item: 20 - units for item, units in shop.kept().items()} == {one: 15, other: 17}
    )
    said = run(shop, "--item", other).stdout
    assert "- Held: 2 orders hold 3 units of what was taken, to be confirmed or given back." in said


@both_contracts
@pytest.mark.usefixtures("worker")
def test_an_order_whose_expiry_is_recorded_agrees_before_and_after_its_stock_is_back(
    shop: Shop,
) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3})
    assert order.hold is not None
    assert order.hold.expires_at is not None
    expiring = shop.adapters.orders.save(order.expire(order.hold.expires_at))
    shop.logged(item, 1)
    report = told(shop, item, 0)
    assert (report["findings"], report["stockNow"]) == ([], 17)
    assert (report["orders"]["waiting"], report["orders"]["held"]["orders"]) == (1, 0)
    shop.recover(expiring)
    shop.logged(item, 2)
    report = told(shop, item, 0)
    assert (report["findings"], report["stockNow"]) == ([], 20)
    assert (report["orders"]["waiting"], report["orders"]["gaveBack"]["units"]) == (0, 3)


@pytest.mark.usefixtures("worker")
def test_an_expired_order_without_a_record_of_its_return_is_named(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3}, seconds=1)
    shop.expire()
    shop.database["orders"].update_one({"_id": ObjectId(order.id)}, {"$unset": {"returned": ""}})
    shop.logged(item, 2)
    report = told(shop, item, 1)
    [finding] = report["findings"]
    assert (finding["kind"], finding["orders"]) == ("order_without_change", [order.id])
    assert (finding["asked"], report["log"]["byOthers"]["units"]) == (3, 3)


@pytest.mark.usefixtures("worker")
def test_an_expiry_that_a_person_settled_is_reported_and_is_no_difference(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = shop.held({item: 3})
    assert order.hold is not None
    assert order.hold.expires_at is not None
    at = order.hold.expires_at
    stuck = Stuck("Nobody can tell.", at, (item,), None)
    expiring = shop.adapters.orders.save(order.expire(at))
    stuck_order = shop.adapters.orders.save(expiring.mark_stuck(stuck))
    shop.items.set_stock(item, 50)
    shop.logged(item, 2)
    assert told(shop, item, 1)["orders"]["stuck"] == 1
    word = Decision(OrderStatus.COMPLETED, "I counted.", at, by="root")
    assert shop.adapters.orders.save(stuck_order.decide(word)).status is OrderStatus.EXPIRED
    report = told(shop, item, 0)
    assert kinds(report) == ["settled_by_word"]
    assert report["findings"][0]["orders"] == [order.id]


@pytest.mark.parametrize("stage", ["conditional"], indirect=True)
@pytest.mark.usefixtures("worker")
def test_orders_with_equal_changes_of_one_millisecond_agree_with_the_log(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    now = shop.adapters.clock.now()
    done = {"settled_at": now, "updated_at": now}
    for _ in range(2):
        order = of_one_line(completed(item_id=item, at=now), taken=StockMove(20, 17, now))
        shop.adapters.orders.add(replace(order, **done))
    for stock in (17, 20, 17):
        shop.items.set_stock(item, stock)
    shop.logged(item, 3)
    report = told(shop, item, 0)
    assert report["findings"] == []
    assert report["log"]["byOthers"]["units"] == 3


@pytest.mark.usefixtures("worker")
def test_orders_and_cancellations_that_shared_an_overwrite_agree(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    now = shop.adapters.clock.now()
    move = StockMove(20, 16, now)
    done = {"settled_at": now, "updated_at": now}
    takes = [of_one_line(completed(item_id=item, at=now), taken=move) for _ in range(2)]
    before = StockMove(22, 20, now - timedelta(seconds=1))
    back = cancelled(item_id=item, at=now, quantity=2)
    back = of_one_line(back, taken=before, returned=move)
    for order in [*takes, back]:
        shop.adapters.orders.add(replace(order, **done))
    shop.items.set_stock(item, 16)
    shop.logged(item, 1)
    report = told(shop, item, 0)
    assert kinds(report) == ["not_logged"]
    assert report["findings"][0]["orders"] == [back.id]
    assert report["log"]["byOthers"]["times"] == 0


@pytest.mark.parametrize("stage", ["conditional"], indirect=True)
@pytest.mark.usefixtures("worker")
def test_an_order_that_was_taken_and_given_back_agrees_with_the_log(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    order = shop.placed({item: 3})
    shop.adapters.conditional.deduct(item, 3, order.id)
    mover = shop.use_cases.cancel_order._stock
    assert mover.recover(order, shop.adapters.clock.monotonic() + 5).status is OrderStatus.FAILED
    shop.logged(item, 2)
    report = told(shop, item, 0)
    assert report["findings"] == []
    assert (report["orders"]["took"]["units"], report["orders"]["gaveBack"]["units"]) == (3, 3)


@pytest.mark.usefixtures("worker")
def test_a_restock_is_reported_and_is_no_difference(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 3)
    shop.items.set_stock(item, 100)
    shop.order(item, 2)
    entries = shop.logged(item, 3)
    by_others = told(shop, item, 0)["log"]["byOthers"]
    assert (by_others["times"], by_others["units"]) == (1, 83)
    [change] = by_others["latest"]
    assert change["id"] == str(entries[1]["_id"])
    assert (change["previousStock"], change["newStock"]) == (17, 100)


@both_contracts
def test_a_log_that_nobody_writes_is_reported_to_lack_orders_that_the_stock_agrees_with(
    shop: Shop,
) -> None:
    item = shop.items.add(stock=20)
    order = shop.order(item, 3)
    shop.cancel(shop.order(item, 2))
    report = told(shop, item, 0)
    assert kinds(report) == ["not_logged"]
    assert report["findings"][0]["orders"][0] == order.id


@pytest.mark.usefixtures("worker")
def test_a_change_that_the_inventory_never_published_agrees_with_the_stock(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 3)
    unpublished = shop.order(item, 2)
    shop.order(item, 1)
    entries = shop.logged(item, 3)
    shop.database["stock_changes"].delete_one({"_id": entries[1]["_id"]})
    report = told(shop, item, 0)
    assert kinds(report) == ["not_logged"]
    assert report["findings"][0]["orders"] == [unpublished.id]


# --- what differs


@pytest.mark.usefixtures("worker")
def test_an_update_that_another_writer_lost_to_an_order_is_named(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    order = shop.order(item, 3, shop.disturbed(lambda item: shop.items.set_stock(item, 50)))
    shop.order(item, 1)
    overwriting = shop.logged(item, 4)[2]
    report = told(shop, item, 1)
    [finding] = report["findings"]
    assert finding["kind"] == "lost_update"
    assert finding["orders"] == [order.id]
    assert finding["stockChanges"] == [str(overwriting["_id"])]
    stocks = (finding["expectedStock"], finding["foundStock"], finding["writtenStock"])
    assert stocks == (18, 50, 15)
    in_words = run(shop, "--item", item)
    assert in_words.exit_code == 1
    assert f"order {order.id} read 18 and wrote 15 over 50" in in_words.stdout
    assert "another writer's +32 is gone" in in_words.stdout
    assert "1 item, of which 1 differs: 1 lost_update." in in_words.stdout


@pytest.mark.usefixtures("worker")
def test_an_update_that_was_lost_to_one_item_of_a_basket_is_named_at_this_item_alone(
    shop: Shop,
) -> None:
    one, other, third = shop.add_items(3)

    def restock(item: str) -> None:
        if item == other:
            shop.items.set_stock(item, 50)

    order = shop.basket({one: 1, other: 2, third: 3}, shop.disturbed(restock))
    for item, changes in ((one, 1), (other, 2), (third, 1)):
        shop.logged(item, changes)
    assert [told(shop, item, 0)["findings"] for item in (one, third)] == [[], []]
    [finding] = told(shop, other, 1)["findings"]
    assert (finding["kind"], finding["orders"]) == ("lost_update", [order.id])
    stocks = (finding["expectedStock"], finding["foundStock"], finding["writtenStock"])
    assert stocks == (20, 50, 18)


@pytest.mark.usefixtures("worker")
def test_a_basket_that_was_sold_with_a_part_of_its_lines_is_named_at_the_missing_line(
    shop: Shop,
) -> None:
    taken, missing = shop.add_items(2)
    order = shop.basket({taken: 2, missing: 3})
    shop.database["orders"].update_one(
        {"_id": ObjectId(order.id), "lines.itemId": ObjectId(missing)},
        {"$unset": {"lines.$.taken": ""}},
    )
    shop.logged(taken, 1)
    shop.logged(missing, 1)
    assert told(shop, taken, 0)["findings"] == []
    report = told(shop, missing, 1)
    [finding] = report["findings"]
    assert (finding["kind"], finding["orders"]) == ("order_without_change", [order.id])
    assert (finding["asked"], report["log"]["byOthers"]["units"]) == (-3, -3)


@pytest.mark.usefixtures("worker")
def test_a_basket_that_failed_and_kept_a_part_of_its_lines_is_named_at_the_line_it_kept(
    shop: Shop,
) -> None:
    kept, short = shop.add_items(2)
    order = shop.placed({kept: 2, short: 30})
    now = shop.adapters.clock.now()
    move = MovedLine(kept, PRICE, StockMove(20, 18, now))
    lines = tuple(line.take(move) if line.item_id == move.item_id else line for line in order.lines)
    failed = replace(order, lines=lines).fail(Failure(FailureCode.ABANDONED), now)
    shop.adapters.orders.save(failed)
    shop.items.set_stock(kept, 18)
    shop.logged(kept, 1)
    [finding] = told(shop, kept, 1)["findings"]
    assert (finding["kind"], finding["orders"]) == ("order_without_change", [order.id])
    assert finding["asked"] == 2
    assert told(shop, short, 0)["findings"] == []


@pytest.mark.usefixtures("worker")
def test_a_basket_that_is_on_its_way_back_agrees_with_the_log(shop: Shop) -> None:
    """A part of it was taken, and of this a part is given back."""
    back, kept, never = shop.add_items(3)
    order = shop.placed({back: 2, kept: 3, never: 1})
    now = shop.adapters.clock.now()
    moves = {back: StockMove(20, 18, now), kept: StockMove(20, 17, now)}
    lines = tuple(
        line.take(MovedLine(line.item_id, PRICE, moves[line.item_id]))
        if line.item_id in moves
        else line
        for line in order.lines
    )
    given_up = replace(order, lines=lines).give_up(now)
    returned = MovedLine(back, PRICE, StockMove(18, 20, now + timedelta(milliseconds=5)))
    shop.adapters.orders.save(given_up.stock_moved([returned], now))
    for item, stock in ((back, 18), (kept, 17), (back, 20)):
        shop.items.set_stock(item, stock)
    for item, changes in ((back, 2), (kept, 1)):
        shop.logged(item, changes)
    reports = {item: told(shop, item, 0) for item in (back, kept, never)}
    assert all(report["findings"] == [] for report in reports.values())
    units = {
        item: (report["orders"]["took"]["units"], report["orders"]["gaveBack"]["units"])
        for item, report in reports.items()
    }
    assert units == {back: (2, 2), kept: (3, 0), never: (0, 0)}
    assert all(report["log"]["byOthers"]["times"] == 0 for report in reports.values())


@pytest.mark.usefixtures("worker")
def test_an_overwrite_that_arrived_again_after_its_lease_is_named(shop: Shop) -> None:
    """Settlement had sent it once more and sold on by the time the first request arrived."""
    item = shop.items.add(stock=20)
    now = shop.adapters.clock.now()
    late = timedelta(seconds=shop.settings.lease_seconds + 1)
    order = of_one_line(completed(item_id=item, at=now), taken=StockMove(20, 17, now))
    settled = {"settled_at": now + late, "updated_at": now + late}
    shop.adapters.orders.add(replace(order, **settled))
    shop.items.set_stock(item, 17)
    shop.order(item, 1)
    shop.order(item, 1)
    shop.items.set_stock(item, 17)
    again = shop.logged(item, 4)[3]
    report = told(shop, item, 1)
    [finding] = report["findings"]
    assert finding["kind"] == "overwritten_again"
    assert finding["orders"] == [order.id]
    assert finding["stockChanges"] == [str(again["_id"])]
    assert (finding["foundStock"], finding["writtenStock"]) == (15, 17)
    assert "wrong by +2" in finding["text"]


@pytest.mark.usefixtures("worker")
def test_a_change_that_the_log_lacks_is_named_by_its_neighbours(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    shop.items.set_stock(item, 50)
    shop.order(item, 1)
    before, restock, after = shop.logged(item, 3)
    shop.database["stock_changes"].delete_one({"_id": restock["_id"]})
    [finding] = told(shop, item, 1)["findings"]
    assert finding["kind"] == "missing_change"
    assert finding["stockChanges"] == [str(before["_id"]), str(after["_id"])]
    assert (finding["expectedStock"], finding["foundStock"]) == (18, 50)


@pytest.mark.usefixtures("worker")
def test_an_order_that_moved_no_stock_is_named(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    now = shop.adapters.clock.now()
    invented = completed(item_id=item, quantity=5, at=now)
    invented = of_one_line(invented, taken=StockMove(18, 13, now))
    shop.adapters.orders.add(replace(invented, settled_at=now, updated_at=now))
    shop.logged(item, 1)
    [finding] = told(shop, item, 1)["findings"]
    assert (finding["kind"], finding["orders"]) == ("order_without_change", [invented.id])


@pytest.mark.usefixtures("worker")
def test_an_order_without_a_record_of_its_change_is_named(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    bare = shop.order(item, 2)
    shop.database["orders"].update_one({"_id": ObjectId(bare.id)}, {"$unset": {"taken": ""}})
    shop.logged(item, 1)
    report = told(shop, item, 1)
    [finding] = report["findings"]
    assert (finding["kind"], finding["orders"]) == ("order_without_change", [bare.id])
    assert report["log"]["byOthers"]["times"] == 1


@pytest.mark.usefixtures("worker")
def test_stock_that_the_log_does_not_explain_differs_once_the_grace_is_over(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    shop.items.set_stock(item, 50)
    _, restock = shop.logged(item, 2)
    shop.database["stock_changes"].delete_one({"_id": restock["_id"]})
    [finding] = told(shop, item, 1)["findings"]
    stocks = (finding["expectedStock"], finding["foundStock"])
    assert (finding["kind"], *stocks) == ("stock_differs", 18, 50)
    within_grace = run(shop, "--item", item, grace="60")
    assert within_grace.exit_code == 0
    assert "may not have heard of it yet" in within_grace.stdout


# --- orders that a person settled


def _stuck(shop: Shop, units: dict[str, int], doubtful: str) -> Order:
    """Each item is to be taken out of 20, by one overwrite; all but one are known to be taken."""
    order, now = shop.placed(units), shop.adapters.clock.now()
    overwrites = tuple(
        Overwrite(item, 20, 20 - quantity, PRICE) for item, quantity in sorted(units.items())
    )
    intent = Intent((order.id,), overwrites, now)
    certain = [moved for moved in intent.moved if moved.item_id != doubtful]
    stuck = Stuck("Nobody can tell.", now, (doubtful,), intent)
    return shop.adapters.orders.save(order.mark_stuck(stuck, certain))


def _decided(shop: Shop, stuck: Order) -> Order:
    word = Decision(OrderStatus.COMPLETED, "I counted.", shop.adapters.clock.now())
    return shop.adapters.orders.save(stuck.decide(word))


@pytest.mark.usefixtures("worker")
def test_an_order_that_a_person_settled_is_reported_and_is_no_difference(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.items.set_stock(item, 50)
    settled = _decided(shop, _stuck(shop, {item: 3}, item))
    shop.logged(item, 1)
    report = told(shop, item, 0)
    assert kinds(report) == ["settled_by_word"]
    assert report["findings"][0]["orders"] == [settled.id]


@pytest.mark.usefixtures("worker")
def test_a_persons_word_on_a_basket_is_reported_for_the_item_that_was_in_doubt_alone(
    shop: Shop,
) -> None:
    certain, doubtful = shop.add_items(2)
    shop.items.set_stock(certain, 17)
    shop.items.set_stock(doubtful, 50)
    stuck = _stuck(shop, {certain: 3, doubtful: 3}, doubtful)
    shop.logged(certain, 1)
    shop.logged(doubtful, 1)
    report = told(shop, certain, 0)
    assert (report["findings"], report["orders"]["stuck"]) == ([], 0)
    report = told(shop, doubtful, 1)
    assert (report["findings"], report["orders"]["stuck"]) == ([], 1)
    _decided(shop, stuck)
    assert told(shop, certain, 0)["findings"] == []
    report = told(shop, doubtful, 0)
    assert kinds(report) == ["settled_by_word"]
    assert report["findings"][0]["orders"] == [stuck.id]


def test_reconcile_counts_orders_that_wait_and_orders_that_are_stuck(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    for _ in range(3):
        order = shop.placed({item: 3})
    stuck = Stuck("Nobody can tell.", shop.adapters.clock.now(), (item,))
    shop.adapters.orders.save(order.mark_stuck(stuck))
    report = told(shop, item, 1)
    assert (report["orders"]["waiting"], report["orders"]["stuck"]) == (2, 1)


# --- which items, since when


@pytest.mark.usefixtures("worker")
def test_an_item_of_the_log_whose_id_can_be_no_items_is_left_out(shop: Shop) -> None:
    """The log keeps whatever id an event names; one with a line end behind it looks like an id."""
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    (entry,) = shop.logged(item, 1)
    forged = f"{'0' * 24}\n"
    odd = entry | {"_id": ObjectId(), "itemId": forged}
    odd["source"] = entry["source"] | {"topic": "forged"}
    shop.database["stock_changes"].insert_one(odd)
    document = json.loads(run(shop, "--json").stdout)
    assert document["summary"]["complete"]
    compared = [report["itemId"] for report in document["items"]]
    assert item in compared
    assert forged not in compared


@pytest.mark.usefixtures("worker")
def test_every_item_of_an_order_or_of_the_log_is_compared(shop: Shop) -> None:
    ordered, only_logged = shop.items.add(stock=20), shop.items.add(stock=20)
    shop.order(ordered, 2)
    shop.items.set_stock(only_logged, 5)
    shop.logged(ordered, 1)
    shop.logged(only_logged, 1)
    result = run(shop, "--json")
    reports = {report["itemId"]: report for report in json.loads(result.stdout)["items"]}
    assert list(reports) == sorted(reports)
    assert reports[ordered]["agrees"]
    assert reports[only_logged]["log"]["byOthers"]["units"] == -15
    assert json.loads(result.stdout)["summary"]["items"] == len(reports)


@pytest.mark.usefixtures("worker")
def test_reconcile_since_compares_only_what_happened_since_then(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    old = {"updatedAt": datetime(2026, 1, 1, tzinfo=UTC)}
    shop.items.set_stock(item, 50)
    [entry] = shop.logged(item, 1)
    gap = {**entry, "_id": ObjectId(), "previousStock": 1, "newStock": 2, "source": None, **old}
    shop.database["stock_changes"].insert_one(gap)
    assert kinds(told(shop, item, 1)) == ["missing_change"]
    report = told(shop, item, 0, "--since", "1h")
    assert report["log"]["times"] == 1
    assert told(shop, item, 0, "--since", "2100-01-01")["log"]["times"] == 0


def _misdate(shop: Shop, entry: dict[str, Any]) -> None:
    told = {"$set": {"updatedAt": datetime(2999, 1, 1, tzinfo=UTC)}}
    shop.database["stock_changes"].update_one({"_id": entry["_id"]}, told)


@pytest.mark.usefixtures("worker")
def test_a_change_whose_time_is_still_to_come_was_made_when_the_log_heard_of_it(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 2)
    [first] = shop.logged(item, 1)
    _misdate(shop, first)
    shop.order(item, 3)
    shop.logged(item, 2)
    report = told(shop, item, 0)
    assert report["findings"] == []
    assert (report["log"]["times"], report["log"]["misdated"]) == (2, 1)
    assert "1 stock change had a time still to come" in run(shop, "--item", item).output


@pytest.mark.usefixtures("worker")
def test_a_change_whose_time_is_still_to_come_hides_no_difference(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.items.set_stock(item, 18)
    [heard] = shop.logged(item, 1)
    _misdate(shop, heard)
    shop.items.set_stock(item, 50)
    [lost] = [each for each in shop.logged(item, 2) if each["newStock"] == 50]
    shop.database["stock_changes"].delete_one({"_id": lost["_id"]})
    [finding] = told(shop, item, 1)["findings"]
    assert (finding["kind"], finding["differs"]) == ("stock_differs", True)


def test_orders_older_than_the_log_keeps_changes_are_not_compared(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.items.set_stock(item, 18)
    shop.database["orders"].delete_many({})
    old = StockMove(90, 88, later(1))
    shop.adapters.orders.add(of_one_line(completed(item_id=item, quantity=2), taken=old))
    assert told(shop, item, 1)["orders"]["took"]["times"] == 1
    keep_stock_changes(shop.database, 30)
    report = told(shop, item, 0)
    assert report["orders"]["took"]["times"] == 0


def test_long_histories_are_compared_as_streams(shop: Shop) -> None:
    """Every order is a basket of both items."""
    items = shop.add_items(2, stock=3000)
    begun = StoreClock(shop.database).now() - timedelta(days=1)
    orders, entries = [], []
    for n in range(3000):
        at = begun + timedelta(seconds=n)
        move = StockMove(6000 - n, 5999 - n, at)
        lines = tuple(Line(item, 1, PRICE, move) for item in items)
        order = replace(completed(at=at), lines=lines, settled_at=at, updated_at=at)
        orders.append(write_order(order.saved()))
        entries += [_entry(item, 2 * n + number, move) for number, item in enumerate(items)]
    for number in range(0, len(orders), 500):
        shop.database["orders"].insert_many(orders[number : number + 500])
    shop.database["stock_changes"].insert_many(entries)
    for item in items:
        report = told(shop, item, 0)
        assert report["findings"] == []
        assert report["orders"]["took"]["times"] == report["log"]["times"] == 3000


def _entry(item: str, number: int, move: StockMove) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "itemId": item,
        "changeType": "reduced",
        "previousStock": move.previous_stock,
        "newStock": move.new_stock,
        "updatedAt": move.at,
        "createdAt": move.at,
        "source": {"topic": "made up", "partition": 0, "offset": number},
    }


# --- as it is installed


@pytest.mark.usefixtures("worker")
def test_the_reconcile_command_compares_the_store_and_inventory_of_the_settings(
    shop: Shop,
) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 3)
    shop.order(item, 2, shop.disturbed(lambda item: shop.items.set_stock(item, 50)))
    shop.logged(item, 3)
    done = shop.command("reconcile", "--item", item)
    assert done.returncode == 1, done.stderr
    assert "Lost update" in done.stdout
    assert done.stderr == ""


# --- what cannot be found out


def test_reconcile_says_that_an_item_nobody_knows_is_unknown(shop: Shop) -> None:
    result = run(shop, "--item", NOBODY)
    assert result.exit_code == 2
    assert result.stderr == f"The inventory has no item {NOBODY}.\n"


@pytest.mark.usefixtures("worker")
def test_an_item_that_the_inventory_no_longer_has_is_compared_without_its_stock(
    shop: Shop,
) -> None:
    gone = str(ObjectId())
    shop.database["stock_changes"].insert_one(
        _entry(gone, 0, StockMove(2, 1, StoreClock(shop.database).now()))
    )
    report = told(shop, gone, 0)
    assert (report["stockNow"], report["log"]["lastStock"]) == (None, 1)


def test_an_inventory_that_is_away_ends_reconciles_document_with_the_reason(shop: Shop) -> None:
    shop.order(shop.items.add(stock=20), 1)
    result = run(shop, "--json", inventory_service_url="http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "inventory can't be reached" in result.stderr
    summary = json.loads(result.stdout)["summary"]
    assert (summary["complete"], summary["error"]["code"]) == (False, "inventory_unavailable")
