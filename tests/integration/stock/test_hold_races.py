"""Confirmation, expiry and cancellation of the same held orders at the same moment, on a real
MongoDB and the sample inventory. ``FAULTS=full`` makes 10,000 races on each contract.
"""

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.expire import AT_ONCE, ExpireOrders
from order_service.domain.errors import OrderServiceError
from order_service.domain.history import Actor
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.order import Order
from tests.integration.stock.shop import Process, Shop, move_all, settled
from tests.orders import CALLER
from tests.waiting import until

RACES = 10_000 if os.environ.get("FAULTS", "short") == "full" else 128
SECONDS = 30.0
STOCK = 100_000
PAYMENT, CUSTOMER = Actor.caller("the payment"), Actor.caller("the customer")
# What the loser is told, by what became of the order.
TOLD = {"COMPLETED": "hold_confirmed", "CANCELLED": "hold_cancelled", "EXPIRED": "hold_expired"}
UNTIL_THEN = ["ORDER_PLACED", "ORDER_RESERVED", "ORDER_EXTENDED"]
CHANGES = {
    "COMPLETED": ["ORDER_CREATED"],
    "CANCELLED": ["ORDER_CANCEL_REQUESTED", "ORDER_CANCELLED"],
    "EXPIRED": ["ORDER_EXPIRY_RECORDED", "ORDER_EXPIRED"],
}


class Start:
    """Lets nobody write before all have read."""

    def __init__(self, all_of_them: int) -> None:
        self._all_have_read = threading.Barrier(all_of_them)

    def wait(self) -> None:
        self._all_have_read.wait(SECONDS)

    def call_off(self) -> None:
        self._all_have_read.abort()


class StartingTogether:
    """A port of one who takes part; what it does first is done before the start."""

    def __init__(self, port: Any, first: str, start: Start) -> None:
        self._port = port
        self._first: str | None = first
        self._start = start

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name != self._first:
            return method
        self._first = None

        def first(*given: Any) -> Any:
            try:
                answer = method(*given)
            except BaseException:
                self._start.call_off()
                raise
            self._start.wait()
            return answer

        return first


class Answers(NamedTuple):
    """Of one order: what its confirmation and its cancellation were told; "" where it was done."""

    confirmed: str
    cancelled: str


def told(act: Callable[[Asked], object], order: Order, by: Actor) -> str:
    try:
        act(Asked(order.id, by))
    except OrderServiceError as error:
        return error.code
    return ""


class Stage:
    """Two API processes and two workers, on different machines, and some items."""

    def __init__(self, shop: Shop) -> None:
        # Nothing is late here, however busy the machine is.
        patient = {"inventory_read_timeout": 10, "lease_seconds": 30}
        shop.settings = shop.settings.model_copy(update=patient)
        self.items = [shop.items.add(stock=STOCK) for _ in range(4)]
        self._confirming, self._cancelling = shop.process(), shop.elsewhere()
        self._workers = [shop.elsewhere(), shop.elsewhere()]
        self._executors = [ThreadPoolExecutor(AT_ONCE) for _ in self._workers]
        for executor in self._executors:
            shop.stack.callback(executor.shutdown)

    @property
    def process(self) -> Process:
        return self._confirming

    def held_and_over(self, number: int) -> list[Order]:
        """Orders that hold their stock, and whose holds are over."""
        orders, clock = self.process.adapters.orders, self.process.adapters.clock
        placed = [
            orders.add(
                Order.place(
                    id=orders.next_id(),
                    lines=[Line(self.items[n % len(self.items)], 1 + n % 3)],
                    at=clock.now(),
                    hold=Hold(3600),
                )
            )
            for n in range(number)
        ]
        held = move_all([self._confirming, self._cancelling], placed, SECONDS)
        now = clock.now()
        over = orders.save_all([order.extend(now, now, CALLER) for order in held])
        assert len(over) == number
        return over

    def race(self, orders: Sequence[Order], *, ahead: bool) -> tuple[list[Answers], list[int]]:
        """What each caller is told, and how many orders each worker has expired. ``ahead``: the
        workers know already that the inventory is there."""
        start = Start(2 * len(orders) + len(self._workers))
        with ThreadPoolExecutor(2 * len(orders) + len(self._workers)) as threads:
            workers = [
                threads.submit(self._expiry(worker, executor, start, ahead))
                for worker, executor in zip(self._workers, self._executors, strict=True)
            ]
            confirmed = [
                threads.submit(told, self._confirmation(start), order, PAYMENT) for order in orders
            ]
            cancelled = [
                threads.submit(told, self._cancellation(start), order, CUSTOMER) for order in orders
            ]
        pairs = zip(_results(confirmed), _results(cancelled), strict=True)
        return [Answers(*pair) for pair in pairs], _results(workers)

    def settled(self, orders: Sequence[Order]) -> list[Order]:
        """The orders as stored, once none waits for its stock."""
        repository, ids = self.process.adapters.orders, [order.id for order in orders]

        def are_settled() -> bool:
            stored = repository.get_many(ids)
            return all(each.phase.is_settled or settled(self.process, each) for each in stored)

        until(are_settled, "what was begun is finished", SECONDS)
        return repository.get_many(ids)

    def require_whole_story(self, order: Order) -> None:
        """Its history and its events tell of what became of it, and of nothing else."""
        found = self.process.adapters.orders.with_history(order.id)
        assert found is not None
        history, changes = found[1], CHANGES[order.status]
        assert [str(each.event) for each in history] == [*UNTIL_THEN, *changes]
        assert [each.version for each in history] == list(range(1, order.version + 1))
        events = self.process.adapters.outbox.unpublished_of(order.id)
        assert [str(each.type) for each in events] == ["ORDER_RESERVED", changes[-1]]
        assert [each.sequence for each in events] == [1, 2]
        assert events[-1].status == order.status

    def _confirmation(self, start: Start) -> ConfirmOrder:
        adapters = self._confirming.adapters
        return ConfirmOrder(_port(adapters.orders, "get", start), adapters.clock)

    def _cancellation(self, start: Start) -> CancelOrder:
        adapters, mover = self._cancelling.adapters, self._cancelling.mover
        orders = _port(adapters.orders, "get", start)
        return CancelOrder(orders, mover, adapters.clock, SECONDS)

    def _expiry(
        self, worker: Process, executor: Executor, start: Start, ahead: bool
    ) -> ExpireOrders:
        orders: Any = worker.adapters.orders
        inventory: Any = worker.adapters.inventory
        if ahead:
            inventory = _port(inventory, "check", start)
        else:
            orders = _port(orders, "held_until", start)
        clock = worker.adapters.clock
        return ExpireOrders(orders, worker.mover, inventory, clock, executor, SECONDS)


def _port(port: Any, first: str, start: Start) -> Any:
    return StartingTogether(port, first, start)


def _results(futures: Sequence[Future[Any]]) -> list[Any]:
    return [each.result() for each in futures]


def test_of_confirmation_expiry_and_cancellation_exactly_one_wins_and_the_others_are_told_which(
    shop: Shop,
) -> None:
    stage, outcomes = Stage(shop), Counter[str]()
    left = dict.fromkeys(stage.items, STOCK)
    for number in range(math.ceil(RACES / AT_ONCE)):
        orders = stage.held_and_over(AT_ONCE)
        answers, expired = stage.race(orders, ahead=number % 2 == 0)
        stored = stage.settled(orders)
        assert answers == [_expected(order) for order in stored]
        for order in stored:
            stage.require_whole_story(order)
        became = Counter(str(order.status) for order in stored)
        # An expiry may be left to settlement, and none is counted twice.
        assert sum(expired) <= became["EXPIRED"]
        for line in (order.lines[0] for order in stored if order.status == "COMPLETED"):
            left[line.item_id] -= line.quantity
        assert {item: shop.items.stock(item) for item in stage.items} == left
        outcomes += became
    print(f"{outcomes.total()} races, {shop.settings.inventory_contract}: {dict(outcomes)}")


def _expected(stored: Order) -> Answers:
    word = TOLD[stored.status]
    return Answers(
        confirmed="" if stored.status == "COMPLETED" else word,
        cancelled="" if stored.status == "CANCELLED" else word,
    )
