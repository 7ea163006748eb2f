"""Group commit: the orders of the same items that wait in this process share one commit.

The commits run in threads of their own, so that an order's caller waits no longer than the order's
deadline, however long the commit takes. A commit is told and traced as the work of the order that
has waited longest.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Final

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.domain.order import Order

# The ids of the items that an order has to move, ascending.
Items = tuple[str, ...]
Draw = Callable[[], Sequence[Order]]
Commit = Callable[[Items, Draw, float], dict[str, Order]]

MAX_BATCH = 100
OTHERS_TOOK_TOO_LONG: Final = "Other orders of these items took too long."


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    order: Order
    deadline: float
    moved: Future[Order] = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)


class GroupCommit:
    """``commit(items, draw, deadline)`` returns the moved order for each order that it drew.

    ``commit`` calls ``draw`` when it can serve, and again when it tries again: every order that
    waits by then takes part, and ``draw`` returns all that take part.
    """

    def __init__(self, commit: Commit, executor: Executor, now: Callable[[], float]) -> None:
        self._commit = commit
        self._executor = executor
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[Items, deque[_Ticket]] = {}
        self._served: set[Items] = set()

    def submit(self, order: Order, deadline: float) -> Order:
        """Raises what the commit raised; past the deadline InventoryUnavailable when the order was
        not drawn, else OutcomeUnknown."""
        items, ticket = tuple(sorted(order.stock_changes)), _Ticket(order, deadline)
        with self._lock:
            self._waiting.setdefault(items, deque()).append(ticket)
            unserved = items not in self._served
            self._served.add(items)
        if unserved:
            self._executor.submit(self._serve, items)
        try:
            return ticket.moved.result(max(0.0, deadline - self._now()))
        except TimeoutError:
            return self._give_up(ticket, items)

    def _give_up(self, ticket: _Ticket, items: Items) -> Order:
        with self._lock:
            queue = self._waiting.get(items)
            if queue and ticket in queue:
                queue.remove(ticket)
                raise InventoryUnavailable(OTHERS_TOOK_TOO_LONG)
        if ticket.moved.done():
            return ticket.moved.result()
        raise OutcomeUnknown("The order's stock is still being moved.", in_flight=True)

    def _serve(self, items: Items) -> None:
        while first := self._first(items):
            drawn: list[_Ticket] = []

            def draw(drawn: list[_Ticket] = drawn) -> Sequence[Order]:
                drawn.extend(self._draw(items, MAX_BATCH - len(drawn)))
                return [ticket.order for ticket in drawn]

            try:
                moved = first.context.run(self._commit, items, draw, first.deadline)
                results = [moved[ticket.order.id] for ticket in drawn]
            except BaseException as error:  # noqa: BLE001  (the callers who wait raise it)
                for ticket in drawn or self._draw(items, 1):
                    ticket.moved.set_exception(error)
                # Queued behind others: items whose inventory hangs must not keep the thread.
                self._executor.submit(self._serve, items)
                return
            else:
                for ticket, order in zip(drawn, results, strict=True):
                    ticket.moved.set_result(order)

    def _first(self, items: Items) -> _Ticket | None:
        with self._lock:
            if queue := self._waiting.get(items):
                return queue[0]
            self._waiting.pop(items, None)
            self._served.discard(items)
            return None

    def _draw(self, items: Items, most: int) -> list[_Ticket]:
        with self._lock:
            queue = self._waiting.get(items, deque())
            return [queue.popleft() for _ in range(min(most, len(queue)))]
