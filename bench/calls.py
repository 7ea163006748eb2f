"""The cost of each call of an order to its process, alone and shared by sixteen orders, and of a
round of the relay.

    make bench-calls

The real adapters on the real parts, one call after the other in one thread: medians of the calling
process's CPU, and of the clock. In a process busy with other work, whose processor caches are cold,
a call costs two to three times as much.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from bson import ObjectId

from bench.say import say
from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.application.orders.publish import AT_ONCE, PublishEvents
from order_service.application.stock.lease import Lease
from order_service.bootstrap.adapters import Adapters, build_adapters
from order_service.bootstrap.shared import Shared
from order_service.domain.line import Line
from order_service.domain.moves import Intent, MovedLine, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.infrastructure.kafka.build import event_publisher
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings
from tests.items import Items

TIMES, ROUNDS = 300, 20
TOGETHER = 16
STOCK = 1_000_000
PRICE = Decimal("9.99")


class Cost(NamedTuple):
    """Milliseconds."""

    cpu: float
    clock: float


def cost(prepare: Callable[[], Any], call: Callable[[Any], object], times: int = TIMES) -> Cost:
    """The cost of ``call`` on ``prepare``'s result; the cost of ``prepare`` does not count."""
    cpu, clock = [], []
    for _ in range(times):
        argument = prepare()
        used, began = time.process_time(), time.perf_counter()
        call(argument)
        clock.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return Cost(1000 * statistics.median(cpu), 1000 * statistics.median(clock))


class Calls:
    """All calls of creating an order."""

    def __init__(self, adapters: Adapters, publish: PublishEvents, item: str) -> None:
        self._adapters = adapters
        self._publish = publish
        self._item = item
        self._stock = STOCK

    def alone(self) -> dict[str, Cost]:
        leases, inventory = self._adapters.leases, self._adapters.absolute
        return {
            "store the order": cost(self._new, self._adapters.orders.add),
            "look at the lease": cost(lambda: [self._item], leases.look),
            "load the order": cost(lambda: self._stored(1), self._load),
            "GET the stock": cost(lambda: self._item, inventory.read),
            "take the lease, with the intent": cost(self._free, self._take),
            "PATCH the stock": cost(self._next_stock, self._overwrite),
            "store the outcome, with the event": cost(lambda: self._stored(1), self._complete),
            "release the lease": cost(lambda: [self._take(self._free())], leases.release),
            "POST the deduction (conditional)": cost(self._new, self._deduct),
        }

    def together(self) -> dict[str, Cost]:
        """The calls that orders of one item share, each for sixteen orders."""
        return {
            "load 16 orders": cost(lambda: self._stored(TOGETHER), self._load),
            "store 16 outcomes": cost(lambda: self._stored(TOGETHER), self._complete),
        }

    def relay(self) -> dict[str, Cost]:
        while self._publish():
            pass
        return {f"publish the events of {AT_ONCE}": cost(self._outcomes, self._relay, ROUNDS)}

    def _new(self) -> Order:
        now = self._adapters.clock.now()
        return Order.place(id=str(ObjectId()), lines=[Line(self._item, 1)], at=now)

    def _stored(self, number: int) -> list[Order]:
        return [self._adapters.orders.add(self._new()) for _ in range(number)]

    def _load(self, orders: list[Order]) -> None:
        assert len(self._adapters.orders.get_many([order.id for order in orders])) == len(orders)

    def _complete(self, orders: list[Order]) -> None:
        at = orders[0].created_at
        move = MovedLine(self._item, PRICE, StockMove(2, 1, at))
        moved = [order.stock_moved([move], at) for order in orders]
        assert len(self._adapters.orders.save_all(moved)) == len(orders)

    def _outcomes(self) -> None:
        self._complete(self._stored(AT_ONCE))

    def _relay(self, _: None) -> None:
        assert self._publish() == AT_ONCE

    def _free(self) -> Lease:
        """The lease of an item that nobody holds."""
        [lease] = self._adapters.leases.look([str(ObjectId())])
        return lease

    def _take(self, lease: Lease) -> Lease:
        overwrite = Overwrite(lease.item_id, 2, 1, PRICE)
        intent = Intent((str(ObjectId()),), (overwrite,), self._adapters.clock.now())
        taken = self._adapters.leases.acquire(lease, intent)
        assert taken is not None
        return taken

    def _next_stock(self) -> int:
        self._stock -= 1
        return self._stock

    def _overwrite(self, stock: int) -> None:
        self._adapters.absolute.overwrite(self._item, stock, time.monotonic() + 60)

    def _deduct(self, order: Order) -> None:
        self._adapters.conditional.deduct(self._item, 1, order.id)


def show(costs: dict[str, Cost]) -> None:
    for name, each in costs.items():
        say(f"{name:36}{each.cpu:10.3f}{each.clock:10.3f}")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Mongod(Path(folder) / "mongo") as mongo,
        KafkaBroker(Path(folder) / "kafka") as kafka,
        SampleInventory(mongo.uri, kafka.bootstrap) as inventory,
        Items(inventory.url) as items,
    ):
        settings = Settings(
            mongo_uri=mongo.uri, kafka_broker=kafka.bootstrap, inventory_service_url=inventory.url
        )
        database = connect(settings)
        adapters = build_adapters(settings, database, Shared())
        publisher = event_publisher(settings)
        publish = PublishEvents(adapters.outbox, publisher, adapters.relay_lock)
        calls = Calls(adapters, publish, items.add(STOCK))
        schema.migrate(database)
        say(f"{'ms':36}{'CPU':>10}{'clock':>10}")
        alone = calls.alone()
        show(alone)
        absolute = list(alone.values())[:-1]
        say(f"{'an order alone (absolute), in all':36}{sum(c.cpu for c in absolute):10.3f}")
        show(calls.together())
        show(calls.relay())
        database.client.close()


if __name__ == "__main__":
    main()
