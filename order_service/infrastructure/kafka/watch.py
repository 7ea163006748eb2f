"""Whether Kafka answers, and the state of the stock topics. Asked every few seconds, apart from the
consumer, which may be waiting for the store."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from order_service.application.outage import iso
from order_service.domain.errors import BrokerUnavailable
from order_service.infrastructure.kafka.expansion import warn_of_unbounded
from order_service.infrastructure.kafka.outages import CONNECTIONS, Connections

_TIMEOUT: Final = 2.5
# One late answer of a busy broker is no outage.
_PATIENCE: Final = 5.0
# A look that takes so long hangs.
_LONGEST_LOOK: Final = 10.0

log = structlog.get_logger(__name__)


class KafkaWatch:
    """``look`` belongs to one thread; the rest may be called from any."""

    name = "kafka"
    required = True

    def __init__(
        self,
        make_admin: Callable[[], AdminClient],
        topics: Sequence[str],
        connections: Connections = CONNECTIONS,
    ) -> None:
        self._make_admin = make_admin
        self._topics = list(topics)
        self._connections = connections
        self._admin: AdminClient | None = None
        self._lock = threading.Lock()
        self._ids: dict[str, tuple[str, float]] = {}
        self._made_anew: list[tuple[str, float]] = []
        self._missing: list[str] | None = None
        self._answered_at = float("-inf")
        self._is_away = True
        self._silent_since = datetime.now(UTC)

    def look(self) -> int:
        """Ask Kafka once; raises no error of Kafka's. Answers 0: a look has no work to count."""
        self._admin = self._admin or self._make_admin()
        begun = datetime.now(UTC)
        answers = {} if self._is_away and not _answers(self._admin) else self._ask(self._admin)
        # A poll runs the admin client's error callback.
        self._admin.poll(0)
        if all(isinstance(each, KafkaError) and each.code() < 0 for each in answers.values()):
            if not self._is_away:
                self._is_away, self._silent_since = True, begun
            self._connections.unanswered()
            return 0
        self._answered_at, self._silent_since = time.monotonic(), datetime.now(UTC)
        self._is_away = False
        self._connections.answered()
        warn_of_unbounded(self._admin, self._compare(answers))
        return 0

    def _ask(self, admin: AdminClient) -> dict[str, str | KafkaError]:
        asked = admin.describe_topics(TopicCollection(self._topics), request_timeout=_TIMEOUT)
        return {topic: _answer(future) for topic, future in asked.items()}

    def check(self) -> None:
        """Raises BrokerUnavailable while Kafka does not answer."""
        silent = time.monotonic() - self._answered_at
        if silent < (_PATIENCE if self._is_away else _LONGEST_LOOK):
            return
        raise BrokerUnavailable(
            f"Kafka has not answered since {iso(self._silent_since)}: {self._connections.cause}"
        )

    @property
    def missing_since(self) -> datetime:
        """The last answer; while Kafka is away, the first question that it has not answered."""
        return self._silent_since

    @property
    def topics_problem(self) -> str | None:
        """A text while no stock topic exists: misspelt in the setting, or still to be made. A topic
        that is missing beside others is no problem: two spellings are usual."""
        missing = self._missing
        if missing is None or len(missing) < len(self._topics):
            return None
        return (
            f"No topic of KAFKA_STOCK_TOPICS exists ({', '.join(missing)}): check the spelling, or "
            "make it. It is read from its beginning as soon as it is there."
        )

    def made_anew(self) -> list[tuple[str, float]]:
        with self._lock:
            found, self._made_anew = self._made_anew, []
        return found

    def _compare(self, answers: dict[str, str | KafkaError]) -> list[str]:
        """Notes the topics' ids, and answers the topics whose id is new."""
        now = time.monotonic()
        new: list[str] = []
        missing = [topic for topic, answer in answers.items() if _is_unknown(answer)]
        for topic, answer in answers.items():
            if isinstance(answer, str):
                before, seen_at = self._ids.get(topic, ("", now))
                if before != answer:
                    new.append(topic)
                if before not in ("", answer):
                    with self._lock:
                        self._made_anew.append((topic, seen_at))
                self._ids[topic] = (answer, now)
        if missing != (self._missing or []):
            self._log_missing(missing)
        self._missing = missing
        return new

    def _log_missing(self, missing: Sequence[str]) -> None:
        if len(missing) == len(self._topics):
            log.warning(
                "no_stock_topic_exists",
                topics=missing,
                remedy="Check the spelling of KAFKA_STOCK_TOPICS, or make the topic.",
            )
        elif missing:
            log.info("stock_topics_missing", topics=missing)
        else:
            log.info("stock_topics_found", topics=self._topics)


def _answers(admin: AdminClient) -> bool:
    """Asked before describe_topics while Kafka is away: where the answer to that comes after its
    time-out, librdkafka may end the process (confluentinc/librdkafka, issue 4605)."""
    try:
        admin.list_topics(timeout=_TIMEOUT)
    except KafkaException:
        return False
    return True


def _is_unknown(answer: str | KafkaError) -> bool:
    return not isinstance(answer, str) and answer.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _answer(future: Future[Any]) -> str | KafkaError:
    """The topic's id, which a later topic of the same name does not share, or the error."""
    try:
        return str(future.result(2 * _TIMEOUT).topic_id)
    except KafkaException as error:
        found: KafkaError = error.args[0]
        return found
    except TimeoutError:
        return KafkaError(KafkaError._TIMED_OUT)
