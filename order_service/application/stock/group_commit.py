"""Group commit: the orders of one item that wait in this process share one commit.

The commits run in threads of their own, so that an order's caller waits no longer than the order's
deadline, however long the commit takes.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.domain.order import Order

Draw = Callable[[], Sequence[Order]]
Commit = Callable[[str, Draw, float], dict[str, Order]]

MAX_BATCH = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    order: Order
    deadline: float
    moved: Future[Order] = field(default_factory=Future)


class GroupCommit:
    """``commit(item_id, draw, deadline)`` returns the moved order for each order that it drew.

    ``commit`` calls ``draw`` once, when it can serve: every order that waits by then takes part.
    """

    def __init__(self, commit: Commit, executor: Executor, now: Callable[[], float]) -> None:
        self._commit = commit
        self._executor = executor
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Ticket]] = {}
        self._served: set[str] = set()

    def submit(self, order: Order, deadline: float) -> Order:
        """Raises what the commit raised; past the deadline InventoryUnavailable when the order was
        not drawn, else OutcomeUnknown."""
        ticket = _Ticket(order, deadline)
        with self._lock:
            self._waiting.setdefault(order.item_id, deque()).append(ticket)
            unserved = order.item_id not in self._served
            self._served.add(order.item_id)
        if unserved:
            self._executor.submit(self._serve, order.item_id)
        try:
            return ticket.moved.result(max(0.0, deadline - self._now()))
        except TimeoutError:
            return self._give_up(ticket)

    def _give_up(self, ticket: _Ticket) -> Order:
        with self._lock:
            queue = self._waiting.get(ticket.order.item_id)
            if queue and ticket in queue:
                queue.remove(ticket)
                raise InventoryUnavailable("Other orders of this item took too long.")
        if ticket.moved.done():
            return ticket.moved.result()
        raise OutcomeUnknown("The order's stock is still being moved.", in_flight=True)

    def _serve(self, item_id: str) -> None:
        while first := self._first(item_id):
            drawn: list[_Ticket] = []

            def draw(drawn: list[_Ticket] = drawn) -> Sequence[Order]:
                drawn.extend(self._draw(item_id))
                return [ticket.order for ticket in drawn]

            try:
                moved = self._commit(item_id, draw, first.deadline)
                results = [moved[ticket.order.id] for ticket in drawn]
            except BaseException as error:  # noqa: BLE001  (the callers who wait raise it)
                for ticket in drawn or self._draw(item_id, 1):
                    ticket.moved.set_exception(error)
                # Queued behind other items: an item that hangs must not keep its thread.
                self._executor.submit(self._serve, item_id)
                return
            else:
                for ticket, order in zip(drawn, results, strict=True):
                    ticket.moved.set_result(order)

    def _first(self, item_id: str) -> _Ticket | None:
        with self._lock:
            if queue := self._waiting.get(item_id):
                return queue[0]
            self._waiting.pop(item_id, None)
            self._served.discard(item_id)
            return None

    def _draw(self, item_id: str, most: int = MAX_BATCH) -> list[_Ticket]:
        with self._lock:
            queue = self._waiting.get(item_id, deque())
            return [queue.popleft() for _ in range(min(most, len(queue)))]
