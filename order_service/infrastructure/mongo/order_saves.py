"""Saves of orders, of which each replaces the version that it knows, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from bson import ObjectId
from pymongo import UpdateOne

from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import Documents
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.order_mapping import (
    read_history,
    write_entry,
    write_event,
    write_order,
)

# However often an order is extended, or stuck and decided, the newest entries alone are kept.
MOST_ENTRIES: Final = 200
# Events join the outbox, and leave it, by themselves; entries join the history.
_LISTS: Final = {"outbox", "history"}
_FIELDS: Final = {field.db_field for field in OrderDocument._fields.values()} - {"_id", *_LISTS}


class _Save(NamedTuple):
    """``id``: of this attempt to save the order."""

    order: Order
    id: ObjectId

    def update(self) -> UpdateOne:
        order = self.order
        fields = write_order(order.saved()) | {"saving": self.id}
        order_id = fields.pop("_id")
        change: dict[str, Any] = {"$set": fields}
        if absent := _FIELDS - fields.keys():
            change["$unset"] = dict.fromkeys(absent, "")
        added: dict[str, Any] = {}
        if order.new_events:
            added["outbox"] = {"$each": [write_event(event) for event in order.new_events]}
        if order.new_history:
            entries = [write_entry(entry) for entry in order.new_history]
            added["history"] = {"$each": entries, "$slice": -MOST_ENTRIES}
        if added:
            change["$push"] = added
        return UpdateOne({"_id": order_id, "version": order.version}, change)

    def has_won(self, stored: Mapping[str, Any] | None) -> bool:
        """Whether it made the document's version, or one that somebody has changed since. Two
        processes may save the same change of an order in the same millisecond."""
        made, entries = self.order.version + 1, self.order.new_history
        if stored is None or stored["version"] < made:
            return False
        if stored["version"] == made:
            return bool(stored.get("saving") == self.id)
        return bool(entries) and set(entries) <= set(read_history(stored))


def update_all(collection: Documents, orders: Sequence[Sequence[Order]]) -> list[Sequence[Order]]:
    """Answers, for each sequence of orders, those that are stored."""
    saves = [[_Save(order, ObjectId()) for order in each] for each in orders]
    together = [save for each in saves for save in each]
    result = collection.bulk_write([save.update() for save in together], ordered=False)
    if result.matched_count == len(together):
        return list(orders)
    if result.matched_count == 0:
        return [()] * len(orders)
    # The store tells how many lost a race, and not which.
    ids = [ObjectId(save.order.id) for save in together]
    found = {
        str(each["_id"]): each for each in collection.find({"_id": {"$in": ids}}, {"outbox": 0})
    }
    return [
        [save.order for save in each if save.has_won(found.get(save.order.id))] for each in saves
    ]
