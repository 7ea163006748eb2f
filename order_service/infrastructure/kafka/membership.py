"""Whether the consumer has its place in the group, partitions or none."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from order_service.application.outage import Outage

_EVERY: Final = 2.0
# Most are assigned their partitions by then, and need no admin client.
_FIRST: Final = 1.0
_TIMEOUT: Final = 1.0

log = structlog.get_logger(__name__)


class Membership:
    """Lives in the consumer's thread; ``settled`` is for others to read.

    An assignment tells that this worker is in the group. But the broker that assigns by itself
    (KIP-848) does not tell a worker that there is no partition left for it, and where no topic
    exists yet nobody joins. Both are as they should be, so the broker is asked, every 2 s at most.
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
            self._unknown.failed(reason=str(error))
        else:
            self._unknown.over()

    def _any_topic(self) -> bool:
        # Not asked through the consumer, whose subscription a metadata answer would stir.
        known = self._make_admin().list_topics(timeout=_TIMEOUT).topics
        return any(topic in known for topic in self._topics)

    def _is_member(self) -> bool:
        # Held until it has answered: an admin client that is collected never does.
        admin = self._make_admin()
        asked = admin.describe_consumer_groups([self._group], request_timeout=_TIMEOUT)
        members = asked[self._group].result(2 * _TIMEOUT).members
        return self._consumer.memberid() in {each.member_id for each in members}
