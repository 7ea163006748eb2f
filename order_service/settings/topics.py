"""Names of Kafka's topics, and which of them can be used together."""

from collections.abc import Sequence
from typing import Final

DEAD_LETTER_SUFFIX: Final = "-dlt"

_LONGEST: Final = 249


def check(stock: Sequence[str], order: str) -> None:
    """No topic may be Kafka's own, and no two may differ in . and _ only: to Kafka's metrics . and
    _ are one, so Kafka refuses the second of two such topics.

    Raises ValueError, which names the variable."""
    letters = [topic + DEAD_LETTER_SUFFIX for topic in stock]
    if any(len(topic) > _LONGEST for topic in letters):
        raise ValueError(
            f"KAFKA_STOCK_TOPICS: with {DEAD_LETTER_SUFFIX} behind it, for its dead letters, a "
            f"name is longer than {_LONGEST} characters"
        )
    seen = set[str]()
    for variable, topic in [
        *(("KAFKA_STOCK_TOPICS", topic) for topic in (*stock, *letters)),
        ("KAFKA_ORDER_TOPIC", order),
    ]:
        if topic in {".", ".."}:
            raise ValueError(f"{variable}: . and .. are no names of topics")
        if topic.startswith("__"):
            raise ValueError(f"{variable}: topics whose names begin with __ are Kafka's own")
        if topic.replace(".", "_") in seen:
            raise ValueError(
                f"{variable}: a topic's name is used twice (to Kafka . and _ are one, and "
                f"<topic>{DEAD_LETTER_SUFFIX} is where a stock topic's dead letters go)"
            )
        seen.add(topic.replace(".", "_"))
