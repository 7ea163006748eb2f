"""An order as MongoDB holds it, and the mapping both ways: the only place that knows the names."""

from bson import ObjectId
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

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.order import (
    Decision,
    Failure,
    FailureCode,
    IdempotencyKey,
    Intent,
    Order,
    OrderStatus,
    StockMove,
    Stuck,
)
from order_service.infrastructure.mongo.connection import ALIAS
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
        "db_alias": ALIAS,
        "collection": "orders",
        "auto_create_index": False,
        "indexes": ORDER_INDEXES,
    }


def to_intent_document(intent: Intent) -> IntentDocument:
    return IntentDocument(
        order_ids=[ObjectId(order_id) for order_id in intent.order_ids],
        previous_stock=intent.previous_stock,
        new_stock=intent.new_stock,
        unit_price=intent.unit_price,
        recorded_at=intent.recorded_at,
    )


def to_intent(document: IntentDocument) -> Intent:
    return Intent(
        order_ids=tuple(str(order_id) for order_id in document.order_ids),
        previous_stock=document.previous_stock,
        new_stock=document.new_stock,
        unit_price=document.unit_price,
        recorded_at=document.recorded_at,
    )


def _move_document(move: StockMove) -> StockMoveDocument:
    return StockMoveDocument(
        previous_stock=move.previous_stock, new_stock=move.new_stock, at=move.at
    )


def _move(document: StockMoveDocument) -> StockMove:
    return StockMove(document.previous_stock, document.new_stock, document.at)


def _stuck_document(stuck: Stuck) -> StuckDocument:
    return StuckDocument(
        reason=stuck.reason,
        since=stuck.since,
        intent=stuck.intent and to_intent_document(stuck.intent),
    )


def _stuck(document: StuckDocument) -> Stuck:
    return Stuck(document.reason, document.since, document.intent and to_intent(document.intent))


def to_document(order: Order) -> OrderDocument:
    """Without the events: they join the outbox by themselves."""
    return OrderDocument(
        id=ObjectId(order.id),
        item_id=ObjectId(order.item_id),
        quantity=order.quantity,
        status=str(order.status),
        customer_id=order.customer_id,
        total_price=order.total_price,
        created_at=order.created_at,
        updated_at=order.updated_at,
        settled_at=order.settled_at,
        failure=order.failure
        and FailureDocument(code=str(order.failure.code), available=order.failure.available),
        idempotency=order.idempotency
        and IdempotencyDocument(
            caller=order.idempotency.caller,
            key=order.idempotency.key,
            fingerprint=order.idempotency.fingerprint,
        ),
        deferred=order.deferred or None,
        given_up_at=order.given_up_at,
        cancel_requested_at=order.cancel_requested_at,
        awaiting_since=order.awaiting_since,
        taken=order.taken and _move_document(order.taken),
        returned=order.returned and _move_document(order.returned),
        stuck=order.stuck and _stuck_document(order.stuck),
        decision=order.decision
        and DecisionDocument(
            outcome=str(order.decision.outcome),
            reason=order.decision.reason,
            at=order.decision.at,
            stuck=order.decision.stuck and _stuck_document(order.decision.stuck),
        ),
        version=order.version,
    )


def to_order(document: OrderDocument) -> Order:
    return Order(
        id=str(document.id),
        item_id=str(document.item_id),
        quantity=document.quantity,
        status=OrderStatus(document.status),
        customer_id=document.customer_id,
        total_price=document.total_price,
        created_at=document.created_at,
        updated_at=document.updated_at,
        settled_at=document.settled_at,
        failure=document.failure
        and Failure(FailureCode(document.failure.code), document.failure.available),
        idempotency=document.idempotency
        and IdempotencyKey(
            document.idempotency.caller,
            document.idempotency.key,
            document.idempotency.fingerprint,
        ),
        deferred=bool(document.deferred),
        given_up_at=document.given_up_at,
        cancel_requested_at=document.cancel_requested_at,
        taken=document.taken and _move(document.taken),
        returned=document.returned and _move(document.returned),
        stuck=document.stuck and _stuck(document.stuck),
        decision=document.decision
        and Decision(
            OrderStatus(document.decision.outcome),
            document.decision.reason,
            document.decision.at,
            document.decision.stuck and _stuck(document.decision.stuck),
        ),
        version=document.version,
    )


def to_event_document(event: OrderEvent) -> EventDocument:
    return EventDocument(
        event_id=event.event_id,
        type=str(event.type),
        total_price=event.total_price,
        status=event.status,
        occurred_at=event.occurred_at,
    )


def to_events(document: OrderDocument) -> list[OrderEvent]:
    return [
        OrderEvent(
            type=OrderEventType(event.type),
            order_id=str(document.id),
            item_id=str(document.item_id),
            quantity=document.quantity,
            total_price=event.total_price,
            status=event.status,
            occurred_at=event.occurred_at,
        )
        for event in document.outbox
    ]
