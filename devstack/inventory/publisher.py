"""Publishes changes of stock to Kafka, and tells whether Kafka has them."""

import contextlib
import json
import threading
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from devstack.inventory.store import StockChange

_DELIVERY_SECONDS = 1.8


class NotPublished(Exception):
    """Kafka did not confirm the event; the change itself is saved."""


class StockPublisher:
    """Publishes each change as one event, keyed by item, and waits until Kafka has the event."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "sample-inventory",
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 1,
                "message.timeout.ms": int(_DELIVERY_SECONDS * 1000),
                "reconnect.backoff.max.ms": 200,
                "retry.backoff.max.ms": 200,
                # A line for each attempt to reconnect, 20 a second, would bury the rest.
                "log_level": 2,
                "topic.metadata.refresh.fast.interval.ms": 100,
            }
        )
        threading.Thread(target=self._serve, name="delivery-reports", daemon=True).start()

    def publish(self, change: StockChange) -> None:
        """Raises NotPublished within about 2 s when the broker is away."""
        event = stock_updated(change)
        delivered = threading.Event()
        failures: list[KafkaError] = []

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)
            delivered.set()

        try:
            self._producer.produce(
                self._topic, json.dumps(event).encode(), event["itemId"], on_delivery=report
            )
        except (BufferError, KafkaException) as error:
            raise NotPublished(str(error)) from error
        if not delivered.wait(_DELIVERY_SECONDS + 0.2) or failures:
            raise NotPublished(failures[0].str() if failures else "no delivery report")

    def _serve(self) -> None:
        # A request for the topic's metadata makes the broker create the topic in advance.
        with contextlib.suppress(KafkaException):
            self._producer.list_topics(self._topic, timeout=5)
        while True:
            self._producer.poll(1)


def stock_updated(change: StockChange) -> dict[str, Any]:
    """The event as the consumers of the topic know it."""
    new = change.item["stock"]
    amount = new - change.previous_stock
    return {
        "itemId": str(change.item["_id"]),
        "previousStock": change.previous_stock,
        "newStock": new,
        "changeType": "added" if amount > 0 else "reduced",
        "changeAmount": abs(amount),
        "updatedAt": iso(change.item["updatedAt"]),
    }


def iso(moment: datetime) -> str:
    """ISO 8601 with milliseconds and ``Z``, as JavaScript writes it. MongoDB's dates are UTC."""
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
