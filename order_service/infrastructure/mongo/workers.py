"""What each worker tells of itself: a document a worker, whose times are the store's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from mongoengine import (
    DateTimeField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentListField,
    IntField,
    LongField,
    StringField,
)

from order_service.application.overview.workers import (
    ALIVE_WITHIN,
    FORGOTTEN_AFTER,
    Beat,
    PartitionLag,
    SeenWorker,
)
from order_service.application.readiness import DependencyState
from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors

# What a worker tells at most, and how many of them are read: the document of each stays small.
_MOST_PARTITIONS: Final = 1000
_MOST_PARTS: Final = 50
_MOST_WORKERS: Final = 100
_LONGEST_DETAIL: Final = 500


class PartDocument(EmbeddedDocument):
    name = StringField()
    detail = StringField()
    since = DateTimeField()


class PartitionDocument(EmbeddedDocument):
    topic = StringField()
    partition = IntField()
    lag = LongField()


class WorkerDocument(Document):
    """The index only tidies up: who was not seen for so long is not read either."""

    id = StringField(primary_key=True)
    version = StringField()
    started_at = DateTimeField(db_field="startedAt")
    seen_at = DateTimeField(db_field="seenAt")
    parts = EmbeddedDocumentListField(PartDocument)
    partitions = EmbeddedDocumentListField(PartitionDocument)

    meta = {  # noqa: RUF012  (MongoEngine's own shape)
        "collection": "workers",
        "indexes": [
            {"name": "expiry", "fields": ["seen_at"], "expireAfterSeconds": FORGOTTEN_AFTER}
        ],
    }


class MongoWorkers:
    """See ToldWorkers and SeenWorkers."""

    def __init__(self, database: Database) -> None:
        self._workers = collection_of(database, WorkerDocument)

    def tell(self, beat: Beat) -> None:
        began = {"$subtract": ["$$NOW", int(beat.up_for * 1000)]}
        told = {
            "version": {"$literal": beat.version},
            "startedAt": {"$ifNull": ["$startedAt", began]},
            "seenAt": "$$NOW",
            "parts": {"$literal": [_written(each) for each in beat.parts[:_MOST_PARTS]]},
            "partitions": {"$literal": _furthest_behind(beat)},
        }
        with store_errors():
            self._workers.update_one({"_id": beat.id}, [{"$set": told}], upsert=True)

    def forget(self, worker_id: str) -> None:
        with store_errors():
            self._workers.delete_one({"_id": worker_id})

    def seen(self) -> list[SeenWorker]:
        pipeline: list[dict[str, Any]] = [
            {"$match": {"$expr": {"$gt": ["$seenAt", _ago(FORGOTTEN_AFTER)]}}},
            {"$sort": {"seenAt": -1}},
            {"$limit": _MOST_WORKERS},
            {"$set": {"alive": {"$gt": ["$seenAt", _ago(ALIVE_WITHIN)]}}},
        ]
        with store_errors():
            found = list(self._workers.aggregate(pipeline))
        workers = [worker for worker in map(_read, found) if worker is not None]
        return sorted(workers, key=lambda each: (not each.alive, each.started_at, each.id))


def _ago(seconds: int) -> dict[str, Any]:
    return {"$subtract": ["$$NOW", seconds * 1000]}


def _written(part: DependencyState) -> dict[str, Any]:
    detail = part.problem and part.problem[:_LONGEST_DETAIL]
    return {"name": part.name, "detail": detail, "since": part.since}


def _furthest_behind(beat: Beat) -> list[dict[str, Any]]:
    """In their order, and of too many those that are furthest behind."""
    furthest = sorted(beat.partitions, key=lambda each: -each.lag)[:_MOST_PARTITIONS]
    return [each._asdict() for each in sorted(furthest)]


def _read(found: Mapping[str, Any]) -> SeenWorker | None:
    """None for what is no worker's word."""
    try:
        worker = SeenWorker(
            id=found["_id"],
            version=found["version"],
            started_at=found["startedAt"],
            seen_at=found["seenAt"],
            alive=found["alive"],
            parts=[_part(each) for each in found["parts"]],
            partitions=[
                PartitionLag(str(each["topic"]), int(each["partition"]), int(each["lag"]))
                for each in found["partitions"]
            ],
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    texts, times = (worker.id, worker.version), (worker.started_at, worker.seen_at)
    is_whole = all(isinstance(each, str) for each in texts)
    return worker if is_whole and all(isinstance(each, datetime) for each in times) else None


def _part(found: Mapping[str, Any]) -> DependencyState:
    detail, since = found["detail"], found["since"]
    return DependencyState(
        str(found["name"]),
        True,
        None if detail is None else str(detail),
        since if isinstance(since, datetime) else None,
    )
