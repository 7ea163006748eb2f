"""How much waits to be done, counted on the indexes that hold only what waits."""

from typing import Final

from order_service.application.overview.backlog import MOST, Backlog
from order_service.infrastructure.mongo.connection import (
    Database,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.documents import OrderDocument

_MILLISECONDS: Final = 1000


def read_backlog(database: Database) -> Backlog:
    """Raises StoreUnavailable."""
    waiting = _counted(
        database,
        "waiting_for_stock",
        "awaitingSince",
        {"count": {"$sum": 1}, "stuck": {"$sum": {"$cond": [{"$gt": ["$stuck", None]}, 1, 0]}}},
    )
    unpublished = _counted(
        database, "unpublished", "outbox.occurredAt", {"count": {"$sum": {"$size": "$outbox"}}}
    )
    is_over = {"$lte": ["$heldUntil", "$$NOW"]}
    held = _counted(
        database,
        "held",
        "heldUntil",
        {"count": {"$sum": 1}, "overdue": {"$sum": {"$cond": [is_over, 1, 0]}}},
    )
    return Backlog(
        pending=waiting.get("count", 0),
        stuck=waiting.get("stuck", 0),
        oldest_pending=waiting.get("age", 0) / _MILLISECONDS,
        unpublished_events=unpublished.get("count", 0),
        oldest_unpublished=unpublished.get("age", 0) / _MILLISECONDS,
        held=held.get("count", 0),
        holds_overdue=held.get("overdue", 0),
    )


def _counted(database: Database, index: str, since: str, sums: Fields) -> Fields:
    """The oldest first; {} where nothing waits."""
    present = "outbox.eventId" if since.startswith("outbox.") else since
    oldest = {"$min": {"$min": f"${since}"}}
    pipeline: list[Fields] = [
        {"$match": {present: {"$exists": True}}},
        {"$sort": {since: 1}},
        {"$limit": MOST},
        {"$group": {"_id": None, "oldest": oldest, **sums}},
        {"$set": {"age": {"$max": [0, {"$subtract": ["$$NOW", "$oldest"]}]}}},
    ]
    with store_errors():
        found = list(collection_of(database, OrderDocument).aggregate(pipeline, hint=index))
    return found[0] if found else {}
