"""The circuit breaker in front of the inventory, and what the log is told of an inventory that is
away."""

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Any, ParamSpec, TypeVar

import structlog
from circuitbreaker import CircuitBreaker

from order_service.application.outage import Outage
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown

P = ParamSpec("P")
R = TypeVar("R")

_log = structlog.get_logger()


class Guard:
    """``failures``: calls in a row after which the inventory is left alone for ``reset`` s."""

    def __init__(self, failures: int, reset: float) -> None:
        self._reset = reset
        self._breaker = CircuitBreaker(
            failure_threshold=failures,
            recovery_timeout=reset,
            expected_exception=(InventoryUnavailable, OutcomeUnknown),
        )
        self._outage = Outage("inventory_unavailable", _log, shared=True)
        # Only its beginning and its end: the lines of the outage say that it lasts.
        self._left_alone = Outage("inventory_breaker_open", _log, every=inf)

    def available(self) -> bool:
        return not self._breaker.opened

    @property
    def missing_since(self) -> datetime | None:
        return self._outage.since

    def call(self, send: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Raises InventoryUnavailable while the breaker is open, and what ``send`` raises."""
        # The breaker counts, but does not hold back.
        if self._breaker.opened:
            raise InventoryUnavailable("The inventory is left alone for a moment.")
        try:
            with self._breaker:
                return send(*args, **kwargs)
        finally:
            self._tell_of_breaker()

    def failed(self, cause: object, **more: Any) -> None:
        """For the log: the inventory did not do what it is there for."""
        self._outage.failed(cause=str(cause), **more)

    def served(self) -> None:
        """For the log: the inventory did it, or said why not."""
        self._outage.over()

    def _tell_of_breaker(self) -> None:
        if self._breaker.opened:
            self._left_alone.failed(tried_again_after=self._reset)
        elif self._breaker.closed:
            self._left_alone.over()
