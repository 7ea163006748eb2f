"""Records handed to the broker, and their outcomes by its delivery reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from order_service.infrastructure.kafka.headers import Header

ANY_PARTITION: Final = -1
_UNREPORTED: Final = KafkaError(KafkaError._TIMED_OUT, "No delivery report in time")


@dataclass(frozen=True, slots=True)
class Outgoing:
    topic: str
    value: bytes | None
    key: bytes | None
    headers: list[Header] = field(default_factory=list)
    partition: int = ANY_PARTITION


class Delivery:
    """One producer, for one thread at a time; a new one takes over after a fatal error.

    ``patience``: seconds that a whole call waits for the broker's reports.
    """

    def __init__(self, make: Callable[[], Producer], patience: float) -> None:
        self._make = make
        self._patience = patience
        self._producer: Producer | None = make()

    def deliver(self, records: Sequence[Outgoing]) -> list[KafkaError | None]:
        """For each record None if the broker confirmed it in time, else the error."""
        producer = self._producer = self._producer or self._make()
        outcomes: list[KafkaError | None] = [_UNREPORTED] * len(records)
        for at, record in enumerate(records):
            try:
                _produce(producer, record, _reporter(outcomes, at))
            except BufferError:
                outcomes[at] = KafkaError(KafkaError._QUEUE_FULL)
            except KafkaException as error:
                outcomes[at] = error.args[0]
            except Exception as error:  # noqa: BLE001  (the last resort)
                # The binding raises it for the record's content.
                outcomes[at] = KafkaError(KafkaError._INVALID_ARG, type(error).__name__)
        if producer.flush(self._patience):
            # No record may be delivered after the caller was told that it was not.
            producer.purge()
            producer.flush(1)
        self._renew_after_fatal(outcomes)
        return outcomes

    def _renew_after_fatal(self, outcomes: Sequence[KafkaError | None]) -> None:
        if any(error is not None and error.fatal() for error in outcomes):
            self._producer = None


def _reporter(
    outcomes: list[KafkaError | None], at: int
) -> Callable[[KafkaError | None, Message], None]:
    def report(error: KafkaError | None, _: Message) -> None:
        outcomes[at] = error

    return report


def _produce(
    producer: Producer, record: Outgoing, report: Callable[[KafkaError | None, Message], None]
) -> None:
    producer.produce(
        record.topic,
        value=record.value,
        key=record.key,
        partition=record.partition,
        headers=list(record.headers),
        on_delivery=report,
    )
    producer.poll(0)
