"""Clients who buy and cancel, try again as careful clients do, and remember every answer."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
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
        return cls(response.status_code, order.get("_id"), order.get("status"), body.get("code"))


@dataclass(slots=True)
class Purchase:
    """One order as its client asked for it. ``lines``: each item's quantity. ``key`` None: asked
    once, without a key."""

    lines: Mapping[str, int]
    key: str | None
    answers: list[Answer] = field(default_factory=list)
    cancel_answers: list[Answer] = field(default_factory=list)

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

    def buy(self, asked: Asked, quantity: int = 1) -> "Future[Purchase]":
        """With a key, until it is answered for good. ``quantity``: of an order for one item."""
        return self._pool.submit(self._buy, self._asked(asked, quantity, uuid4().hex))

    def cancel(self, purchase: Purchase) -> "Future[Purchase]":
        return self._pool.submit(self._cancel, purchase)

    def buy_and_cancel(self, asked: Asked, quantity: int = 1) -> "Future[Purchase]":
        purchase = self._asked(asked, quantity, uuid4().hex)
        return self._pool.submit(lambda: self._cancel(self._buy(purchase)))

    @contextmanager
    def crowd(self, items: Sequence[str], clients: int = 8) -> Iterator[None]:
        """That many buy and cancel at random until the end of the block, and wait for each answer:
        orders of one to five of the items.

        Some ask once, with or without a key, and take what they get.
        """
        leave = threading.Event()
        crowd = [self._pool.submit(self._stroll, items, leave) for _ in range(clients)]
        try:
            yield
        finally:
            leave.set()
        for client in crowd:
            client.result()

    def again(self, purchase: Purchase) -> Answer:
        """The same request with the same key once more; one line in either form."""
        url, lines = self._rng.choice(self.urls), purchase.lines
        if len(lines) > 1 or self._rng.random() < 0.5:
            return Answer.of(lambda: self._system.create(lines, key=purchase.key, url=url))
        [(item, quantity)] = lines.items()
        return Answer.of(lambda: self._system.create(item, quantity, purchase.key, url))

    def _asked(self, asked: Asked, quantity: int, key: str | None) -> Purchase:
        purchase = Purchase({asked: quantity} if isinstance(asked, str) else asked, key)
        self.purchases.append(purchase)
        return purchase

    def _stroll(self, items: Sequence[str], leave: threading.Event) -> None:
        while not leave.wait(self._rng.uniform(0, 0.1)):
            key = None if self._rng.random() < 0.1 else uuid4().hex
            purchase = self._asked(self._basket(items), 1, key)
            if key is None or self._rng.random() < 0.2:
                purchase.answers.append(self.again(purchase))
                continue
            self._buy(purchase)
            if self._rng.random() < 0.25:
                self._cancel(purchase)

    def _basket(self, items: Sequence[str]) -> Mapping[str, int]:
        number = self._rng.randint(1, min(_MOST_LINES, len(items)))
        return {item: self._rng.randint(1, 3) for item in self._rng.sample(items, number)}

    def _buy(self, purchase: Purchase) -> Purchase:
        for _ in self._tries(purchase):
            purchase.answers.append(self.again(purchase))
            if purchase.final:
                break
        return purchase

    def _cancel(self, purchase: Purchase) -> Purchase:
        if not purchase.acknowledged:
            return purchase
        assert purchase.final is not None
        order_id = str(purchase.final.order_id)
        for _ in self._tries(purchase):
            url = self._rng.choice(self.urls)
            answer = Answer.of(lambda url=url: self._system.cancel(order_id, url))
            purchase.cancel_answers.append(answer)
            if answer.status in _FINAL:
                break
        return purchase

    def _tries(self, purchase: Purchase) -> Iterator[None]:
        give_up = monotonic() + _PATIENCE
        while monotonic() < give_up:
            yield
            if self._leaving.wait(self._rng.uniform(0.1, 0.5)):
                return
        raise AssertionError(f"nobody answers for good: {purchase}")
