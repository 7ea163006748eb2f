"""An order as MongoDB holds it: the only place that knows the names.

A field here has the name of the one in the domain that it stores.
"""

from typing import Final

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

from order_service.domain.events import OrderEvent
from order_service.domain.order import Intent, Order
from order_service.infrastructure.mongo.mapping import DocumentMapping
from order_service.infrastructure.mongo.order_indexes import ORDER_INDEXES


class IdempotencyDocument(EmbeddedDocument):
    caller = StringField()
    key = StringField()
    fingerprint = StringField()


class FailureDocument(EmbeddedDocument):
    code = StringField()
    available = LongField()


class IntentDocument(EmbeddedDocument):
    order_ids = ListField(ObjectIdField(), db_field="orderIds")
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    unit_price = Decimal128Field(db_field="unitPrice")
    recorded_at = DateTimeField(db_field="recordedAt")
    abandons = BooleanField()


class StockMoveDocument(EmbeddedDocument):
    previous_stock = LongField(db_field="previousStock")
    new_stock = LongField(db_field="newStock")
    at = DateTimeField()


class StuckDocument(EmbeddedDocument):
    reason = StringField()
    since = DateTimeField()
    intent = EmbeddedDocumentField(IntentDocument)


class DecisionDocument(EmbeddedDocument):
    outcome = StringField()
    reason = StringField()
    at = DateTimeField()
    stuck = EmbeddedDocumentField(StuckDocument)


class EventDocument(EmbeddedDocument):
    event_id = StringField(db_field="eventId")
    type = StringField()
    total_price = Decimal128Field(db_field="totalPrice")
    status = StringField()
    occurred_at = DateTimeField(db_field="occurredAt")


class OrderDocument(Document):
    """``awaitingSince`` is there while the order waits for its stock; the outbox holds the events
    that are not published yet. Both are indexed only where they are there."""

    id = ObjectIdField(primary_key=True)
    item_id = ObjectIdField(db_field="itemId")
    quantity = LongField()
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
    awaiting_since = DateTimeField(db_field="awaitingSince")
    taken = EmbeddedDocumentField(StockMoveDocument)
    returned = EmbeddedDocumentField(StockMoveDocument)
    stuck = EmbeddedDocumentField(StuckDocument)
    decision = EmbeddedDocumentField(DecisionDocument)
    version = IntField()
    outbox = EmbeddedDocumentListField(EventDocument)

    meta = {  # noqa: RUF012  (MongoEngine's own shape)
        "collection": "orders",
        "indexes": ORDER_INDEXES,
    }


INTENT_MAPPING: Final = DocumentMapping(IntentDocument, Intent)
ORDER_MAPPING: Final = DocumentMapping(OrderDocument, Order)
EVENT_MAPPING: Final = DocumentMapping(EventDocument, OrderEvent)
