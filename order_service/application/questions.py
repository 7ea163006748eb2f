"""Ask what may hang, in a thread of its own, and wait for the answer only so long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """An answer to come. ``began``: the monotonic second at which it was asked for."""

    answer: Future[T]
    began: float
    timeout: float

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def wait(self) -> T:
        """Waits until ``timeout`` seconds after the question, so that a later caller waits less for
        what hangs. Raises TimeoutError then, RuntimeError where no thread could be had to ask, and
        whatever asking raised."""
        return self.answer.result(max(0.0, self.timeout - self.elapsed))


class Question(Generic[T]):
    """``ask`` is called in a thread named ``name``; ``timeout``: the seconds that it may take.

    However many callers want to know at once, one thread asks, and all callers share the answer. So
    what hangs occupies one thread, and nothing else waits behind it.
    """

    def __init__(self, name: str, ask: Callable[[], T], timeout: float) -> None:
        self._name = name
        self._ask = ask
        self._timeout = timeout
        self._beginning = threading.Lock()
        self._last: Asked[T] | None = None

    def begin(self) -> Asked[T]:
        with self._beginning:
            if self._last is None or self._last.answer.done():
                self._last = Asked(Future(), time.monotonic(), self._timeout)
                self._start(self._last.answer)
            return self._last

    def _start(self, answer: Future[T]) -> None:
        # A daemon: a question that hangs must not hold up the end of the process.
        thread = threading.Thread(target=self._run, args=(answer,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            answer.set_exception(error)

    def _run(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._ask())
        except Exception as error:  # noqa: BLE001  (whoever waits is told)
            answer.set_exception(error)
