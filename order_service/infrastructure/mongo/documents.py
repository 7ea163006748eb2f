"""An order as MongoDB holds it: the only place that knows the names.

A field here has the name of the one in the domain that it stores.
"""

from mongoengine import (
    BooleanField,
    DateTimeField,
    Decimal128Field,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
    EmbeddedDocumentListField,
    IntField,
    ListField,
    LongField,
    ObjectIdField,
    StringField,
)

from order_service.infrastructure.mongo.order_indexes import ORDER_INDEXES


class IdempotencyDocument(EmbeddedDocument):
    caller = StringField()
    key = StringField()
    fingerprint = StringField()


class ShortageDocument(EmbeddedDocument):
    item_id = ObjectIdField(db_field="itemId")
    available = LongField()


class FailureDocument(EmbeddedDocument):
    """``available``: what ``short`` says of an order's only line, for releases before 0.3."""

    code = StringField()
    available = LongField()
    short = EmbeddedDocumentListField(ShortageDocument)


class OverwriteDocument(EmbeddedDocument):
    item_id = ObjectIdField(db_field="itemId")
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    unit_price = Decimal128Field(db_field="unitPrice")


class IntentDocument(EmbeddedDocument):
    """An intent of one item's lease has the overwrite's fields, and its item is known from where
    the intent stands; an intent of several leases has ``overwrites``."""

    order_ids = ListField(ObjectIdField(), db_field="orderIds")
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    unit_price = Decimal128Field(db_field="unitPrice")
    overwrites = EmbeddedDocumentListField(OverwriteDocument)
    recorded_at = DateTimeField(db_field="recordedAt")
    abandons = BooleanField()
    fence = LongField()


class StockMoveDocument(EmbeddedDocument):
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    at = DateTimeField()


class LineDocument(EmbeddedDocument):
    item_id = ObjectIdField(db_field="itemId")
    quantity = LongField()
    unit_price = Decimal128Field(db_field="unitPrice")
    taken = EmbeddedDocumentField(StockMoveDocument)
    returned = EmbeddedDocumentField(StockMoveDocument)


class MetadatumDocument(EmbeddedDocument):
    """A name may hold what the name of a field may not."""

    name = StringField()
    value = StringField()


class StuckDocument(EmbeddedDocument):
    reason = StringField()
    since = DateTimeField()
    items = ListField(ObjectIdField())
    intent = EmbeddedDocumentField(IntentDocument)


class DecisionDocument(EmbeddedDocument):
    outcome = StringField()
    reason = StringField()
    at = DateTimeField()
    stuck = EmbeddedDocumentField(StuckDocument)
    by = StringField()


class OriginDocument(EmbeddedDocument):
    request_id = StringField(db_field="requestId")
    traceparent = StringField()


class EventDocument(EmbeddedDocument):
    event_id = StringField(db_field="eventId")
    type = StringField()
    total_price = Decimal128Field(db_field="totalPrice")
    status = StringField()
    occurred_at = DateTimeField(db_field="occurredAt")
    sequence = IntField()
    origin = EmbeddedDocumentField(OriginDocument)


class HoldDocument(EmbeddedDocument):
    """``slot`` is there while the order counts among its customer's holds."""

    seconds = LongField()
    slot = IntField()
    expires_at = DateTimeField(db_field="expiresAt")
    expired_at = DateTimeField(db_field="expiredAt")
    confirmed_at = DateTimeField(db_field="confirmedAt")


class ActorDocument(EmbeddedDocument):
    kind = StringField()
    name = StringField()


class EntryDocument(EmbeddedDocument):
    event = StringField()
    status = StringField()
    at = DateTimeField()
    by = EmbeddedDocumentField(ActorDocument)
    version = IntField()
    reason = StringField()
    outcome = StringField()
    expires_at = DateTimeField(db_field="expiresAt")


class OrderDocument(Document):
    """``awaitingSince`` is there while the order waits for its stock, ``heldUntil`` while it is
    held; the outbox holds the events that are not published yet. All are indexed only where they
    are there. ``saving`` tells apart the attempts to save the order.

    An order of one line has the line's fields itself, as it had before there were others. An order
    of several has ``lines``, and ``itemId`` is the list of their items, for the indexes.
    """

    id = ObjectIdField(primary_key=True)
    item_id = ObjectIdField(db_field="itemId")
    quantity = LongField()
    unit_price = Decimal128Field(db_field="unitPrice")
    taken = EmbeddedDocumentField(StockMoveDocument)
    returned = EmbeddedDocumentField(StockMoveDocument)
    lines = EmbeddedDocumentListField(LineDocument)
    origin = EmbeddedDocumentField(OriginDocument)
    reference = StringField()
    metadata = EmbeddedDocumentListField(MetadatumDocument)
    currency = StringField()
    hold = EmbeddedDocumentField(HoldDocument)
    held_until = DateTimeField(db_field="heldUntil")
    status = StringField()
    customer_id = StringField(db_field="customerId")
    total_price = Decimal128Field(db_field="totalPrice")
    created_at = DateTimeField(db_field="createdAt")
    updated_at = DateTimeField(db_field="updatedAt")
    settled_at = DateTimeField(db_field="settledAt")
    failure = EmbeddedDocumentField(FailureDocument)
    idempotency = EmbeddedDocumentField(IdempotencyDocument)
    deferred = BooleanField()
    given_up_at = DateTimeField(db_field="givenUpAt")
    cancel_requested_at = DateTimeField(db_field="cancelRequestedAt")
    cancel_requested_by = EmbeddedDocumentField(ActorDocument, db_field="cancelRequestedBy")
    awaiting_since = DateTimeField(db_field="awaitingSince")
    stuck = EmbeddedDocumentField(StuckDocument)
    decision = EmbeddedDocumentField(DecisionDocument)
    version = IntField()
    saving = ObjectIdField()
    outbox = EmbeddedDocumentListField(EventDocument)
    history = EmbeddedDocumentListField(EntryDocument)

    meta = {  # noqa: RUF012  (MongoEngine's own shape)
        "collection": "orders",
        "indexes": ORDER_INDEXES,
    }
