"""How far one request walks through the code: `make walk`.

Each trip is made once before it is traced, as in a process that has served already. The trips use
a MongoDB of their own, an inventory that answers at once, and a consumer that gets one record.

| column | of order_service alone |
|---|---|
| files | whose functions ran |
| functions | that ran |
| hops | calls from a function of one file to a function of another, thread by thread |
"""

import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))

from devstack.mongod import Mongod  # noqa: E402
from order_service.application.stock_log.record import RecordStockChanges  # noqa: E402
from order_service.bootstrap import worker  # noqa: E402
from order_service.bootstrap.adapters import Adapters, build_adapters  # noqa: E402
from order_service.bootstrap.api import build_api  # noqa: E402
from order_service.bootstrap.shared import Shared  # noqa: E402
from order_service.domain.line import Line  # noqa: E402
from order_service.domain.order import Order  # noqa: E402
from order_service.infrastructure.kafka import build  # noqa: E402
from order_service.infrastructure.mongo import schema  # noqa: E402
from order_service.infrastructure.mongo.connection import connect  # noqa: E402
from order_service.infrastructure.telemetry.settlement import SettlementMetrics  # noqa: E402
from order_service.settings import Settings  # noqa: E402
from tests.unit.infrastructure.kafka.fakes import FakeBroker, Sightings, value  # noqa: E402

SOURCES = str(CHECKOUT / "order_service")
ITEM = "64b000000000000000000001"


class Walk:
    """The functions that ran during this walk, in every thread that began after ``watch``."""

    current: ClassVar["Walk | None"] = None

    def __init__(self) -> None:
        self.functions: set[tuple[str, str]] = set()
        self.hops = 0

    @contextmanager
    def traced(self) -> Iterator[None]:
        Walk.current = self
        try:
            yield
        finally:
            Walk.current = None

    def saw(self, frame: FrameType) -> None:
        file = frame.f_code.co_filename
        if file.startswith(SOURCES):
            self.functions.add((file, frame.f_code.co_qualname))
            before = _ours(frame.f_back)
            self.hops += before is not None and before != file

    def line(self, trip: str) -> str:
        files = {file for file, _ in self.functions}
        return f"{trip:<28}{len(files):>8}{len(self.functions):>12}{self.hops:>8}"


def watch() -> None:
    def tell(frame: FrameType, event: str, _: Any) -> None:
        walk = Walk.current
        if event == "call" and walk is not None:
            walk.saw(frame)

    threading.setprofile(tell)
    sys.setprofile(tell)


def _ours(frame: FrameType | None) -> str | None:
    while frame is not None:
        if frame.f_code.co_filename.startswith(SOURCES):
            return frame.f_code.co_filename
        frame = frame.f_back
    return None


class Inventory(BaseHTTPRequestHandler):
    """Both contracts, with more stock than anybody asks for."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        item = {"name": "any", "description": "", "stock": 1_000_000, "price": 2.5}
        body = json.dumps({**item, "message": "done", "item": item}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PATCH = do_POST = _answer  # noqa: N815  (http.server calls them so)

    def log_message(self, *_: object) -> None:
        """No log: nobody reads one."""


@contextmanager
def parts() -> Iterator[Settings]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Inventory)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder, Mongod(Path(folder)) as mongo:
        yield Settings(
            mongo_uri=mongo.uri,
            inventory_service_url=f"http://127.0.0.1:{server.server_port}",
            worker_port=0,
            log_level="ERROR",
        )
    server.shutdown()


def walked(trip: Callable[[], object]) -> Walk:
    trip()
    walk = Walk()
    with walk.traced():
        trip()
    return walk


def requests(client: FlaskClient, contract: str) -> Iterator[tuple[str, Walk]]:
    def create() -> str:
        answer = client.post("/api/orders", json={"itemId": ITEM, "quantity": 1})
        assert answer.status_code == 201, answer.text
        return str(answer.json["order"]["_id"])

    yield f"create, {contract}", walked(create)
    made = iter([create(), create()])
    yield f"cancel, {contract}", walked(lambda: client.post(f"/api/orders/{next(made)}/cancel"))
    if contract == "absolute":
        kept = create()
        yield "read, cached", walked(lambda: client.get(f"/api/orders/{kept}"))


def event(settings: Settings, adapters: Adapters) -> Walk:
    """One record that the worker logs. A fake client hands it over in the broker's place."""

    def consume() -> None:
        broker = FakeBroker(value())
        build.Consumer = lambda *_, **__: broker  # type: ignore[assignment, misc]
        record = RecordStockChanges(adapters.changes)
        consumer = build.stock_consumer(settings, record, CollectorRegistry(), Sightings())
        broker.at_the_end = consumer.stop
        runs.append(consumer.run)

    runs: list[Callable[[], None]] = []
    for _ in range(2):
        consume()
    return walked(lambda: runs.pop()())


def settlement(settings: Settings, adapters: Adapters) -> Walk:
    """The settlement of an order whose create was killed before it took stock."""
    metrics = SettlementMetrics(CollectorRegistry())
    settle = worker._settlement(settings, adapters, metrics)

    def abandoned() -> None:
        long_ago = adapters.clock.now() - timedelta(hours=1)
        new = adapters.orders.next_id()
        adapters.orders.add(Order.place(id=new, lines=[Line(ITEM, 1)], at=long_ago))

    def settle_one() -> None:
        assert settle() == 1

    abandoned()
    settle_one()
    abandoned()
    walk = Walk()
    with walk.traced():
        settle_one()
    return walk


def main() -> None:
    watch()
    print(f"{'trip':<28}{'files':>8}{'functions':>12}{'hops':>8}")
    with parts() as settings:
        database = connect(settings)
        schema.migrate(database)
        for contract in ("absolute", "conditional"):
            chosen = settings.model_copy(update={"inventory_contract": contract})
            for trip, walk in requests(
                build_api(chosen, database, Shared()).test_client(), contract
            ):
                print(walk.line(trip))
        adapters = build_adapters(settings, database, Shared())
        print(event(settings, adapters).line("a Kafka event"))
        print(settlement(settings, adapters).line("settlement, abandoning one"))
    sys.setprofile(None)


if __name__ == "__main__":
    main()
