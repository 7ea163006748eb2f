"""Clients who buy, hold and cancel, try again as careful clients do, and remember every answer."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Final, Literal
from uuid import uuid4

import requests
from urllib3.exceptions import NewConnectionError

from tests.system import Asked, System

NOT_SENT = 0
CUT = -1
_FINAL = {200, 201, 202, 400}
# Beyond every recovery, also of a client that meets one crash after another.
_PATIENCE = 240.0
_MOST_LINES = 5
_LONGEST_HOLD = 3

Verb = Literal["confirm", "extend", "cancel"]
# What customers ask of their orders, in turn.
_PLANS: Final[Sequence[Sequence[Verb]]] = (["cancel"], [], [], [])
_FOR_HOLDS: Final[Sequence[Sequence[Verb]]] = (
    *_PLANS[:2],
    ["confirm"],
    ["extend"],
    ["extend", "confirm"],
    ["confirm", "cancel"],
)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status``: HTTP's, NOT_SENT when nobody listened, CUT when it is not known what happened."""

    status: int
    order_id: str | None = None
    order_status: str | None = None
    code: str | None = None

    @classmethod
    def of(cls, send: Callable[[], requests.Response]) -> "Answer":
        try:
            response = send()
            body = response.json()
        except requests.RequestException as error:
            cause = getattr(error.args[0] if error.args else None, "reason", None)
            return cls(NOT_SENT if isinstance(cause, NewConnectionError) else CUT)
        order = body.get("order", {})
        order_status = order.get("status", body.get("orderStatus"))
        return cls(response.status_code, order.get("_id"), order_status, body.get("code"))

    @property
    def is_final(self) -> bool:
        """Asking again would change nothing, as far as the order's status tells that."""
        is_refused = self.status == 409 and self.order_status not in (None, "PENDING")
        return self.status in _FINAL or is_refused


@dataclass(slots=True)
class Purchase:
    """One order as its client asked for it. ``lines``: each item's quantity. ``key`` None: asked
    once, without a key. ``hold``: for how many seconds; None to buy at once. ``later``: the answers
    to what was asked of the order afterwards."""

    lines: Mapping[str, int]
    key: str | None
    hold: int | None = None
    answers: list[Answer] = field(default_factory=list)
    later: defaultdict[Verb, list[Answer]] = field(default_factory=lambda: defaultdict(list))

    @property
    def final(self) -> Answer | None:
        return next((answer for answer in self.answers if answer.status in _FINAL), None)

    @property
    def acknowledged(self) -> bool:
        return self.final is not None and self.final.status == 201


class Buyers:
    """``purchases``: everything anybody asked for. ``urls``: the API instances they know of."""

    def __init__(self, system: System, rng: random.Random, clients: int = 64) -> None:
        self._system = system
        self._rng = rng
        self._pool = ThreadPoolExecutor(clients, thread_name_prefix="buyer")
        self._leaving = threading.Event()
        self.purchases: list[Purchase] = []
        self.urls = list(system.urls)

    def close(self) -> None:
        self._leaving.set()
        self._pool.shutdown()

    def buy(self, asked: Asked, quantity: int = 1, hold: int | None = None) -> "Future[Purchase]":
        """With a key, until it is answered for good. ``quantity``: of an order for one item."""
        return self._pool.submit(self._buy, self._asked(asked, quantity, uuid4().hex, hold))

    def confirm(self, purchase: Purchase) -> "Future[Purchase]":
        return self._pool.submit(self._ask, purchase, "confirm")

    def extend(self, purchase: Purchase, hold: int) -> "Future[Purchase]":
        return self._pool.submit(self._ask, purchase, "extend", hold)

    def cancel(self, purchase: Purchase) -> "Future[Purchase]":
        return self._pool.submit(self._ask, purchase, "cancel")

    def buy_and_cancel(self, asked: Asked, quantity: int = 1) -> "Future[Purchase]":
        purchase = self._asked(asked, quantity, uuid4().hex)
        return self._pool.submit(lambda: self._ask(self._buy(purchase), "cancel"))

    @contextmanager
    def crowd(self, items: Sequence[str], clients: int = 8, held: float = 0) -> Iterator[None]:
        """That many buy and cancel at random until the end of the block, and wait for each answer:
        orders of one to five of the items.

        Some ask once, with or without a key, and take what they get. ``held``: the share of orders
        that are held for a few seconds, and confirmed, extended, cancelled or left alone.
        """
        leave = threading.Event()
        crowd = [self._pool.submit(self._stroll, items, held, leave) for _ in range(clients)]
        try:
            yield
        finally:
            leave.set()
        for client in crowd:
            client.result()

    def again(self, purchase: Purchase) -> Answer:
        """The same request with the same key once more; one line in either form."""
        url, lines, hold = self._rng.choice(self.urls), purchase.lines, purchase.hold
        if hold is not None:
            create = self._system.create_basket
            return Answer.of(lambda: create(lines, purchase.key, url, holdSeconds=hold))
        if len(lines) > 1 or self._rng.random() < 0.5:
            return Answer.of(lambda: self._system.create(lines, key=purchase.key, url=url))
        [(item, quantity)] = lines.items()
        return Answer.of(lambda: self._system.create(item, quantity, purchase.key, url))

    def _asked(
        self, asked: Asked, quantity: int, key: str | None, hold: int | None = None
    ) -> Purchase:
        purchase = Purchase({asked: quantity} if isinstance(asked, str) else asked, key, hold)
        self.purchases.append(purchase)
        return purchase

    def _stroll(self, items: Sequence[str], held: float, leave: threading.Event) -> None:
        while not leave.wait(self._rng.uniform(0, 0.1)):
            key = None if self._rng.random() < 0.1 else uuid4().hex
            hold = self._hold() if self._rng.random() < held else None
            purchase = self._asked(self._basket(items), 1, key, hold)
            if key is None or self._rng.random() < 0.2:
                purchase.answers.append(self.again(purchase))
                continue
            self._buy(purchase)
            for verb in self._rng.choice(_PLANS if hold is None else _FOR_HOLDS):
                self._ask(purchase, verb, self._hold())

    def _hold(self) -> int:
        return self._rng.randint(1, _LONGEST_HOLD)

    def _basket(self, items: Sequence[str]) -> Mapping[str, int]:
        number = self._rng.randint(1, min(_MOST_LINES, len(items)))
        return {item: self._rng.randint(1, 3) for item in self._rng.sample(items, number)}

    def _buy(self, purchase: Purchase) -> Purchase:
        for _ in self._tries(purchase):
            purchase.answers.append(self.again(purchase))
            if purchase.final:
                break
        return purchase

    def _ask(self, purchase: Purchase, verb: Verb, hold: int | None = None) -> Purchase:
        """``hold``: for how long an extension is."""
        if purchase.final is None or purchase.final.order_id is None:
            return purchase
        path = f"/api/orders/{purchase.final.order_id}/{verb}"
        body = {"holdSeconds": hold} if verb == "extend" else None
        for _ in self._tries(purchase):
            url = self._rng.choice(self.urls)
            send = partial(self._system.request, "POST", path, url=url, json=body)
            purchase.later[verb].append(answer := Answer.of(send))
            if answer.is_final:
                break
        return purchase

    def _tries(self, purchase: Purchase) -> Iterator[None]:
        give_up = monotonic() + _PATIENCE
        while monotonic() < give_up:
            yield
            if self._leaving.wait(self._rng.uniform(0.1, 0.5)):
                return
        raise AssertionError(f"nobody answers for good: {purchase}")
