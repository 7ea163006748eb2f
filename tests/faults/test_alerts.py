"""Each alert of operations/prometheus fires in a real fault, and ends after it: told by a real
Prometheus that scrapes the service each second, with the rules' windows shortened."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.faults.alarms import Watch, hurried_rules
from tests.faults.buyers import Buyers
from tests.faults.conftest import full_only
from tests.faults.rig import SETTINGS, Rig
from tests.faults.steps import trap
from tests.misbehaving import HANG_BEFORE, slow
from tests.prometheus import Prometheus
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until

# The inventory may be slow and yet be in time. A scrape has a second, and waits for a store that is
# away. A try to settle an order takes a deadline, and several have to fit into a rule's window.
OURS = {"INVENTORY_READ_TIMEOUT": "1.8", "STORE_TIMEOUT": "0.5", "REQUEST_DEADLINE": "4"}
SLOW = slow(1.2)
# More than the alert on lag allows.
MANY = 10_500


@dataclass(frozen=True, slots=True)
class Stage:
    """The rig with an inventory and a stock topic of its own. ``hot``: an item of which there is
    enough for every buyer."""

    rig: Rig
    buyers: Buyers
    stock_topic: str
    hot: str

    def tell(self, *values: bytes) -> None:
        """As an inventory would, on the stock topic, in this order."""
        producer = Producer({"bootstrap.servers": self.rig.kafka.bootstrap})
        for each in values:
            producer.produce(self.stock_topic, each, self.hot)
        assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alerts")


@pytest.fixture(scope="module")
def stage(folder: Path, mongo: Mongod, store: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    topic = f"stock-of-{folder.name}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for made in admin.create_topics([NewTopic(topic, 4)]).values():
        made.result()
    settings = SETTINGS | OURS | {"KAFKA_STOCK_TOPICS": topic}
    log = folder / "inventory.log"
    own = SampleInventory(mongo.uri, kafka.bootstrap, threads=32, topic=topic, log_path=log)
    with own as inventory, Rig("absolute", store, kafka, inventory, folder, settings) as rig:
        buyers = Buyers(rig.system, random.Random(1))
        try:
            yield Stage(rig, buyers, topic, rig.system.add_item(10_000_000))
        finally:
            buyers.close()


@pytest.fixture(scope="module")
def prometheus(folder: Path, stage: Stage) -> Iterator[Prometheus]:
    system = stage.rig.system
    jobs = {"order-service-api": system.urls, "order-service-worker": system.worker_urls}
    with Prometheus(folder / "prometheus", jobs, hurried_rules()) as prometheus:
        yield prometheus


@contextmanager
def processes_killed(stage: Stage) -> Iterator[None]:
    killed = [stage.rig.system.api[1], stage.rig.system.worker[1]]
    for each in killed:
        each.kill()
    yield
    for each in killed:
        each.start()


@contextmanager
def inventory_away(stage: Stage) -> Iterator[None]:
    """With a hold that is over meanwhile."""
    system, proxy = stage.rig.system, stage.rig.proxy
    with stage.buyers.crowd([stage.hot], clients=4):
        assert system.hold(system.add_item(1), 2).status_code == 201
        proxy.refuse()
        yield
        proxy.accept()


@contextmanager
def item_hanging(stage: Stage) -> Iterator[None]:
    """In the inventory, from an order's overwrite on; the order waits for its settlement."""
    system, proxy = stage.rig.system, stage.rig.proxy
    item = system.add_item(1)
    proxy.misbehave(HANG_BEFORE, method="PATCH", path=item)
    assert system.create(item).status_code == 202
    proxy.misbehave(HANG_BEFORE, path=item)
    yield
    proxy.behave()


@contextmanager
def inventory_slow(stage: Stage) -> Iterator[None]:
    with stage.buyers.crowd([stage.hot], clients=6):
        stage.rig.proxy.misbehave(SLOW)
        yield
        stage.rig.proxy.behave()


@contextmanager
def broker_killed(stage: Stage) -> Iterator[None]:
    """With an event that waits for the broker."""
    system = stage.rig.system
    order = system.hold(system.add_item(1)).json()["order"]["_id"]
    stage.rig.kafka.kill()
    assert system.confirm(order).status_code == 200
    yield
    stage.rig.kafka.launch()


@contextmanager
def store_killed(stage: Stage) -> Iterator[None]:
    """While more changes come than the log may be behind."""
    stage.rig.store.kill()
    stage.tell(*(value(itemId=f"{number:024x}") for number in range(MANY)))
    yield
    assert isinstance(stage.rig.store, Mongod)
    stage.rig.store.launch()


@contextmanager
def others_write(stage: Stage) -> Iterator[None]:
    """Over an order's open intent; over each other, as two who read the same stock; and to the
    topic, what nobody can read."""
    rig = stage.rig
    item = rig.system.add_item(100)
    killed = rig.traps.set(trap("leases.acquire", "after"))
    stage.buyers.buy(item)
    until(lambda: killed.caught, "the API was killed")
    rig.system.items.set_stock(item, 150)
    stage.tell(value(), value(newStock=97, changeAmount=3), b"It works!")
    yield
    [order] = rig.system.orders(item)
    reason = ("--as=failed", "--reason=I counted.", "--yes")
    done = rig.command("orders", "settle", str(order["_id"]), *reason)
    assert done.returncode == 0, done.stdout + done.stderr


Begin = Callable[[Stage], AbstractContextManager[None]]
FAULTS: dict[Begin, set[str]] = {
    processes_killed: {"ApiDown", "WorkerDown"},
    inventory_away: {"ErrorRate", "BreakerOpen", "HoldsOverdue"},
    item_hanging: {"SettlementFailing"},
    inventory_slow: {"CreateLatency", "InventorySlow", "LeaseWaits"},
    broker_killed: {"KafkaUnreachable", "EventsUnpublished"},
    store_killed: {"StoreUnreadable", "LogStalled", "ConsumerLag"},
    others_write: {"OrdersStuck", "LostUpdates", "DeadLetters"},
}
SHORT = [processes_killed, inventory_away]


@pytest.mark.parametrize(
    "begin",
    [each if each in SHORT else pytest.param(each, marks=full_only) for each in FAULTS],
    ids=lambda begin: begin.__name__,
)
def test_alerts_fire_while_something_is_wrong_and_end_after(
    stage: Stage, prometheus: Prometheus, begin: Begin
) -> None:
    alerts = {f"OrderService{each}" for each in FAULTS[begin]}
    name = begin.__name__.replace("_", " ")
    try:
        Watch(prometheus).over(name, begin(stage), alerts)
    finally:
        stage.rig.heal()


def test_each_alert_has_a_fault_that_makes_it_fire(prometheus: Prometheus) -> None:
    told = {f"OrderService{each}" for alerts in FAULTS.values() for each in alerts}
    assert told == {rule["name"] for rule in prometheus.rules()}
