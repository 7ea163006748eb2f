"""The complaints of all librdkafka clients of this process, as one outage.

Each client reports each try to connect, ten a second. An operator needs a line when the outage
begins, one a minute while it lasts, and one when it ends.
"""

import logging
import re
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Final

import structlog
from confluent_kafka import KafkaError

from order_service.application.outage import Outage
from order_service.infrastructure.kafka.causes import telling
from order_service.settings.redaction import redacted

# librdkafka repeats an unchanged complaint every 30 s at the latest.
_QUIET: Final = 35.0
# Seconds in which other clients may still complain of a broker that is back.
_STRAGGLERS: Final = 15.0
_REMEMBERED: Final = 20
_CONNECTING: Final = re.compile(r"^(FAIL|ERROR|REQTMOUT|SESSTMOUT|COMMITFAIL|GETPID)\b")
# A remark on the settings, which each client repeats.
_CONFIGURED: Final = re.compile(r"^CONFWARN\b")
# librdkafka's remark on a common setting that one kind of client does not use.
_NEEDLESS: Final = "property and will be ignored by this"

log = structlog.get_logger(__name__)


class Connections:
    """The state of this process's connections to Kafka. For any thread."""

    def __init__(self) -> None:
        self._outage = Outage("kafka_connection_troubled", log)
        self._lock = threading.Lock()
        self._words: list[str] = []
        self._last = 0.0
        self._ended = float("-inf")
        self._lost = False

    @property
    def troubled(self) -> bool:
        """Whether the log tells of it already, or did just now: whoever fails for that says no
        more."""
        return self._outage.lasts or time.monotonic() - self._ended < _STRAGGLERS

    @property
    def cause(self) -> str:
        with self._lock:
            return telling(self._words or ["timed out"])

    def complain(self, said: str) -> None:
        """A client could not connect, or lost its connection."""
        now = time.monotonic()
        if now - self._ended < _STRAGGLERS:
            return
        with self._lock:
            self._last = now
            self._words = [*self._words[1 - _REMEMBERED :], said]
        self._outage.failed(cause=self.cause, said=said)

    def unanswered(self) -> None:
        """Kafka, asked for its metadata, gave no answer."""
        self._lost = True
        self._outage.failed(cause=self.cause, said="no answer to a request for metadata")

    def answered(self) -> None:
        """Ends the outage: at once if Kafka was away, else once no client complains any more."""
        now = time.monotonic()
        if self._lost or now - self._last > _QUIET:
            if self._lost:
                self._ended = now
            self._lost = False
            with self._lock:
                self._words = []
            self._outage.over()


CONNECTIONS: Final = Connections()


def log_error(secrets: Mapping[str, str], error: KafkaError) -> None:
    """For a client's ``error_cb``; each of ``secrets`` is logged as its name."""
    reason = redacted(error.str(), secrets)
    if error.fatal():
        log.error("kafka_fatal_error", error=error.name(), reason=reason)
    elif error.code() != KafkaError._ALL_BROKERS_DOWN:
        # _ALL_BROKERS_DOWN adds nothing: each broker's own error came before.
        CONNECTIONS.complain(reason)


def logger(secrets: Mapping[str, str]) -> logging.Logger:
    """For a client's ``logger``."""
    made = logging.Logger("librdkafka")
    made.addHandler(_ToStructlog(secrets))
    return made


class _ToStructlog(logging.Handler):
    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__()
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        line = redacted(record.getMessage(), self._secrets)
        if _NEEDLESS in line:
            return
        if _CONFIGURED.match(line):
            _remark(line.split("]: ", 1)[-1])
        elif not _CONNECTING.match(line):
            log.log(record.levelno, "librdkafka", said=line)
        elif record.levelno > logging.INFO:
            # Lower levels tell of idle connections that are made again: no trouble.
            CONNECTIONS.complain(line.split("]: ", 1)[-1])


@cache
def _remark(said: str) -> None:
    """Once for a process: the API makes clients for each request that asks for dead letters."""
    log.warning("librdkafka", said=said)
