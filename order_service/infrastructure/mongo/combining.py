"""Calls that come while another one is under way are made together, as one (flat combining).

Alone, a call costs no more than it would by itself: nobody waits for company.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from pymongo.errors import PyMongoError

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.failures import NO_BSON, for_log
from order_service.infrastructure.mongo.outages import STORE, failure

A = TypeVar("A")
R = TypeVar("R")

MOST: Final = 100


class _Waiting(Generic[A, R]):
    def __init__(self, argument: A) -> None:
        self.argument = argument
        self.outcome: R | BaseException | None = None
        self.is_done = False
        # Held until it is done, or its turn to make the call for all.
        self.turn = threading.Lock()
        self.turn.acquire()

    def end(self, outcome: R | BaseException) -> None:
        self.outcome = outcome
        self.is_done = True
        self.turn.release()


class Combined(Generic[A, R]):
    """``call`` answers a result, or the error to raise, for each argument, in their order. What the
    driver raises in it becomes StoreUnavailable or InvalidValue here. A call that ends with
    StoreUnavailable ends so for those who came meanwhile as well: the store that failed the ones
    would only fail the others too, later."""

    def __init__(self, call: Callable[[list[A]], Sequence[R | BaseException]]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[A, R]] = deque()
        self._is_led = False

    def __call__(self, argument: A) -> R:
        mine = _Waiting[A, R](argument)
        with self._lock:
            self._waiting.append(mine)
            if not self._is_led:
                self._is_led = True
                mine.turn.release()
        mine.turn.acquire()
        if not mine.is_done:
            self._lead()
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        return mine.outcome  # type: ignore[return-value]

    def _lead(self) -> None:
        """Make the call for everybody who waits, whoever leads among them, then pass that on."""
        with self._lock:
            together = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        outcomes: Sequence[R | BaseException]
        try:
            outcomes = self._outcomes([each.argument for each in together])
        except StoreUnavailable as error:
            with self._lock:
                together += self._waiting
                self._waiting.clear()
            outcomes = [error] * len(together)
        with self._lock:
            if self._waiting:
                self._waiting[0].turn.release()
            else:
                self._is_led = False
        for each, outcome in zip(together, outcomes, strict=True):
            each.end(outcome)

    def _outcomes(self, arguments: list[A]) -> Sequence[R | BaseException]:
        try:
            return self._made(arguments)
        except StoreUnavailable:
            raise
        except BaseException as error:  # noqa: BLE001  (it belongs to the one whose argument it is)
            if len(arguments) == 1:
                return [error]
            return [self._outcomes([each])[0] for each in arguments]

    def _made(self, arguments: list[A]) -> Sequence[R | BaseException]:
        try:
            made = self._call(arguments)
        except (PyMongoError, *NO_BSON) as error:
            raise failure(error) from for_log(error)
        STORE.over()
        return made
