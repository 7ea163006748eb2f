"""Stock changes that do not begin where the item's change before ended."""

import structlog
from prometheus_client import CollectorRegistry, Counter

from order_service.application.stock_log.lost_updates import LostUpdate

log = structlog.get_logger(__name__)


class LostUpdateMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._found = Counter(
            "order_service_lost_updates",
            "Logged stock changes that begin at a stock which no logged change had left.",
            registry=registry,
        )

    def found(self, lost: LostUpdate) -> None:
        self._found.inc()
        change = lost.change
        log.warning(
            "lost_update",
            item_id=change.item_id,
            topic=change.topic,
            partition=change.partition,
            offset=change.offset,
            expected=lost.left,
            found=change.previous_stock,
        )
