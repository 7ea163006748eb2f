"""What the composition root calls: settings in, Kafka's adapters out.

Each function raises SettingsError for a librdkafka setting that is unknown, invalid, or not the
operator's to change. Only ``brief_dead_letter_box`` waits for the broker. Call them after a fork.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Final

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from order_service.application.stock_log.changes import StockChange
from order_service.application.stock_log.record import RecordStockChanges
from order_service.infrastructure.kafka import config
from order_service.infrastructure.kafka.consumer import StockConsumer
from order_service.infrastructure.kafka.dead_letter_box import KafkaDeadLetterBox
from order_service.infrastructure.kafka.dead_letters import DeadLetterPublisher
from order_service.infrastructure.kafka.delivery import Delivery
from order_service.infrastructure.kafka.intake import Intake
from order_service.infrastructure.kafka.made_anew import Sightings
from order_service.infrastructure.kafka.membership import Membership
from order_service.infrastructure.kafka.metrics import (
    ConsumerMetrics,
    publish_failures,
    tell_whether_up,
)
from order_service.infrastructure.kafka.order_topic import KafkaOrderTopic
from order_service.infrastructure.kafka.publisher import KafkaEventPublisher
from order_service.infrastructure.kafka.reading import Hear, Patience, opened
from order_service.infrastructure.kafka.watch import KafkaWatch
from order_service.infrastructure.telemetry.correlation import LogCorrelation
from order_service.settings import Settings

# Above delivery.timeout.ms, so that librdkafka itself gives up first and says why.
_PATIENCE: Final = 18.0
_DEAD_LETTERS: Final = "The dead letters"


def kafka_watch(settings: Settings, registry: CollectorRegistry | None = None) -> KafkaWatch:
    """``registry`` takes whether Kafka answers."""
    admin = partial(config.build, AdminClient, config.admin_config(settings), settings)
    watch = KafkaWatch(admin, settings.kafka_stock_topics)
    tell_whether_up(registry or CollectorRegistry(), watch.check)
    return watch


def stock_consumer(
    settings: Settings,
    record: RecordStockChanges,
    registry: CollectorRegistry,
    sightings: Sightings,
    logged: Callable[[list[StockChange]], None] = lambda changes: None,
) -> StockConsumer:
    """The consumer joins the group in ``run``. ``registry`` takes one consumer's metrics.
    ``logged``: as StockConsumer has it."""
    topics = settings.kafka_stock_topics
    metrics = ConsumerMetrics(registry, topics)
    admin = partial(AdminClient, config.admin_config(settings))

    def open_intake() -> Intake:
        consumer = config.build(Consumer, config.consumer_config(settings), settings)
        membership = Membership(consumer, admin, settings.kafka_group, topics)
        batch = settings.consumer_batch_size
        return Intake(consumer, membership, topics, batch, metrics, sightings)

    return StockConsumer(
        open_intake,
        record,
        DeadLetterPublisher(_delivery(settings, config.dead_letter_config(settings)), admin),
        metrics,
        settings.stock_event_max_bytes,
        logged,
    )


def event_publisher(
    settings: Settings,
    correlation: LogCorrelation | None = None,
    registry: CollectorRegistry | None = None,
) -> KafkaEventPublisher:
    """``registry`` takes the number of events that were not confirmed."""
    delivery = _delivery(settings, config.producer_config(settings))
    failures = publish_failures(registry or CollectorRegistry())
    return KafkaEventPublisher(delivery, settings.kafka_order_topic, failures, correlation)


def dead_letter_box(settings: Settings) -> KafkaDeadLetterBox:
    reading = partial(opened, partial(_reader, settings), _DEAD_LETTERS)
    delivery = partial(_delivery, settings, config.dead_letter_config(settings))
    return KafkaDeadLetterBox(reading, delivery, settings.kafka_stock_topics)


@contextmanager
def brief_dead_letter_box(
    settings: Settings, to_read: float, to_send: float
) -> Iterator[KafkaDeadLetterBox]:
    """For one request, whose readings share a client, and so come after each other. ``to_read``:
    seconds from now on for all that is read; ``to_send``: for the letters of a replay. Raises
    BrokerUnavailable, and TooMuchToRead where Kafka takes all of the time to answer at all."""
    delivery = partial(_delivery, settings, config.dead_letter_config(settings), to_send)
    with opened(partial(_reader, settings), _DEAD_LETTERS, Patience(to_read)) as reading:
        yield KafkaDeadLetterBox(
            lambda: nullcontext(reading), delivery, settings.kafka_stock_topics
        )


def order_topic(settings: Settings) -> KafkaOrderTopic:
    return KafkaOrderTopic(partial(_reader, settings), settings.kafka_order_topic)


def _reader(settings: Settings, hear: Hear) -> Consumer:
    options = config.reader_config(settings) | {"error_cb": hear}
    return config.build(Consumer, options, settings)


def _delivery(settings: Settings, options: config.Config, patience: float = _PATIENCE) -> Delivery:
    return Delivery(partial(config.build, Producer, options, settings), patience)
