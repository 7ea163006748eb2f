"""Whether a topic takes records of which nobody knows how large they become.

librdkafka stops a zstd batch that expands beyond receive.message.max.bytes. It expands gzip (up to
a thousand times) and lz4 (255 times) to whatever they become, and holds that twice for a moment.
What snappy makes of a batch is 21 times at most. So it is the broker that has to look, as it does
where it stores batches otherwise than they came: as stored they have to fit into max.message.bytes.
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
    """Tells of each topic once. One that can't be asked about is left at that; raises nothing that
    is Kafka's doing."""
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    answers = admin.describe_configs(asked, request_timeout=_TIMEOUT) if asked else {}
    until = time.monotonic() + 2 * _TIMEOUT
    for resource, answer in answers.items():
        _tell(resource.name, answer, until)


def _tell(topic: str, answer: Future[Any], until: float) -> None:
    try:
        setting = answer.result(max(0, until - time.monotonic()))[_SETTING].value
    except (KafkaException, TimeoutError, KeyError) as error:
        # As for a user who may read the topic and not its settings.
        log.info("topic_settings_unknown", topic=topic, reason=str(error))
        return
    if setting in _WITHOUT_BOUND:
        log.warning(
            "records_may_expand_without_bound",
            topic=topic,
            compression_type=setting,
            remedy=_REMEDY,
        )
