"""Customers behind a proxy who keep their connections, and who count every answer that fails."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from uuid import uuid4

import requests

from tests.waiting import until


class Customers:
    """Each orders a piece of an item and reads the order back, again and again.

    ``keep``: whether they keep their connections. ``pause``: seconds between a customer's orders.
    ``orders``: the id that was answered to each key. ``requests``: how many were sent. ``failed``:
    what was answered instead of 201 and 200.
    """

    def __init__(
        self,
        url: str,
        items: Sequence[str],
        number: int = 12,
        *,
        keep: bool = True,
        pause: float = 0.4,
    ) -> None:
        self._url = url
        self._items = items
        self._number = number
        self._keep = keep
        self._pause = pause
        self._leaving = threading.Event()
        self._counting = threading.Lock()
        self.orders: dict[str, str] = {}
        self.requests = 0
        self.failed: list[str] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until the end of the block, and until each answer has come."""
        self._leaving.clear()
        with ThreadPoolExecutor(self._number) as pool:
            working = [pool.submit(self._work, first) for first in range(self._number)]
            try:
                yield
            finally:
                self._leaving.set()
        for each in working:
            each.result()

    def buy(self, more: int = 20) -> None:
        """Returns once so many more orders are acknowledged."""
        wanted = len(self.orders) + more
        until(lambda: self.failed or len(self.orders) >= wanted, f"{more} more orders", 60)

    def _work(self, first: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            if not self._keep:
                session.headers["Connection"] = "close"
            for turn in count(first):
                self._order(session, self._items[turn % len(self._items)])
                # Processes start meanwhile, on the same machine.
                if self._leaving.wait(self._pause):
                    return

    def _order(self, session: requests.Session, item: str) -> None:
        key = uuid4().hex
        body = {"itemId": item, "quantity": 1}
        headers = {"Idempotency-Key": key}
        created = self._send(session, "POST", "/create", 201, json=body, headers=headers)
        if created is not None:
            order_id = created.json()["order"]["_id"]
            with self._counting:
                self.orders[key] = order_id
            self._send(session, "GET", f"/{order_id}", 200)

    def _send(
        self, session: requests.Session, method: str, path: str, wanted: int, **options: object
    ) -> requests.Response | None:
        """The answer, unless the answer is a failure."""
        why = ""
        try:
            answer = session.request(
                method,
                f"{self._url}/api/orders{path}",
                timeout=30,
                **options,  # type: ignore[arg-type]
            )
            if answer.status_code != wanted:
                why = f"{answer.status_code} {answer.text}"
        except requests.RequestException as error:
            why = repr(error)
        with self._counting:
            self.requests += 1
            if why:
                self.failed.append(f"{method} {path}: {why}")
        return None if why else answer
