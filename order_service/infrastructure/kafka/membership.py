"""Whether the consumer has its place in the group, partitions or none."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from order_service.application.outage import Outage
from order_service.infrastructure.kafka.outages import CONNECTIONS

_EVERY: Final = 2.0
# Most workers have partitions by then, and need no admin client.
_FIRST: Final = 1.0
_TIMEOUT: Final = 1.0

log = structlog.get_logger(__name__)


class Membership:
    """For the consumer's thread; ``settled`` may be read from any.

    An assignment tells that this worker is in the group. But a broker that assigns partitions
    itself (KIP-848) does not tell a worker that no partition is left for it, and no worker joins
    while no topic exists. Both are no faults, so the broker is asked, every 2 s at most.
    """

    def __init__(
        self,
        consumer: Consumer,
        make_admin: Callable[[], AdminClient],
        group: str,
        topics: Sequence[str],
    ) -> None:
        self._consumer = consumer
        self._make_admin = make_admin
        self._group = group
        self._topics = topics
        self._due = time.monotonic() + _FIRST
        self._unknown = Outage("membership_unknown", log, serious=False)
        self.settled = False

    def assigned(self) -> None:
        self.settled = True

    def lost(self) -> None:
        self.settled = False

    def observe(self) -> None:
        if self.settled or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        try:
            self.settled = not self._any_topic() or self._is_member()
        except (KafkaException, TimeoutError) as error:
            if not CONNECTIONS.troubled:
                self._unknown.failed(reason=str(error))
        else:
            self._unknown.over()

    def _any_topic(self) -> bool:
        # Through an admin client: metadata asked for by the consumer would stir its subscription.
        known = self._make_admin().list_topics(timeout=_TIMEOUT).topics
        return any(topic in known for topic in self._topics)

    def _is_member(self) -> bool:
        # Held until the answer: a garbage-collected admin client never answers.
        admin = self._make_admin()
        asked = admin.describe_consumer_groups([self._group], request_timeout=_TIMEOUT)
        members = asked[self._group].result(2 * _TIMEOUT).members
        return self._consumer.memberid() in {each.member_id for each in members}
