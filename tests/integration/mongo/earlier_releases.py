"""How an order of one item, as an earlier release stored it, is read off the classes of today.

Where the classes change, these functions change, and neither the tests nor what they expect.
"""

from decimal import Decimal

from order_service.application.orders.create import CreateOrderCommand
from order_service.application.stock.lease import Lease, LeaseStore
from order_service.domain.errors import InsufficientStock
from order_service.domain.events import OrderEvent
from order_service.domain.line import Line
from order_service.domain.marks import Decision as OrderDecision
from order_service.domain.marks import IdempotencyKey
from order_service.domain.marks import Stuck as StuckMark
from order_service.domain.moves import Intent, StockMove
from order_service.domain.order import Order
from order_service.interface.http.new_orders import CreateOrderBody
from tests.fixtures.store_of_0_2_0 import (
    ORDERS,
    Decision,
    Event,
    Key,
    Leased,
    Move,
    Overwrite,
    Recorded,
    Stuck,
)

NAMES = {order.id: name for name, order in ORDERS.items()}


def recorded(order: Order) -> Recorded:
    key, failure = order.idempotency, order.failure
    [line] = order.lines
    return Recorded(
        id=order.id,
        item=line.item_id,
        quantity=line.quantity,
        status=str(order.status),
        phase=str(order.phase),
        version=order.version,
        created=order.created_at,
        updated=order.updated_at,
        settled=order.settled_at,
        customer=order.customer_id,
        key=Key(key.caller, key.key, key.fingerprint) if key else None,
        total=order.total_price,
        failure=str(failure.code) if failure else None,
        available=failure.short[0].available if failure and failure.short else None,
        deferred=order.deferred,
        given_up=order.given_up_at,
        cancel_requested=order.cancel_requested_at,
        taken=move(line.taken) if line.taken else None,
        returned=move(line.returned) if line.returned else None,
        stuck=stuck(order.stuck) if order.stuck else None,
        decision=decision(order.decision) if order.decision else None,
    )


def unit_price(order: Order) -> Decimal | None:
    [line] = order.lines
    return line.unit_price


def move(moved: StockMove) -> Move:
    return Move(moved.previous_stock, moved.new_stock, moved.at)


def overwrite(intent: Intent) -> Overwrite:
    if intent.abandons:
        return Overwrite(intent.order_ids, -1, -1, Decimal(0), intent.recorded_at, abandons=True)
    [only] = intent.overwrites
    return Overwrite(
        intent.order_ids,
        only.previous_stock,
        only.new_stock,
        only.unit_price,
        intent.recorded_at,
    )


def stuck(mark: StuckMark) -> Stuck:
    return Stuck(mark.reason, mark.since, overwrite(mark.intent) if mark.intent else None)


def decision(word: OrderDecision) -> Decision:
    assert word.stuck is not None
    return Decision(str(word.outcome), word.reason, word.at, stuck(word.stuck))


def event(told: OrderEvent) -> tuple[Event, str, int]:
    """With the item and the quantity that it tells."""
    of = NAMES[told.order_id]
    shown = Event(of, str(told.type), told.status, told.total_price, told.occurred_at)
    [line] = told.lines
    return shown, line.item_id, line.quantity


def leased(lease: Lease) -> Leased:
    return Leased(lease.fence, lease.held, overwrite(lease.intent) if lease.intent else None)


def look(leases: LeaseStore, item: str) -> Leased:
    [lease] = leases.look([item])
    return leased(lease)


def command(item: str, quantity: int, key: IdempotencyKey | None = None) -> CreateOrderCommand:
    return CreateOrderCommand([Line(item, quantity)], idempotency=key)


def fingerprint(item: str, quantity: int) -> str:
    """Of the body in which a client of the earlier release asked for the order."""
    return CreateOrderBody.parse({"itemId": item, "quantity": quantity}).fingerprint()


def refused(error: InsufficientStock) -> tuple[str, int, int | None]:
    [short] = error.short
    return short.item_id, short.requested, short.available
