"""All that the use cases of orders ask of the store of orders, as one."""

from typing import Protocol

from order_service.application.orders.create import NewOrders
from order_service.application.orders.list_open import WaitingOrders
from order_service.application.orders.settle import UnsettledOrders


class OrderStore(NewOrders, UnsettledOrders, WaitingOrders, Protocol):
    """What the store offers, and whatever wraps it."""
