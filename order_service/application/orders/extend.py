"""Extend a hold: the order is held for so many seconds from now on."""

from datetime import timedelta

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.change import Asked, Changing
from order_service.application.orders.ports import OrderRepository
from order_service.domain.errors import InvalidValue
from order_service.domain.order import Order


class ExtendHold:
    """``max_hold``: how long after an order was created its hold may end at the latest."""

    def __init__(
        self,
        orders: OrderRepository,
        clock: Clock,
        max_hold: timedelta,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._change = Changing(orders, correlation)
        self._clock = clock
        self._max_hold = max_hold

    def __call__(self, asked: Asked, hold: timedelta) -> Order:
        """The order as stored.

        Raises InvalidValue for a hold that would end too late, OrderNotFound, PreconditionFailed,
        IllegalMove (NotHeld, HoldExpired, HoldCancelled, HoldConfirmed), VersionConflict,
        StoreUnavailable.
        """

        def extend(order: Order) -> Order:
            now = self._clock.now()
            extended = order.extend(now + hold, now, asked.by)
            left = order.created_at + self._max_hold - now
            if hold > left:
                raise InvalidValue("holdSeconds", self._too_long(left))
            return extended

        return self._change(asked, extend)

    def _too_long(self, left: timedelta) -> str:
        most, from_now = int(self._max_hold.total_seconds()), int(left.total_seconds())
        rest = f": at most {from_now} s from now" if from_now > 0 else ", which is over"
        return f"an order may be held for {most} s from its creation{rest}"
