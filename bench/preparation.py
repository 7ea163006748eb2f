"""Orders to be read, in each service's own shape, and the ids for the load."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId

from bench.parts import Parts
from order_service.infrastructure.mongo.order_mapping import write_order
from tests.orders import completed

_BATCH = 5_000
Document = dict[str, Any]


class Prepared:
    """``number``: of each service's orders, which are to be read for the first time."""

    def __init__(self, parts: Parts, services: Sequence[str], number: int) -> None:
        self._parts = parts
        self._folder = parts.folder
        self._read: dict[str, str] = {}
        self._write("create", parts.items)
        self._write("basket", parts.items)
        self._write("conditional", parts.items)
        self._write("hot", [parts.hot])
        for name in services:
            if name in _SHAPES:
                self._fill(name, number)

    def path(self, service: str) -> str:
        """The path that is read again and again."""
        return "/hello" if service == "bare" else f"/api/orders/{self._read[service]}"

    def ids(self, work: str, service: str) -> Path:
        return self._folder / (f"first-{service}" if work == "first" else work)

    def _fill(self, service: str, number: int) -> None:
        orders = self._parts.orders(f"bench-{service}")
        ids = []
        for batch in _batches(_SHAPES[service], number + 1):
            orders.insert_many(batch, ordered=False)
            ids += [str(order["_id"]) for order in batch]
        self._read[service] = ids.pop()
        self._write(f"first-{service}", ids)

    def _write(self, name: str, ids: Sequence[str]) -> None:
        (self._folder / name).write_text("".join(f"{each}\n" for each in ids), encoding="ascii")


def _batches(shape: Callable[[], Document], number: int) -> Iterator[list[Document]]:
    for first in range(0, number, _BATCH):
        yield [shape() for _ in range(min(_BATCH, number - first))]


def _ours() -> Document:
    # The order's events were published long ago.
    return {**write_order(replace(completed(), new_events=()).saved()), "outbox": []}


def _plain() -> Document:
    at = datetime.now(UTC)
    return {
        "_id": ObjectId(),
        "itemId": ObjectId(),
        "quantity": 3,
        "status": "COMPLETED",
        "totalPrice": 59.97,
        "createdAt": at,
        "updatedAt": at,
    }


def _mongoose() -> Document:
    return {**_plain(), "__v": 0}


_SHAPES: Mapping[str, Callable[[], Document]] = {
    "ours": _ours,
    "before": _ours,
    "express": _mongoose,
    "fastapi": _plain,
}
