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
from order_service.infrastructure.mongo.order_mapping import read_intent, write_intent

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


def write_purpose(intent: Intent | None, primary: Primary | None, end: Any) -> dict[str, Any]:
    """What the lease is taken for, and until when, as fields of an update by aggregation.

    ``end``: an expression.
    """
    is_of_several = primary is not None or (intent is not None and not _is_of_one_lease(intent))
    return {
        "expiresAt": _NEVER if is_of_several else end,
        "endsAt": end if is_of_several else "$$REMOVE",
        "intent": {"$literal": intent and write_intent(intent)},
        "primary": {"$literal": _PRIMARY.write(primary)} if primary else "$$REMOVE",
    }


def renew_until(end: Any) -> dict[str, Any]:
    """The same for a lease that is held, with a new end."""
    is_of_several = {"$gt": ["$endsAt", None]}
    return {
        "expiresAt": {"$cond": [is_of_several, _NEVER, end]},
        "endsAt": {"$cond": [is_of_several, end, "$$REMOVE"]},
    }


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
