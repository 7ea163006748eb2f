"""Read one dead letter."""

from order_service.application.stock_log.dead_letters import DeadLetterQuery, OpensDeadLetterBox
from order_service.application.stock_log.read_dead_letters import (
    FoundLetter,
    ReadDeadLetters,
    RecordsInLog,
)
from order_service.domain.errors import DeadLetterNotFound


class GetDeadLetter:
    def __init__(self, open_box: OpensDeadLetterBox, log: RecordsInLog) -> None:
        self._open_box = open_box
        self._log = log

    def __call__(self, letter_id: str) -> FoundLetter:
        """Raises DeadLetterNotFound, Busy, BrokerUnavailable, TooMuchToRead, StoreUnavailable."""
        with self._open_box() as box:
            read = ReadDeadLetters(box, self._log)
            found = list(read(DeadLetterQuery(ids=frozenset([letter_id]))))
        if not found:
            raise DeadLetterNotFound
        return found[0]
