"""What becomes of a stuck order: by evidence, or by a person's word."""

from order_service.domain.errors import IllegalMove
from order_service.domain.marks import Decision
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


def by_evidence(order: Order) -> Order | None:
    """The order once the log shows that all overwrites in doubt were made; None where there are no
    overwrites to look for."""
    stuck = order.stuck
    if stuck is None or stuck.intent is None:
        return None
    try:
        moved = map(stuck.intent.moved_by, stuck.overwrites_in_doubt)
        return order.stock_moved(moved, order.updated_at)
    except IllegalMove:
        return None


def by_word(order: Order, outcome: OrderStatus) -> Order:
    """The order after the word. Raises IllegalMove for a word that can't settle the order."""
    return order.decide(Decision(outcome, "To see what becomes of it.", order.updated_at))


def end_of(order: Order) -> OrderStatus:
    """What the order is once all that it waits for is moved."""
    phase = order.phase
    if phase.is_settled:
        return order.status
    if phase.takes:
        return OrderStatus.RESERVED if order.hold else OrderStatus.COMPLETED
    if phase.is_given_up:
        return OrderStatus.FAILED
    return OrderStatus.EXPIRED if order.cancel_requested_at is None else OrderStatus.CANCELLED
