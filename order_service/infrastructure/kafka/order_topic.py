"""The topic that the orders' events are published to, read back after a store was restored."""

from datetime import datetime
from typing import Final

from order_service.application.orders.restore import Told
from order_service.application.place import Place
from order_service.domain.errors import InvalidValue
from order_service.infrastructure.kafka.reading import MakeReader, Span, opened
from order_service.infrastructure.kafka.told_events import decode

_WHAT: Final = "The orders' events"


class KafkaOrderTopic:
    def __init__(self, make_reader: MakeReader, topic: str) -> None:
        self._make_reader = make_reader
        self._topic = topic

    def since(self, time: datetime) -> Told:
        """Raises BrokerUnavailable, and InvalidValue where there is no such topic."""
        told = Told()
        with opened(self._make_reader, _WHAT) as reading:
            if self._topic not in reading.topics():
                raise InvalidValue("KAFKA_ORDER_TOPIC", f"Kafka has no topic {self._topic}")
            for span in list(reading.spans(self._topic, time)):
                if _is_cut(span):
                    told.cut.append(f"{self._topic}[{span.partition}]")
                for record in reading.records(span):
                    event = decode(record.value())
                    if event is None:
                        place = Place(record.topic(), record.partition(), record.offset())
                        told.unreadable.append(place)
                    else:
                        told.events.append(event)
        return told


def _is_cut(span: Span) -> bool:
    """Whether records are gone, and none that is left is from before the time asked for."""
    return 0 < span.low == span.first
