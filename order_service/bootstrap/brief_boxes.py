"""The dead letters, for requests to the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from order_service.application.one_at_a_time import OneAtATime
from order_service.application.stock_log.dead_letters import DeadLetterBox
from order_service.domain.errors import BrokerUnavailable
from order_service.settings import Settings, SettingsError

# Seconds.
_TO_READ: Final = 5.0
_TO_SEND: Final = 5.0


class BriefBoxes:
    """Opens a box with clients of its own for one request at a time, so that any number of requests
    takes the memory and the threads of one.

    Kafka's library is loaded with the first of them: few of the API's processes ever need it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns = OneAtATime("Another request reads the dead letters: try again in a moment.")

    @contextmanager
    def __call__(self) -> Iterator[DeadLetterBox]:
        """Raises Busy, and BrokerUnavailable where Kafka's settings can't be used."""
        with self._turns.turn(), self._opened() as box:
            yield box

    @contextmanager
    def _opened(self) -> Iterator[DeadLetterBox]:
        from order_service.infrastructure.kafka import build
        from order_service.infrastructure.kafka.outages import CONNECTIONS

        try:
            with build.brief_dead_letter_box(self._settings, _TO_READ, _TO_SEND) as box:
                yield box
        except SettingsError as error:
            raise BrokerUnavailable(
                "Kafka's settings can't be used: `order-service worker` says at its start which."
            ) from error
        except BrokerUnavailable:
            CONNECTIONS.unanswered()
            raise
        else:
            CONNECTIONS.answered()
