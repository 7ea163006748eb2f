"""What waits to be done, read from the store at each scrape."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from order_service.application.overview.backlog import MOST, Backlog
from order_service.domain.errors import StoreUnavailable

_READABLE: Final = "backlog_readable"
_TEXTS = {
    _READABLE: "1 while the store tells of it.",
    "orders_pending": f"Orders that wait for their stock; {MOST} is that many or more.",
    "orders_stuck": "Those of them that only evidence or a person can decide.",
    "oldest_pending_seconds": "Age of the order that waits longest for its stock.",
    "events_unpublished": f"Events in the outbox; those of {MOST} orders at most.",
    "oldest_unpublished_seconds": "Age of the oldest event in the outbox.",
    "orders_held": f"Orders that are held until they are confirmed; {MOST} is that many or more.",
    "holds_overdue": f"Held orders whose hold is over; {MOST} is that many or more.",
}


class BacklogCollector(Collector):
    """``order_service_backlog_readable`` is 0, and the others are missing, without the store."""

    def __init__(self, read: Callable[[], Backlog]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Without the store, which whoever asks for other metrics alone leaves alone too."""
        yield from (_gauge(name, text, 0) for name, text in _TEXTS.items())

    def collect(self) -> Iterator[Metric]:
        try:
            backlog = self._read()
        except StoreUnavailable:
            yield _gauge(_READABLE, _TEXTS[_READABLE], 0)
            return
        yield _gauge(_READABLE, _TEXTS[_READABLE], 1)
        values = {
            "orders_pending": backlog.pending,
            "orders_stuck": backlog.stuck,
            "oldest_pending_seconds": backlog.oldest_pending,
            "events_unpublished": backlog.unpublished_events,
            "oldest_unpublished_seconds": backlog.oldest_unpublished,
            "orders_held": backlog.held,
            "holds_overdue": backlog.holds_overdue,
        }
        for name, value in values.items():
            yield _gauge(name, _TEXTS[name], value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"order_service_{name}", text, value)
