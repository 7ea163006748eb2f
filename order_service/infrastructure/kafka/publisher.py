"""Order events to Kafka."""

import time
from collections import defaultdict
from collections.abc import Sequence

import structlog
from confluent_kafka import KafkaError
from prometheus_client import Counter

from order_service.application.outage import Outage
from order_service.domain.events import OrderEvent
from order_service.infrastructure.kafka import cloud_events
from order_service.infrastructure.kafka.delivery import Delivery, Outgoing
from order_service.infrastructure.kafka.order_events import encode
from order_service.infrastructure.kafka.outages import CONNECTIONS
from order_service.infrastructure.telemetry.correlation import LogCorrelation

log = structlog.get_logger(__name__)


class KafkaEventPublisher:
    """Publishes to one topic, keyed by order id. ``failures`` counts the events that the broker did
    not confirm."""

    def __init__(
        self,
        delivery: Delivery,
        topic: str,
        failures: Counter,
        correlation: LogCorrelation | None = None,
    ) -> None:
        self._correlation = correlation or LogCorrelation()
        self._delivery = delivery
        self._topic = topic
        self._failures = failures
        self._trouble = Outage("events_not_published", log)

    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        """The events that the broker confirmed, in bounded time.

        An order's event is sent once the order's earlier events are confirmed, so that no failure
        in between can change their sequence.
        """
        waiting: dict[str, list[OrderEvent]] = defaultdict(list)
        for event in events:
            waiting[event.order_id].append(event)
        published: list[OrderEvent] = []
        while waiting:
            delivered = self._deliver([queue[0] for queue in waiting.values()])
            published += delivered
            waiting = {e.order_id: rest for e in delivered if (rest := waiting[e.order_id][1:])}
        return published

    def _deliver(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        began = time.time_ns()
        outcomes = self._delivery.deliver([self._record(event) for event in events])
        self._correlation.published(zip(events, map(_name, outcomes), strict=True), began)
        failed = [error for error in outcomes if error is not None]
        self._failures.inc(len(failed))
        if not failed:
            self._trouble.over()
        elif not CONNECTIONS.troubled:
            self._trouble.failed(events=len(failed), error=failed[0].name(), reason=failed[0].str())
        return [event for event, error in zip(events, outcomes, strict=True) if error is None]

    def _record(self, event: OrderEvent) -> Outgoing:
        headers = cloud_events.headers(event)
        return Outgoing(self._topic, encode(event), event.order_id.encode(), headers)


def _name(error: KafkaError | None) -> str | None:
    return None if error is None else error.name()
