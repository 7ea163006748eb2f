"""An order's event as CloudEvents 1.0 has it, in binary content mode: its attributes are headers.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md (required and optional
attributes), …/bindings/kafka-protocol-binding.md (3.2: ``ce_`` before an attribute's name, UTF-8,
``content-type`` for ``datacontenttype``, the value as it is).

``traceparent`` is W3C's, under the name that tracers look for, and ``x-request-id`` is the id that
the API answered to the request. Both are of the request that asked for what the event tells of.

``type`` SHOULD begin with a reversed DNS name. The project has no domain, so the service's name
stands there: ``order-service.order.created``. ``source`` is a URI reference for the orders of the
service, ``subject`` the order. ``source`` and ``id`` together are unique, of several installations
too: an order's id is an ObjectId, and no order has two events of a type.
"""

from collections.abc import Sequence
from typing import Final

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.infrastructure.kafka.event_kinds import Kind
from order_service.infrastructure.kafka.headers import Header
from order_service.infrastructure.kafka.members import (
    Member,
    Schema,
    constant,
    object_schema,
    text,
    written,
)
from order_service.infrastructure.kafka.order_events import iso

_VERSION: Final = "1.0"
_SOURCE: Final = "/order-service/orders"
_PREFIX: Final = "order-service.order."
_JSON: Final = "application/json"


def headers(event: OrderEvent) -> list[Header]:
    return [(name, value.encode()) for name, value in written(_HEADERS, event).items()]


def schema(kind: Kind) -> Schema:
    """Of the headers of an event of that kind."""
    return object_schema(_HEADERS, kind)


def _type(event_type: OrderEventType) -> str:
    return _PREFIX + event_type.removeprefix("ORDER_").lower()


_HEADERS: Final[Sequence[Member[OrderEvent]]] = (
    Member("ce_specversion", lambda _: _VERSION, lambda _: constant(_VERSION)),
    Member("ce_id", lambda event: event.event_id, lambda _: text("The event's eventId.")),
    Member("ce_type", lambda event: _type(event.type), lambda kind: constant(_type(kind.type))),
    Member("ce_source", lambda _: _SOURCE, lambda _: constant(_SOURCE)),
    Member("ce_subject", lambda event: event.order_id, lambda _: text("The event's orderId.")),
    Member(
        "ce_time",
        lambda event: iso(event.occurred_at),
        lambda _: text("The event's occurredAt.", format="date-time"),
    ),
    Member("content-type", lambda _: _JSON, lambda _: constant(_JSON)),
    Member(
        "traceparent",
        lambda event: event.origin and event.origin.traceparent,
        lambda _: text("W3C Trace Context; where the request was traced."),
        where_given=True,
    ),
    Member(
        "x-request-id",
        lambda event: event.origin and event.origin.request_id,
        lambda _: text("The X-Request-Id of the request that asked for it."),
        where_given=True,
    ),
)
