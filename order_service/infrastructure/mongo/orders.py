"""The order repository and the outbox, which live in the same documents."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from order_service.application.orders.create import HoldSlotTaken, IdempotencyKeyTaken
from order_service.domain.errors import KeyInFlight, VersionConflict
from order_service.domain.events import OrderEvent
from order_service.domain.history import Entry
from order_service.domain.marks import IdempotencyKey
from order_service.domain.order import Order
from order_service.infrastructure.mongo.combining import Combined
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    Fields,
    collection_of,
    duplicates,
    store_errors,
)
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.indexes import UniqueIndexes
from order_service.infrastructure.mongo.order_indexes import (
    ONE_HOLD_FOR_EACH_SLOT,
    ONE_ORDER_FOR_EACH_KEY,
)
from order_service.infrastructure.mongo.order_mapping import (
    read_events,
    read_history,
    read_order,
    write_entry,
    write_order,
)
from order_service.infrastructure.mongo.order_saves import update_all

# What an order need not be read with. Events join the outbox, and leave it, by themselves; entries
# join the history.
WITHOUT_LISTS: Final = {"outbox": 0, "history": 0}
_SLOT: Final = "hold.slot"


class WriteListener(Protocol):
    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        """A write is over, and its caller has not been answered yet. Raises nothing.

        ``tried``: the orders as the caller gave them: each with the version that the write was to
        replace (0 for a new order), and with its new events. ``stored``: those of ``tried`` that
        the store is known to hold. An order that is missing there lost a race, or the store did not
        answer, and then the write may still have happened.
        """
        ...


class MongoOrderRepository:
    """The stored orders. Calls that come at the same time go to the store together. The listeners
    hear, in the order given, of every ``save`` and ``save_all``, and of each order added."""

    def __init__(self, database: Database, listeners: Sequence[WriteListener] = ()) -> None:
        self._orders = collection_of(database, OrderDocument)
        # An older release's store lacks the second until it is migrated, and can be sold from.
        self._keys = UniqueIndexes(database, OrderDocument, ONE_ORDER_FOR_EACH_KEY)
        self._slots = UniqueIndexes(database, OrderDocument, ONE_HOLD_FOR_EACH_SLOT)
        self._listeners = listeners
        self._insert = Combined(partial(_insert_all, self._orders))
        self._find = Combined(partial(_find_all, self._orders))
        self._update = Combined(partial(update_all, self._orders))

    def next_id(self) -> str:
        return str(ObjectId())

    def add(self, order: Order) -> Order:
        self._keys.require()
        if order.hold is not None and order.hold.slot is not None:
            self._slots.require()
        try:
            self._insert(order)
        except DuplicateKeyError as error:
            raise self._taken(order, error) from None
        self._announce([order], [order])
        return order.saved()

    def get(self, order_id: str) -> Order | None:
        found = self.get_many([order_id]) if ObjectId.is_valid(order_id) else []
        return found[0] if found else None

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        return self._find(order_ids)

    def save(self, order: Order) -> Order:
        saved = self.save_all([order])
        if not saved:
            raise VersionConflict("The order was changed by somebody else.")
        return saved[0]

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        if not orders:
            return []
        stored: Sequence[Order] = ()
        try:
            stored = self._update(orders)
        finally:
            self._announce(orders, stored)
        return [order.saved() for order in stored]

    def forget_key(self, order_id: str) -> None:
        # Nothing that is shown or counted of the order changes, so no listener hears of it.
        with store_errors():
            freed = {"$unset": {"idempotency": ""}, "$inc": {"version": 1}}
            self._orders.update_one({"_id": ObjectId(order_id)}, freed)

    def holder_of(self, key: IdempotencyKey) -> Order | None:
        same_key = {"idempotency.caller": key.caller, "idempotency.key": key.key}
        with store_errors():
            holder = self._orders.find_one(same_key, WITHOUT_LISTS)
        return read_order(holder) if holder else None

    def hold_slots(self, customer_id: str) -> Set[int]:
        counted = {"customerId": customer_id, "hold.slot": {"$exists": True}}
        # The index takes no slot twice, and it knows of orders that no majority has yet: who could
        # not see their slots would try them again and again.
        seen_by_index = self._orders.with_options(read_concern=ReadConcern("local"))
        with store_errors():
            found = seen_by_index.find(counted, {"_id": 0, "hold.slot": 1})
            return {each["hold"]["slot"] for each in found}

    def held_until(self, now: datetime, limit: int) -> list[Order]:
        with store_errors():
            over = self._orders.find({"heldUntil": {"$lte": now}}, WITHOUT_LISTS)
            return [read_order(each) for each in over.sort("heldUntil").limit(limit)]

    def with_history(self, order_id: str) -> tuple[Order, Sequence[Entry]] | None:
        if not ObjectId.is_valid(order_id):
            return None
        with store_errors():
            found = self._orders.find_one(ObjectId(order_id), {"outbox": 0})
        return (read_order(found), read_history(found)) if found else None

    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        waiting: Fields = {"awaitingSince": {"$lt": before}}
        if after:
            waiting["awaitingSince"]["$gte"] = after[-1].awaiting_since
            waiting["_id"] = {"$nin": [ObjectId(order.id) for order in after]}
        return self._oldest(waiting, limit)

    def stuck(self, limit: int) -> list[Order]:
        # awaitingSince is the indexed part: whatever is stuck waits.
        return self._oldest({"awaitingSince": {"$exists": True}, "stuck": {"$exists": True}}, limit)

    def _oldest(self, waiting: Fields, limit: int) -> list[Order]:
        with store_errors():
            found = self._orders.find(waiting, WITHOUT_LISTS)
            found = found.sort("awaitingSince").limit(limit)
            return [read_order(each) for each in found]

    def _announce(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        for listener in self._listeners:
            listener.wrote(tried, stored)

    def _taken(self, order: Order, error: DuplicateKeyError) -> Exception:
        # Not by the message, which repeats the key that the caller chose.
        if order.idempotency is None or _SLOT in (error.details or {}).get("keyPattern", {}):
            return HoldSlotTaken()
        holder = self.holder_of(order.idempotency)
        # Without one, its insert is not acknowledged by a majority yet, or it was freed just now.
        return IdempotencyKeyTaken(holder) if holder else KeyInFlight()


def _insert_all(collection: Documents, orders: Sequence[Order]) -> list[DuplicateKeyError | None]:
    taken: dict[int, DuplicateKeyError] = {}
    try:
        collection.insert_many([_new_document(order) for order in orders], ordered=False)
    except BulkWriteError as error:
        taken = duplicates(error)
    return [taken.get(number) for number in range(len(orders))]


def _new_document(order: Order) -> dict[str, Any]:
    document = write_order(order.saved())
    document["history"] = [write_entry(entry) for entry in order.new_history]
    return document


def _find_all(collection: Documents, wanted: Sequence[Sequence[str]]) -> list[list[Order]]:
    ids = list({order_id: ObjectId(order_id) for each in wanted for order_id in each}.values())
    orders = map(read_order, collection.find({"_id": {"$in": ids}}, WITHOUT_LISTS))
    found = {order.id: order for order in orders}
    return [[found[order_id] for order_id in each if order_id in found] for each in wanted]


class MongoOutbox:
    def __init__(self, database: Database) -> None:
        self._orders = collection_of(database, OrderDocument)

    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        with store_errors():
            # outbox.eventId is what the index of the unpublished is partial on.
            orders = self._orders.find({"outbox.eventId": {"$exists": True}}, {"history": 0})
            return [read_events(each) for each in orders.sort("outbox.occurredAt").limit(limit)]

    def unpublished_of(self, order_id: str) -> list[OrderEvent]:
        with store_errors():
            found = self._orders.find_one(ObjectId(order_id), {"history": 0})
        return read_events(found) if found else []

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
                self._orders.bulk_write(pulls, ordered=False)
