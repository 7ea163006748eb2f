"""The cost of a page of the list of orders at growing numbers of orders.

    python -m bench.list [--json FILE] [number of orders ...]

The numbers are 1000, 100000 and 1000000 if none is given; the ratios are written to FILE.

Starts a MongoDB of its own, fills it, and reads pages of 20 through the whole application, but for
the sockets: the first page, and a page from the midst, of each kind of list. The sizes take turns
page by page, so that the machine's other work slows all of them alike.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson import Decimal128, ObjectId
from flask.testing import FlaskClient
from tqdm import tqdm

from devstack.mongod import Mongod
from order_service.application.callers import Caller, Scope
from order_service.bootstrap.adapters import build_adapters
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.shared import Shared
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database, collection_of, connect
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.telemetry import logs
from order_service.interface.http.app import create_app
from order_service.settings import Settings

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 40
BATCH = 5_000
START = datetime(2026, 1, 1, tzinfo=UTC)
# Few items and customers: the narrowest list of a thousand orders is longer than a page.
ITEMS = [f"{n:024x}" for n in range(2)]
CUSTOMERS = [f"customer-{n}" for n in range(2)]
# Milliseconds of each page, by the number of orders and the kind of list.
Results = dict[int, dict[str, list[float]]]
STATUSES = ["COMPLETED", "CANCELLED", "FAILED", "EXPIRED"]
LISTS = {
    "all": "",
    "an item's": f"itemId={ITEMS[0]}",
    "in a status": f"status={OrderStatus.CANCELLED}",
    "an item's in a status": f"itemId={ITEMS[0]}&status={OrderStatus.CANCELLED}",
}
TOKEN = {"Authorization": "Bearer -"}
READER = Caller("an admin", frozenset({Scope.ORDERS_READ, Scope.ORDERS_ADMIN}))
CUSTOMER = Caller(CUSTOMERS[0], frozenset({Scope.ORDERS_READ}))


def orders(number: int) -> Iterator[list[dict[str, Any]]]:
    """Orders as the service stores orders, a hundred a second of their time, in batches."""
    for first in range(0, number, BATCH):
        yield [
            {
                "_id": ObjectId(),
                "itemId": ObjectId(ITEMS[n % 2]),
                "customerId": CUSTOMERS[n // 2 % 2],
                "quantity": 2,
                "status": STATUSES[n // 4 % len(STATUSES)],
                "totalPrice": Decimal128("39.98"),
                "createdAt": START + timedelta(milliseconds=10 * n),
                "updatedAt": START + timedelta(milliseconds=10 * n + 5),
                "settledAt": START + timedelta(milliseconds=10 * n + 5),
                "version": 2,
                "outbox": [],
            }
            for n in range(first, min(first + BATCH, number))
        ]


def fill(database: Database, number: int) -> None:
    with tqdm(
        total=number, unit=" orders", desc=f"{number:,}", leave=False, disable=None
    ) as progress:
        for batch in orders(number):
            collection_of(database, OrderDocument).insert_many(batch, ordered=False)
            progress.update(len(batch))
    # Indexes built over all stored orders are faster than indexes kept during the inserts.
    schema.migrate(database)


def page_time(client: FlaskClient, path: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    answer = client.get(path, headers=TOKEN)
    taken = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200
    assert len(answer.get_json()["orders"]) == 20
    return taken


def midst(client: FlaskClient, path: str, number: int) -> str:
    """The path of the same list's page after three quarters of the orders."""
    at = (START + timedelta(milliseconds=7.5 * number)).isoformat().replace("+00:00", "Z")
    path = f"{path}&createdBefore={at}"
    cursor = client.get(path, headers=TOKEN).get_json()["nextCursor"]
    return f"{path}&cursor={cursor}"


def clients(settings: Settings, database: Database) -> dict[str, FlaskClient]:
    use_cases = build_use_cases(settings, build_adapters(settings, database, Shared()))

    def client(caller: Caller) -> FlaskClient:
        return create_app(use_cases, lambda _: caller).test_client()

    return {"everybody's": client(READER), "a customer's": client(CUSTOMER)}


def pages(number: int, readers: dict[str, FlaskClient]) -> dict[str, tuple[FlaskClient, str]]:
    """The client and the path, by the kind of list."""
    found = {}
    for whose, client in readers.items():
        for kind, query in LISTS.items():
            path = f"/api/orders?{query}"
            found[f"{whose}, {kind}"] = client, path
            found[f"{whose}, {kind}, from the midst"] = client, midst(client, path, number)
    return found


def measure(readers: dict[int, dict[str, FlaskClient]]) -> Results:
    """The sizes take turns within one process, each in a database of its own."""
    asked = {number: pages(number, clients) for number, clients in readers.items()}
    results: Results = {number: {name: [] for name in found} for number, found in asked.items()}
    for _ in tqdm(range(ROUNDS), unit=" rounds", leave=False, disable=None):
        for name in next(iter(results.values())):
            for number in results:
                client, path = asked[number][name]
                page_time(client, path)
                results[number][name].append(page_time(client, path))
    return results


def run(sizes: Sequence[int], mongo: Mongod) -> Results:
    # Building indexes over a million orders takes longer than any operation of the service may.
    settings = Settings(
        mongo_uri=mongo.uri, store_timeout=300, request_deadline=301, settle_after=301
    )
    with connect(settings).client as client:
        databases = {number: client[f"bench-{number}"] for number in sizes}
        for number, database in databases.items():
            fill(database, number)
        return measure({n: clients(settings, database) for n, database in databases.items()})


def show(results: Results) -> None:
    sizes = list(results)
    print(f"{'median ms of a page of 20':58}" + "".join(f"{size:>12,}" for size in sizes))
    for name in results[sizes[0]]:
        values = [statistics.median(results[size][name]) for size in sizes]
        print(f"{name:58}" + "".join(f"{value:12.2f}" for value in values))
    every = _all_lists(results)
    for name, number in {"fastest quarter": 0, "median": 1}.items():
        values = [statistics.quantiles(each, n=4)[number] for each in every]
        shown = "".join(f"{value:12.2f}" for value in values)
        ratio = max(values) / min(values)
        print(f"{'all lists, ' + name:58}{shown}   largest / smallest: {ratio:.2f}")


def _all_lists(results: Results) -> list[list[float]]:
    """By size."""
    return [[taken for each in lists.values() for taken in each] for lists in results.values()]


def ratios(results: Results) -> dict[str, Any]:
    """The slowest size's median over the fastest's: of all lists together, and of each kind."""

    def ratio(of_sizes: Sequence[Sequence[float]]) -> float:
        medians = [statistics.median(each) for each in of_sizes]
        return max(medians) / min(medians)

    kinds = next(iter(results.values()))
    by_kind = {kind: ratio([lists[kind] for lists in results.values()]) for kind in kinds}
    return {"all": ratio(_all_lists(results)), "kinds": by_kind}


def main(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.list")
    parser.add_argument("sizes", type=int, nargs="*", metavar="orders")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(given)
    logs.configure("ERROR")
    with tempfile.TemporaryDirectory() as folder, Mongod(Path(folder)) as mongo:
        results = run(options.sizes or SIZES, mongo)
    show(results)
    if options.json:
        options.json.write_text(json.dumps(ratios(results)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
