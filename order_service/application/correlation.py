"""What ties lines of the log, spans of a trace and calls to the requests and orders behind them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from order_service.domain.marks import Origin
from order_service.domain.order import Order


class Correlation(Protocol):
    def origin(self) -> Origin | None:
        """The request that is being served; None where none is."""
        ...

    def concerns(self, order_id: str) -> None:
        """What is told of the request, from now until it is answered, is about the order too."""
        ...

    def working_on(self, work: str, orders: Sequence[Order]) -> AbstractContextManager[None]:
        """What is told and called within the block is for these orders, and a part of ``work``."""
        ...


class Uncorrelated:
    """For those who tell nobody what they do."""

    def origin(self) -> Origin | None:
        return None

    def concerns(self, order_id: str) -> None:
        """Nobody is told."""

    def working_on(self, work: str, orders: Sequence[Order]) -> AbstractContextManager[None]:
        return nullcontext()


UNCORRELATED = Uncorrelated()
