"""What waits to be done."""

from dataclasses import dataclass
from typing import Final

# A backlog of more is counted as that many, so that looking at one does not add to the trouble.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Ages in seconds, by the store's clock; 0 where nothing waits. ``pending`` are the orders
    that wait for their stock, ``stuck`` ones among them; ``held`` orders wait to be confirmed, and
    the holds of those ``holds_overdue`` among them are over."""

    pending: int
    stuck: int
    oldest_pending: float
    unpublished_events: int
    oldest_unpublished: float
    held: int
    holds_overdue: int
