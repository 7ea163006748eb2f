"""Replay some dead letters, for somebody who waits for the answer."""

from collections.abc import Collection

from order_service.application.stock_log.dead_letters import OpensDeadLetterBox
from order_service.application.stock_log.read_dead_letters import ReadDeadLetters, RecordsInLog
from order_service.application.stock_log.replay_dead_letters import ReplayDeadLetters, ReplayReport
from order_service.domain.errors import TooMuchToRead


class ReplayChosenLetters:
    def __init__(self, open_box: OpensDeadLetterBox, log: RecordsInLog) -> None:
        self._open_box = open_box
        self._log = log

    def __call__(self, ids: Collection[str], *, force: bool) -> ReplayReport:
        """As ``ReplayDeadLetters.chosen`` does. After any error nothing was replayed.

        Raises Busy, BrokerUnavailable, TooMuchToRead, StoreUnavailable.
        """
        with self._open_box() as box:
            replay = ReplayDeadLetters(box, ReadDeadLetters(box, self._log))
            try:
                return replay.chosen(ids, force=force)
            except TooMuchToRead as error:
                raise TooMuchToRead(
                    "There are more dead letters than a request has time for, so none was "
                    "replayed: run `order-service dead-letters replay` instead."
                ) from error
