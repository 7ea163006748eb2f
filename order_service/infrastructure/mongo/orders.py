"""The order repository and the outbox, which live in the same documents."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from order_service.application.ports import IdempotencyKeyTaken
from order_service.domain.errors import KeyInFlight, VersionConflict
from order_service.domain.events import OrderEvent
from order_service.domain.order import IdempotencyKey, Order
from order_service.infrastructure.mongo.connection import store_errors
from order_service.infrastructure.mongo.documents import (
    OrderDocument,
    to_document,
    to_event_document,
    to_events,
    to_order,
)

_NEVER_SET = {"_id", "_cls", "outbox"}
_STORED = {field.db_field for field in OrderDocument._fields.values()} - _NEVER_SET


class MongoOrderRepository:
    def next_id(self) -> str:
        return str(ObjectId())

    def add(self, order: Order) -> Order:
        stored = order.saved()
        try:
            with store_errors():
                self._collection().insert_one(to_document(stored).to_mongo())
        except DuplicateKeyError:
            raise self._taken(order.idempotency) from None
        return stored

    def get(self, order_id: str) -> Order | None:
        found = self.get_many([order_id]) if ObjectId.is_valid(order_id) else []
        return found[0] if found else None

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        wanted = [ObjectId(order_id) for order_id in order_ids]
        with store_errors():
            found = {each.id: to_order(each) for each in OrderDocument.objects(id__in=wanted)}
        return [found[order_id] for order_id in wanted if order_id in found]

    def save(self, order: Order) -> Order:
        if not self.save_all([order]):
            raise VersionConflict("The order was changed by somebody else.")
        return order.saved()

    def save_all(self, orders: Sequence[Order]) -> bool:
        if not orders:
            return True
        with store_errors():
            result = self._collection().bulk_write([_update(o) for o in orders], ordered=False)
        return bool(result.matched_count == len(orders))

    def forget_key(self, order_id: str) -> None:
        with store_errors():
            OrderDocument.objects(id=ObjectId(order_id)).update_one(
                unset__idempotency=True, inc__version=1
            )

    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        waiting = OrderDocument.objects(awaiting_since__lt=before)
        if after:
            seen = [ObjectId(order.id) for order in after]
            waiting = waiting.filter(awaiting_since__gte=after[-1].awaiting_since, id__nin=seen)
        with store_errors():
            return [to_order(each) for each in waiting.order_by("awaiting_since").limit(limit)]

    def stuck(self, limit: int) -> list[Order]:
        with store_errors():
            # awaitingSince is the indexed part: whatever is stuck waits.
            waiting = OrderDocument.objects(awaiting_since__exists=True, stuck__exists=True)
            return [to_order(each) for each in waiting.order_by("awaiting_since").limit(limit)]

    def _collection(self) -> Any:
        return OrderDocument._get_collection()

    def _taken(self, idempotency: IdempotencyKey | None) -> Exception:
        assert idempotency is not None
        with store_errors():
            holder = OrderDocument.objects(
                idempotency__caller=idempotency.caller, idempotency__key=idempotency.key
            ).first()
        if holder is None:
            # Its insert is not acknowledged by a majority yet, or it was freed just now.
            return KeyInFlight(retry_after=1)
        return IdempotencyKeyTaken(to_order(holder))


def _update(order: Order) -> UpdateOne:
    fields = to_document(order.saved()).to_mongo().to_dict()
    change: dict[str, Any] = {"$set": {k: v for k, v in fields.items() if k not in _NEVER_SET}}
    if absent := _STORED - fields.keys():
        change["$unset"] = dict.fromkeys(absent, "")
    if order.new_events:
        events = [to_event_document(event).to_mongo() for event in order.new_events]
        change["$push"] = {"outbox": {"$each": events}}
    return UpdateOne({"_id": fields["_id"], "version": order.version}, change)


class MongoOutbox:
    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        with store_errors():
            # outbox.eventId is what the index of the unpublished is partial on.
            orders = OrderDocument.objects(__raw__={"outbox.eventId": {"$exists": True}})
            return [to_events(each) for each in orders.order_by("outbox.occurred_at").limit(limit)]

    def unpublished_of(self, order_id: str) -> list[OrderEvent]:
        with store_errors():
            order = OrderDocument.objects(id=ObjectId(order_id)).first()
        return to_events(order) if order else []

    def mark_published(self, events: Iterable[OrderEvent]) -> None:
        by_order: defaultdict[str, list[str]] = defaultdict(list)
        for event in events:
            by_order[event.order_id].append(event.event_id)
        pulls = [
            UpdateOne(
                {"_id": ObjectId(order_id)}, {"$pull": {"outbox": {"eventId": {"$in": event_ids}}}}
            )
            for order_id, event_ids in by_order.items()
        ]
        if pulls:
            with store_errors():
                OrderDocument._get_collection().bulk_write(pulls, ordered=False)
