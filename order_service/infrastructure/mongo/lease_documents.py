"""A lease as MongoDB holds it, and the mapping both ways.

A release before 0.3 knows no commits of several items. It would drop a part of what such a commit
left open, and sell the items' stock meanwhile; so it is shown leases that never end.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mongoengine import (
    DateTimeField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
    LongField,
    ObjectIdField,
    StringField,
)

from order_service.application.stock.lease import Lease, Primary
from order_service.domain.moves import Intent
from order_service.infrastructure.mongo.documents import IntentDocument
from order_service.infrastructure.mongo.mapping import DocumentMapping
from order_service.infrastructure.mongo.order_mapping import read_intent

# An expression of an aggregation.
HELD: Final = {"$gt": [{"$ifNull": ["$endsAt", "$expiresAt"]}, "$$NOW"]}
# The fields that go when the lease is given back.
OF_THE_HOLDER: Final = ("owner", "taking", "expiresAt", "endsAt", "intent", "primary")
_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class PrimaryDocument(EmbeddedDocument):
    item_id = StringField(db_field="itemId")
    fence = LongField()


class LeaseDocument(Document):
    """``owner`` is for people; what counts is the fence. ``taking`` tells an attempt to take the
    lease from others that saw the same fence. ``endsAt`` is there for a commit of several items,
    and ``expiresAt`` is what earlier releases look at then."""

    id = StringField(primary_key=True)
    fence = LongField()
    owner = StringField()
    taking = ObjectIdField()
    expires_at = DateTimeField(db_field="expiresAt")
    ends_at = DateTimeField(db_field="endsAt")
    intent = EmbeddedDocumentField(IntentDocument)
    primary = EmbeddedDocumentField(PrimaryDocument)

    meta = {"collection": "leases"}  # noqa: RUF012


_PRIMARY: Final = DocumentMapping(PrimaryDocument, Primary)


def write_primary(primary: Primary) -> dict[str, Any]:
    return _PRIMARY.write(primary)


def write_end(end: Any, intent: Intent | None, primary: Primary | None) -> dict[str, Any]:
    """The stages of an update that let the lease end at ``end``, an expression."""
    if primary is None and (intent is None or _is_of_one_lease(intent)):
        return {"expiresAt": end, "endsAt": "$$REMOVE"}
    return {"expiresAt": _NEVER, "endsAt": end}


def _is_of_one_lease(intent: Intent) -> bool:
    return len(intent.overwrites) <= 1 and not intent.fence


def read_lease(item_id: str, found: Mapping[str, Any] | None) -> Lease:
    if found is None:
        return Lease(item_id, fence=0, held=False, intent=None)
    intent, primary = found.get("intent"), found.get("primary")
    return Lease(
        item_id,
        found["fence"],
        found["held"],
        read_intent(intent, item_id) if intent else None,
        _PRIMARY.read(primary) if primary else None,
    )
