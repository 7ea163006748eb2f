"""Dead letters, made as they come about: by records that can't be logged."""

from typing import Any

from confluent_kafka import Producer

from tests.console.shop import Shop
from tests.waiting import until


def bury(shop: Shop, *values: bytes, topic: str = "stock-updates") -> None:
    """Sends records that can't be logged, and waits until each is a dead letter. The workers of
    several shops hear of the same topic, and each makes a letter of its own."""
    producer = Producer({"bootstrap.servers": shop.system.settings["KAFKA_BROKER"]})
    sent: list[tuple[int, int]] = []
    for value in values:
        producer.produce(
            topic,
            value,
            key=b"<b>key",
            headers=[("<i>h", b"<b>x")],
            on_delivery=lambda _, message: sent.append((message.partition(), message.offset())),
        )
    producer.flush(10)
    assert len(sent) == len(values)
    until(lambda: set(sent) <= _originals(shop, topic), "the dead letters")


def _originals(shop: Shop, topic: str) -> set[tuple[int, int]]:
    originals = [each["original"] for each in letters(shop)]
    return {(each["partition"], each["offset"]) for each in originals if each["topic"] == topic}


def letters(shop: Shop, **query: Any) -> list[Any]:
    """The newest dead letters that wait."""
    answer = shop.ask("GET", "/api/dead-letters", params={"limit": 100, **query})
    # While no topic of dead letters exists there are none.
    return answer.json()["deadLetters"] if answer.ok else []
