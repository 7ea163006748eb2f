"""Tell the samples what a process counted, again and again, beside its work."""

import threading
from collections.abc import Callable
from typing import Final, Self

from order_service.application.clock import Clock
from order_service.application.overview.samples import (
    SLOT_SECONDS,
    Counted,
    Sample,
    Samples,
    slot_of,
)
from order_service.application.readiness import Unforeseen
from order_service.domain.errors import OrderServiceError

# Seconds that the last sample may hold up the end of a process.
_END_WITHIN: Final = 2.0


class TakeSample:
    """``count``: all that this process's metrics tell by now. They may have been another process's
    before, so what they tell here, at the beginning, is not this process's."""

    def __init__(self, count: Callable[[], Counted], samples: Samples, clock: Clock) -> None:
        self._count = count
        self._samples = samples
        self._clock = clock
        self._told = count()

    def __call__(self) -> None:
        """Tell what was counted since the last time; asks the store for nothing where that is
        nothing. Raises StoreUnavailable; what could not be told then is left out for ever, for it
        may have been told all the same."""
        counted = self._count()
        new, self._told = counted.since(self._told), counted
        if not new.is_empty:
            self._samples.add(Sample(slot_of(self._clock.now()), new))


class Sampler:
    """Takes a sample every ``every`` seconds in a thread of its own, and the last one at the end,
    for the length of a ``with`` block or from ``start`` to ``end``. Raises nothing: a sample that
    is lost is a gap in what is shown, and nothing else. Start it after the fork."""

    def __init__(
        self, take: Callable[[], None], unforeseen: Unforeseen, every: float = SLOT_SECONDS
    ) -> None:
        self._take = take
        self._unforeseen = unforeseen
        self._every = every
        self._ending = threading.Event()
        # A daemon: a store that hangs must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:
            self._unforeseen("samples", error)

    def end(self) -> None:
        """Returns once the last sample is told, and after 2 s in any case."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_END_WITHIN)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            self._tried()
        self._tried()

    def _tried(self) -> None:
        try:
            self._take()
        except OrderServiceError:
            # Whoever asked the store told the log of its outage.
            return
        except Exception as error:  # noqa: BLE001  (samples disturb nothing)
            self._unforeseen("samples", error)
