"""The indexes of the orders.

A list of orders has one for each combination of what it can be narrowed by. Each ends in the
orders' place (``createdAt``, ``_id``), which never changes, so a page is one walk along the index
from the cursor on, and costs the same among a thousand orders as among a million. The id alone
would be smaller, but it is made of the API process's own clock, which need not agree with the
store's, nor with the times that the list shows and is narrowed by. A list that is not narrowed by
status uses an index without it, in which a status that changes during the walk moves nothing.

Those with the customer, or with the shop's reference, hold only orders that have one, so a service
without tokens, or without references, does not pay for them. An order is found by each of its
items: ``itemId`` of an order of several is a list. Only one field of an index is ever a list, and
it is looked up by one value, so the walk is still in the order of the place.
"""

from itertools import product
from typing import Any, Final

from order_service.application.orders.list import OrderQuery

# What they promise is written only by who has seen them.
ONE_ORDER_FOR_EACH_KEY: Final = "one_order_for_each_key"
ONE_HOLD_FOR_EACH_SLOT: Final = "one_hold_for_each_slot"
OF_AN_ITEM_BY_CHANGE: Final = "of_an_item_by_change"

_PLACE: Final = ("-created_at", "-id")
# In the order in which they stand in an index: equalities before the walk.
_NARROWED_BY: Final = ("customer_id", "reference", "item_id", "status")
_OPTIONAL: Final = {"customer_id": "customerId", "reference": "reference"}


def list_index_name(query: OrderQuery) -> str:
    """The one that serves it without reading more than the page."""
    given = [name for name in _NARROWED_BY if getattr(query, name) is not None]
    return _name(given)


def _name(narrowed_by: list[str]) -> str:
    return "_".join(["list", *(name.removesuffix("_id") for name in narrowed_by)])


def _list_index(narrowed_by: list[str]) -> dict[str, Any]:
    index: dict[str, Any] = {"name": _name(narrowed_by), "fields": [*narrowed_by, *_PLACE]}
    present = [_OPTIONAL[name] for name in narrowed_by if name in _OPTIONAL]
    if present:
        index["partialFilterExpression"] = {name: {"$exists": True} for name in present}
    return index


def _list_indexes() -> list[dict[str, Any]]:
    choices = product((False, True), repeat=len(_NARROWED_BY))
    return [
        _list_index([name for name, chosen in zip(_NARROWED_BY, choice, strict=True) if chosen])
        for choice in choices
    ]


ORDER_INDEXES: Final[list[dict[str, Any]]] = [
    {
        "name": ONE_ORDER_FOR_EACH_KEY,
        "fields": ["idempotency.caller", "idempotency.key"],
        "unique": True,
        "partialFilterExpression": {"idempotency.key": {"$exists": True}},
    },
    {
        "name": "waiting_for_stock",
        "fields": ["awaiting_since"],
        "partialFilterExpression": {"awaitingSince": {"$exists": True}},
    },
    {
        "name": "held",
        "fields": ["held_until"],
        "partialFilterExpression": {"heldUntil": {"$exists": True}},
    },
    {
        "name": ONE_HOLD_FOR_EACH_SLOT,
        "fields": ["customer_id", "hold.slot"],
        "unique": True,
        "partialFilterExpression": {"hold.slot": {"$exists": True}},
    },
    {
        "name": "unpublished",
        "fields": ["outbox.occurred_at"],
        "partialFilterExpression": {"outbox.eventId": {"$exists": True}},
    },
    # For the reconciliation of an item since a time, whatever the item sold before.
    {"name": OF_AN_ITEM_BY_CHANGE, "fields": ["item_id", "updated_at"]},
    *_list_indexes(),
]
