"""/api/status: how the whole service is, and what it did in the last hour."""

from typing import Annotated, Literal, Self

from flask import Response
from flask_openapi import Tag
from pydantic import Field

from order_service.application.callers import Scope
from order_service.application.overview.backlog import MOST, Backlog
from order_service.application.overview.read_last_hour import ReadLastHour, percentile
from order_service.application.overview.read_status import ReadStatus, Status
from order_service.application.overview.samples import SLOT_SECONDS, Sample
from order_service.application.overview.workers import PartitionLag, SeenWorker
from order_service.application.readiness import DependencyState
from order_service.domain.errors import StoreUnavailable
from order_service.interface.http.answers import (
    WHERE_GIVEN,
    Absent,
    Answer,
    ShownDependency,
    Time,
)
from order_service.interface.http.routes import Routes

_TAG = Tag(name="Status", description="How the whole service is: its processes, and what waits.")
_MICROSECONDS = 6

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class ShownPart(Answer):
    status: Literal["ok", "unavailable"]
    detail: Annotated[str | Absent, WHERE_GIVEN] = None
    """What is wrong; only where it is unavailable."""
    since: Annotated[Time | Absent, WHERE_GIVEN] = None
    """Since when the worker has known of it; only where it is unavailable."""

    @classmethod
    def of(cls, part: DependencyState) -> Self:
        status = "ok" if part.problem is None else "unavailable"
        return cls.model_construct(status=status, detail=part.problem, since=part.since)


class ShownPartition(Answer):
    topic: str
    partition: int
    lag: Count
    """Records that are not in the stock-change log yet."""

    @classmethod
    def of(cls, partition: PartitionLag) -> Self:
        return cls.model_construct(**partition._asdict())


class ShownWorker(Answer):
    id: Annotated[str, Field(examples=["worker-7f9c:1:a1b2c3"])]
    """Its host, its process, and what tells it from any other."""
    version: Annotated[str, Field(examples=["0.3.0"])]
    started_at: Time
    seen_at: Time
    """When it last told of itself, which it does every five seconds."""
    alive: bool
    """It was seen within 15 seconds. One that ended in order is not listed; one that died is, for
    an hour."""
    dependencies: dict[str, ShownPart]
    """Its own readiness, part by part."""
    partitions: list[ShownPartition]
    """Those of the stock topics that it reads, as far as it has measured their lag."""

    @classmethod
    def of(cls, worker: SeenWorker) -> Self:
        return cls.model_construct(
            id=worker.id,
            version=worker.version,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            alive=worker.alive,
            dependencies={part.name: ShownPart.of(part) for part in worker.parts},
            partitions=[ShownPartition.of(each) for each in worker.partitions],
        )


class ShownBacklog(Answer):
    orders_pending: Count
    """Orders that wait for their stock."""
    orders_stuck: Count
    """Those of them that only evidence or a person can decide."""
    oldest_pending_seconds: Seconds
    events_unpublished: Count
    """Of as many orders as `most` says."""
    oldest_unpublished_seconds: Seconds
    orders_held: Count
    holds_overdue: Count
    """Those of them whose hold is over."""
    most: Count
    """No more orders than that are counted: the number stands for that many or more."""

    @classmethod
    def of(cls, backlog: Backlog) -> Self:
        return cls.model_construct(
            orders_pending=backlog.pending,
            orders_stuck=backlog.stuck,
            oldest_pending_seconds=backlog.oldest_pending,
            events_unpublished=backlog.unpublished_events,
            oldest_unpublished_seconds=backlog.oldest_unpublished,
            orders_held=backlog.held,
            holds_overdue=backlog.holds_overdue,
            most=MOST,
        )


class StatusAnswer(Answer):
    at: Time
    dependencies: dict[str, ShownDependency]
    """As `/health/ready` of the process that answers has them."""
    workers: list[ShownWorker] | None
    """The alive ones first; null while the store does not answer."""
    backlog: ShownBacklog | None
    """Null while the store does not answer."""

    @classmethod
    def of(cls, status: Status) -> Self:
        workers = status.workers
        return cls.model_construct(
            at=status.at,
            dependencies={each.name: ShownDependency.of(each) for each in status.dependencies},
            workers=None if workers is None else [ShownWorker.of(each) for each in workers],
            backlog=status.backlog and ShownBacklog.of(status.backlog),
        )


class ShownCreates(Answer):
    count: Count
    p50: Seconds | None
    """Seconds, interpolated within the buckets of the metric; null where the count is 0."""
    p99: Seconds | None

    @classmethod
    def of(cls, sample: Sample) -> Self:
        buckets = sample.counted.creates
        p50, p99 = (percentile(buckets, part) for part in (0.5, 0.99))
        return cls.model_construct(count=sum(buckets.values()), p50=_short(p50), p99=_short(p99))


def _short(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _MICROSECONDS)


class ShownSlot(Answer):
    at: Time
    """Its beginning."""
    orders: Annotated[dict[str, Count], Field(examples=[{"completed": 12}])]
    """By outcome, as the metric `order_service_orders_total` has it."""
    creates: ShownCreates
    """The requests that create an order, whatever they were answered."""

    @classmethod
    def of(cls, sample: Sample) -> Self:
        orders, creates = dict(sample.counted.orders), ShownCreates.of(sample)
        return cls.model_construct(at=sample.at, orders=orders, creates=creates)


class LastHourAnswer(Answer):
    began: Time = Field(alias="from")
    ended: Time = Field(alias="to")
    slot_seconds: int
    slots: list[ShownSlot]
    """Oldest first, without those in which nothing was counted. A process tells what it counted
    every 15 seconds, so the newest slot still grows, and what was counted at the end of a slot may
    be in the next one."""


def routes(read_status: ReadStatus, read_last_hour: ReadLastHour) -> Routes:
    status = Routes("status", "/api/status", _TAG)

    @status.get("", Scope.ORDERS_ADMIN, "getStatus", {200: StatusAnswer})
    def now() -> Response:
        """How is the service?

        200 in any case: what can't be told is null.
        """
        return StatusAnswer.of(read_status()).response()

    @status.get(
        "/last-hour",
        Scope.ORDERS_ADMIN,
        "getLastHour",
        {200: LastHourAnswer},
        StoreUnavailable,
    )
    def last_hour() -> Response:
        """What did the service do in the last hour?

        All processes together.
        """
        hour = read_last_hour()
        return LastHourAnswer.model_construct(
            began=hour.began,
            ended=hour.ended,
            slot_seconds=SLOT_SECONDS,
            slots=[ShownSlot.of(each) for each in hour.slots],
        ).response()

    return status
