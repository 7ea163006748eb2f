"""The store is lost, and an old backup of it is put back: what the topics know comes back, and what
nobody knows is named.

The commands are those of docs/backup.md.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.commands import order_service
from tests.faults.rig import SETTINGS
from tests.misbehaving import HANG_AFTER, MisbehavingInventory
from tests.system import Parts, System, clean_environment
from tests.waiting import until

TOPIC = "order-events-of-a-lost-store"
GROUP = "order-service-of-a-lost-store"
STOCK_TOPIC = "stock_updates"
# Before the store is lost nothing finishes what the backup has half done.
PATIENT = {
    "SETTLE_AFTER": "600",
    "LEASE_SECONDS": "60",
    "INVENTORY_READ_TIMEOUT": "20",
    "REQUEST_DEADLINE": "40",
}


@pytest.fixture
def proxy(inventory: SampleInventory) -> Iterator[MisbehavingInventory]:
    with MisbehavingInventory(inventory.url) as proxy:
        yield proxy


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Mongod]:
    """Of this test alone: it is lost."""
    with Mongod(tmp_path / "store", name="The order store") as store:
        yield store


def test_an_old_backup_and_the_topics_bring_the_orders_back_and_name_what_nobody_knows(
    store: Mongod, kafka: KafkaBroker, proxy: MisbehavingInventory, tmp_path: Path
) -> None:
    parts = Parts(store.uri_for("orders"), kafka, proxy)
    own = {
        **SETTINGS,
        "KAFKA_ORDER_TOPIC": TOPIC,
        "KAFKA_GROUP": GROUP,
        "KAFKA_STOCK_TOPICS": STOCK_TOPIC,
    }
    stocks: dict[str, int] = {}
    with System(parts, tmp_path / "before", own | PATIENT) as system:
        sold, held, doubtful, lossy = (system.add_item(20) for _ in range(4))
        kept = _made(system, {sold: 2, held: 1})
        to_cancel = _made(system, {sold: 1})
        to_confirm, to_expire, to_stay = (_id(system.hold(held)) for _ in range(3))
        in_doubt = _crashed_in(system, proxy, doubtful)
        _await_published(system)
        # What the log lacks in the backup is read again from a second before it, and no earlier.
        moves = {sold: 2, held: 4, doubtful: 1}
        until(lambda: _counted(system, moves) == moves, "the log before the backup", 20)

        made_at = datetime.now(UTC) - timedelta(seconds=1)
        _back_up(store, tmp_path / "backup")

        made = _made(system, {sold: 1, lossy: 2})
        newly_held = _id(system.hold(held))
        assert system.create(lossy, 100).status_code == 400
        assert system.cancel(to_cancel).status_code == 200
        assert system.confirm(to_confirm).status_code == 200
        assert system.extend(to_expire, 1).status_code == 200
        assert system.extend(to_stay, 1800).status_code == 200
        system.await_orders(held, {"COMPLETED": 2, "RESERVED": 2, "EXPIRED": 1})
        _await_published(system)
        # An order that nobody was told of but its customer.
        for worker in system.worker:
            worker.kill()
        lost = _made(system, {lossy: 1})
        stocks = {item: system.stock(item) for item in (sold, held, doubtful, lossy)}
        system.kill()

    store.kill()
    shutil.rmtree(store.data_dir / "db")
    shutil.copytree(tmp_path / "backup", store.data_dir / "db")
    store.start()

    (tmp_path / "after").mkdir()
    system = System(parts, tmp_path / "after", own)
    since = made_at.isoformat()
    system.migrate()
    # Looking changes nothing.
    assert _restore(system, 1, since) == _restore(system, 1, since)
    done = _restore(system, 1, since, "--write")
    statuses = {each["orderId"]: (each["before"], each["after"]) for each in done["brought"]}
    assert statuses == {
        made: (None, "COMPLETED"),
        newly_held: (None, "RESERVED"),
        to_cancel: ("COMPLETED", "CANCELLED"),
        to_confirm: ("RESERVED", "COMPLETED"),
        to_expire: ("RESERVED", "EXPIRED"),
    }
    assert [each["orderId"] for each in done["inDoubt"]] == [in_doubt]
    assert done["heldWithoutEnd"] == [newly_held]
    assert len(done["failed"]) == 1
    assert [done[name] for name in ("contradicted", "cut", "unreadable")] == [[], [], []]
    # Once is enough.
    again = _restore(system, 0, since, "--write")
    assert [again["brought"], again["inDoubt"]] == [[], []]
    # All that was ever told fits the orders, and what somebody else wrote is named.
    _write(kafka, b'{"event":"ORDER_CREATED","totalPrice":1E+7000}')
    told = _restore(system, 1, "1969-07-20T20:17Z")
    assert [told[name] for name in ("brought", "inDoubt", "contradicted")] == [[], [], []]
    assert [place["topic"] for place in told["unreadable"]] == [TOPIC]

    _read_again(kafka, made_at)
    with system:
        # The log is filled again, and is the evidence for what the backup had half done.
        system.await_orders(doubtful, {"COMPLETED": 1})
        # The last stock of an item alone can be that of the backup.
        moves = {sold: 4, held: 6, doubtful: 1, lossy: 2}
        logged = {item: (moves[item], stock) for item, stock in stocks.items()}
        until(lambda: _logged(system, stocks) == logged, "the log's end", 20)
        seen = {order_id: system.get(order_id).json()["order"] for order_id in (*statuses, kept)}
        assert {order_id: order["status"] for order_id, order in seen.items()} == {
            **{order_id: after for order_id, (_, after) in statuses.items()},
            kept: "COMPLETED",
        }
        assert seen[made]["totalPrice"] == 29.97
        assert system.get(lost).status_code == 404
        assert {item: system.stock(item) for item in stocks} == stocks
        story = [entry["event"] for entry in system.history(to_cancel).json()["history"]]
        assert story[-2:] == ["ORDER_CANCELLED", "ORDER_BROUGHT_BACK"]

        # Nothing happened to the other item since.
        reports = {each["itemId"]: each for each in _reconcile(system, since)["items"]}
        agreed = {item: reports[item]["agrees"] for item in (sold, held, lossy)}
        assert agreed == {sold: True, held: True, lossy: False}
        [difference] = [each for each in reports[lossy]["findings"] if each["differs"]]
        assert difference["kind"] == "brought_back"
        assert "moved the stock by -2 in all" in difference["text"]
        assert "come to -3" in difference["text"]


def _made(system: System, lines: dict[str, int]) -> str:
    return _id(system.create_basket(lines))


def _crashed_in(system: System, proxy: MisbehavingInventory, item: str) -> str:
    """An order whose API was killed after its overwrite was made, and before it heard of that."""
    proxy.misbehave(HANG_AFTER, method="PATCH", path=item)
    with ThreadPoolExecutor() as client:
        sent = client.submit(system.create, item)
        until(lambda: system.stock(item) == 19, "the overwrite", 20)
        system.api[0].kill()
        assert isinstance(sent.exception(), requests.ConnectionError)
    proxy.behave()
    system.revive()
    [order] = system.orders(item)
    assert order["status"] == "PENDING"
    return str(order["_id"])


def _id(answer: Any) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order"]["_id"])


def _await_published(system: System) -> None:
    waiting = {"outbox.0": {"$exists": True}}
    until(lambda: not system.database["orders"].count_documents(waiting), "all published", 20)


def _back_up(store: Mongod, to: Path) -> None:
    with _no_writes(store):
        shutil.copytree(store.data_dir / "db", to)


@contextmanager
def _no_writes(store: Mongod) -> Iterator[None]:
    """The files stand still, and are as after a checkpoint."""
    with store.client() as client:
        client.admin.command("fsync", lock=True)
        try:
            yield
        finally:
            client.admin.command("fsyncUnlock")


def _write(kafka: KafkaBroker, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(TOPIC, value)
    assert producer.flush(10) == 0


def _read_again(kafka: KafkaBroker, since: datetime) -> None:
    """As kafka-consumer-groups.sh --reset-offsets --to-datetime does."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    partitions = admin.list_topics(STOCK_TOPIC, timeout=10).topics[STOCK_TOPIC].partitions
    places = [TopicPartition(STOCK_TOPIC, each) for each in partitions]
    at = OffsetSpec.for_timestamp(int(since.timestamp() * 1000))
    ends = admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
    found = admin.list_offsets(dict.fromkeys(places, at))
    for place in places:
        offset = found[place].result().offset
        place.offset = offset if offset >= 0 else ends[place].result().offset
    asked = ConsumerGroupTopicPartitions(GROUP, places)

    def is_done() -> bool:
        # Not while the broker still counts the killed worker as a member.
        try:
            admin.alter_consumer_group_offsets([asked])[GROUP].result()
        except Exception:  # noqa: BLE001
            return False
        return True

    until(is_done, "the offsets reset", 20, pause=0.5)


def _logged(system: System, items: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Of each item the number of its changes, and the stock that the last one left."""
    logs = {item: system.stock_changes(item) for item in items}
    return {item: (len(log), log[0]["newStock"]) for item, log in logs.items() if log}


def _counted(system: System, items: Iterable[str]) -> dict[str, int]:
    return {item: number for item, (number, _) in _logged(system, items).items()}


def _restore(system: System, code: int, since: str, *more: str) -> dict[str, Any]:
    return _command(system, code, "orders", "restore", "--since", since, "--by", "Ada", *more)


def _reconcile(system: System, since: str) -> dict[str, Any]:
    return _command(system, 1, "reconcile", "--since", since, "--grace", "0")


def _command(system: System, code: int, *words: str) -> dict[str, Any]:
    environment = clean_environment(system.settings)
    done = order_service(*words, "--json", environment=environment)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
