"""Whether a topic takes batches that expand without bound.

librdkafka stops a zstd batch that expands beyond receive.message.max.bytes. It expands gzip (up to
1,000 times) and lz4 (up to 255 times) without bound, and holds the result twice for a moment;
snappy expands 21 times at most. So the broker has to check. It does where it stores batches in
another compression than they came in: as stored they have to fit into max.message.bytes.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

_TIMEOUT: Final = 2.5
_SETTING: Final = "compression.type"
# ``producer`` takes batches as they come.
_WITHOUT_BOUND: Final = {"producer", "gzip", "lz4"}
_REMEDY: Final = (
    "Set the topic's compression.type to uncompressed: the broker then expands a batch, for which "
    "it needs the memory, and refuses it when it is larger than max.message.bytes."
)

log = structlog.get_logger(__name__)


def warn_of_unbounded(admin: AdminClient, topics: Sequence[str]) -> None:
    """Logs each topic that takes unbounded batches. Passes over a topic whose settings can't be
    read; raises no error of Kafka's."""
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    answers = admin.describe_configs(asked, request_timeout=_TIMEOUT) if asked else {}
    until = time.monotonic() + 2 * _TIMEOUT
    for resource, answer in answers.items():
        _warn_if_unbounded(resource.name, answer, until)


def _warn_if_unbounded(topic: str, answer: Future[Any], until: float) -> None:
    try:
        setting = answer.result(max(0, until - time.monotonic()))[_SETTING].value
    except (KafkaException, TimeoutError, KeyError) as error:
        # For example, a user who may read the topic and not its settings.
        log.info("topic_settings_unknown", topic=topic, reason=str(error))
        return
    if setting in _WITHOUT_BOUND:
        log.warning(
            "records_may_expand_without_bound",
            topic=topic,
            compression_type=setting,
            remedy=_REMEDY,
        )
