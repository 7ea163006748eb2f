"""Reconciliation on the real store, broker and inventory: what it finds, and what it does not."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from click.testing import CliRunner, Result

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.application.orders.create import CreateOrderCommand
from order_service.bootstrap.adapters import Adapters, build_adapters
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.commands import Commands
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import InsufficientStock
from order_service.domain.marks import Decision, Stuck
from order_service.domain.moves import Intent, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.documents import ORDER_MAPPING
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.interface.cli.reconcile import reconcile
from order_service.interface.http.use_cases import ApiUseCases
from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.items import Items
from tests.orders import PRICE, cancelled, completed, later
from tests.system import CHECKOUT, clean_environment
from tests.waiting import until

NOBODY = "0" * 24


class Shop:
    """The service as its processes are composed, and its inventory's owner beside it."""

    def __init__(self, stage: Stage, items: Items, shared: Shared) -> None:
        self.settings = stage.settings
        self.database = stage.database
        self.items = items
        self.adapters = build_adapters(self.settings, self.database, shared)
        self.use_cases = build_use_cases(self.settings, self.adapters)

    def order(self, item: str, quantity: int, use_cases: ApiUseCases | None = None) -> Order:
        create = (use_cases or self.use_cases).create_order
        order = create(CreateOrderCommand(item, quantity)).order
        assert order.status is OrderStatus.COMPLETED
        return order

    def cancel(self, order: Order) -> None:
        assert self.use_cases.cancel_order(order.id).order.status is OrderStatus.CANCELLED

    def disturbed(self, before_overwrite: Callable[[], None]) -> ApiUseCases:
        """Use cases whose overwrite somebody gets ahead of."""
        absolute = OvertakenInventory(self.adapters.absolute, before_overwrite)
        disturbed: Adapters = replace(self.adapters, absolute=absolute)
        return build_use_cases(self.settings, disturbed)

    def logged(self, item: str, number: int) -> list[dict[str, Any]]:
        """The item's entries, once there are so many."""
        log = self.database["stock_changes"]

        def found() -> list[dict[str, Any]]:
            entries = list(log.find({"itemId": item}, sort=[("updatedAt", 1)]))
            return entries if len(entries) >= number else []

        return until(found, f"{number} entries of the log", 20)


class OvertakenInventory:
    def __init__(self, inventory: Any, before_overwrite: Callable[[], None]) -> None:
        self._inventory = inventory
        self._before_overwrite = before_overwrite

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        self._before_overwrite()
        self._inventory.overwrite(item_id, stock, not_after)


@pytest.fixture(params=["absolute"])
def stage(
    request: pytest.FixtureRequest, mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory
) -> Iterator[Stage]:
    """A database of its own, and the topic that the inventory publishes to."""
    with Stage(
        mongo.uri,
        kafka.bootstrap,
        KAFKA_STOCK_TOPICS="stock_updates",
        INVENTORY_SERVICE_URL=inventory.url,
        INVENTORY_CONTRACT=request.param,
    ) as stage:
        yield stage


@pytest.fixture
def shop(stage: Stage, items: Items, shared: Shared) -> Shop:
    return Shop(stage, items, shared)


@pytest.fixture
def worker(stage: Stage) -> Iterator[None]:
    """What keeps the log."""
    with RunningConsumer(stage):
        yield


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


@pytest.mark.parametrize("stage", ["conditional"], indirect=True)
@pytest.mark.usefixtures("worker")
def test_orders_with_equal_changes_of_one_millisecond_agree_with_the_log(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    now = shop.adapters.clock.now()
    done = {"taken": StockMove(20, 17, now), "settled_at": now, "updated_at": now}
    for _ in range(2):
        shop.adapters.orders.add(replace(completed(item_id=item, at=now), **done))
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
    takes = [replace(completed(item_id=item, at=now), taken=move, **done) for _ in range(2)]
    back = replace(cancelled(item_id=item, at=now, quantity=2), returned=move, **done)
    back = replace(back, taken=StockMove(22, 20, now - timedelta(seconds=1)))
    for order in [*takes, back]:
        shop.adapters.orders.add(order)
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
    orders = shop.adapters.orders
    now = shop.adapters.clock.now()
    order = orders.add(Order.place(id=orders.next_id(), item_id=item, quantity=3, at=now))
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
    order = shop.order(item, 3, shop.disturbed(lambda: shop.items.set_stock(item, 50)))
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
def test_an_overwrite_that_arrived_again_after_its_lease_is_named(shop: Shop) -> None:
    """Settlement had sent it once more and sold on by the time the first request arrived."""
    item = shop.items.add(stock=20)
    now = shop.adapters.clock.now()
    late = timedelta(seconds=shop.settings.lease_seconds + 1)
    settled = {"taken": StockMove(20, 17, now), "settled_at": now + late, "updated_at": now + late}
    order = shop.adapters.orders.add(replace(completed(item_id=item, at=now), **settled))
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
    shop.adapters.orders.add(
        replace(invented, taken=StockMove(18, 13, now), settled_at=now, updated_at=now)
    )
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


def _settled_by_word(shop: Shop, item: str) -> Order:
    orders, now = shop.adapters.orders, shop.adapters.clock.now()
    order = orders.add(Order.place(id=orders.next_id(), item_id=item, quantity=3, at=now))
    intent = Intent((order.id,), 20, 17, PRICE, now)
    stuck = orders.save(order.mark_stuck(Stuck("Nobody can tell.", now, intent)))
    word = Decision(OrderStatus.COMPLETED, "I counted.", shop.adapters.clock.now())
    return orders.save(stuck.decide(word))


@pytest.mark.usefixtures("worker")
def test_an_order_that_a_person_settled_is_reported_and_is_no_difference(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    shop.items.set_stock(item, 50)
    settled = _settled_by_word(shop, item)
    shop.logged(item, 1)
    report = told(shop, item, 0)
    assert kinds(report) == ["settled_by_word"]
    assert report["findings"][0]["orders"] == [settled.id]


def test_reconcile_counts_orders_that_wait_and_orders_that_are_stuck(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    orders, now = shop.adapters.orders, shop.adapters.clock.now()
    for _ in range(3):
        order = orders.add(Order.place(id=orders.next_id(), item_id=item, quantity=3, at=now))
    orders.save(order.mark_stuck(Stuck("Nobody can tell.", now)))
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
    order = replace(completed(item_id=item, quantity=2), taken=StockMove(90, 88, later(1)))
    shop.adapters.orders.add(order)
    assert told(shop, item, 1)["orders"]["took"]["times"] == 1
    keep_stock_changes(shop.database, 30)
    report = told(shop, item, 0)
    assert report["orders"]["took"]["times"] == 0


def test_long_histories_are_compared_as_streams(shop: Shop) -> None:
    item = shop.items.add(stock=3000)
    begun = StoreClock(shop.database).now() - timedelta(days=1)
    orders, entries = [], []
    for n in range(3000):
        at = begun + timedelta(seconds=n)
        move = StockMove(6000 - n, 5999 - n, at)
        order = completed(item_id=item, quantity=1, at=at)
        stored = replace(order, taken=move, settled_at=at, updated_at=at).saved()
        orders.append(ORDER_MAPPING.write(stored))
        entries.append(_entry(item, n, move))
    shop.database["orders"].insert_many(orders)
    shop.database["stock_changes"].insert_many(entries)
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
    shop: Shop, stage: Stage
) -> None:
    item = shop.items.add(stock=20)
    shop.order(item, 3)
    shop.order(item, 2, shop.disturbed(lambda: shop.items.set_stock(item, 50)))
    shop.logged(item, 3)
    command = [sys.executable, "-m", "order_service", "reconcile", "--item", item]
    environment = clean_environment(stage.environment)
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )
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
