"""What the world was told of the orders."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from tests.published_events import read


class Told(NamedTuple):
    event_id: str
    sequence: int


def published(bootstrap: str, topic: str) -> dict[str, list[Told]]:
    """Order id → its events, as they stand in the topic now, repeats too."""
    told: defaultdict[str, list[Told]] = defaultdict(list)
    for message in records(bootstrap, topic):
        event = read(message)
        told[event["orderId"]].append(Told(event["eventId"], event["sequence"]))
    return told


def records(bootstrap: str, topic: str) -> Iterator[Message]:
    """Those that stand in the topic now."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        ends = {
            each: consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=20)[1]
            for each in partitions
        }
        consumer.assign([TopicPartition(topic, each, 0) for each in ends])
        unread = {each for each, end in ends.items() if end}
        while unread:
            for message in consumer.consume(1000, 1):
                yield message
                if message.offset() + 1 >= ends[message.partition()]:
                    unread.discard(message.partition())
    finally:
        consumer.close()
