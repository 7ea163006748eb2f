"""The ids of requests and orders, in the lines of the log and in what is sent to others."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from wsgiref.types import WSGIApplication

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from order_service.domain.events import OrderEvent
from order_service.domain.marks import Origin
from order_service.domain.order import Order

# Ids that one line names.
_NAMED: Final = 20


@dataclass(slots=True)
class OutgoingCall:
    """``headers``: what the call carries. ``status``: what was answered; None where nothing was."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None


class LogCorrelation:
    """Correlation without traces."""

    def origin(self) -> Origin | None:
        request_id = get_contextvars().get("request_id")
        return None if request_id is None else Origin(request_id, self.traceparent())

    def traceparent(self) -> str | None:
        """Where the caller of this method stands in a trace, as Origin has it."""
        return None

    def concerns(self, order_id: str) -> None:
        bind_contextvars(order_id=order_id)

    @contextmanager
    def working_on(self, work: str, orders: Sequence[Order]) -> Iterator[None]:
        with bound_contextvars(**_ids(orders)):
            yield

    @contextmanager
    def calling(self, method: str, path: str) -> Iterator[OutgoingCall]:
        """A call of the inventory, which the block makes and whose status it notes."""
        request_id = get_contextvars().get("request_id")
        yield OutgoingCall({} if request_id is None else {"X-Request-Id": request_id})

    def published(self, events: Iterable[tuple[OrderEvent, str | None]], began: int) -> None:
        """The relay has sent the events, each with the error that it met. ``began``: when, in
        nanoseconds since 1970."""

    def serving(self, app: WSGIApplication) -> WSGIApplication:
        """The application, as it is to be served."""
        return app

    def store_listeners(self) -> Sequence[Any]:
        """Listeners for the commands that go to the store."""
        return ()


def _ids(orders: Sequence[Order]) -> dict[str, Any]:
    if len(orders) > 1:
        return {"order_ids": [order.id for order in orders[:_NAMED]]}
    [order] = orders
    request_id = order.origin and order.origin.request_id
    return {"order_id": order.id} | ({"request_id": request_id} if request_id else {})
