"""Read one order."""

from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.ports import OrderReader
from order_service.domain.errors import OrderNotFound
from order_service.domain.order import Order


class GetOrder:
    def __init__(self, orders: OrderReader, correlation: Correlation = UNCORRELATED) -> None:
        self._orders = orders
        self._correlation = correlation

    def __call__(self, order_id: str, customer_id: str | None = None) -> Order:
        """``customer_id``: the order's customer; None for any customer. Raises OrderNotFound."""
        order = self._orders.get(order_id)
        if order is None or (customer_id is not None and order.customer_id != customer_id):
            raise OrderNotFound(order_id)
        self._correlation.concerns(order.id)
        return order
