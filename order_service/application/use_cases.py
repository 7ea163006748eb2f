"""Everything the service can do: what the composition root hands to the interfaces."""

from collections.abc import Callable
from dataclasses import dataclass

from order_service.application.cancel_order import CancelOrder
from order_service.application.check_readiness import CheckReadiness
from order_service.application.create_order import CreateOrder
from order_service.application.get_order import GetOrder
from order_service.application.list_orders import ListOrders
from order_service.application.list_stock_changes import ListStockChanges
from order_service.domain.order import Order

# The order with that id, whosever it is, if it is at hand; None where the store has to be asked.
KeptOrder = Callable[[str], Order | None]


@dataclass(frozen=True, slots=True)
class UseCases:
    create_order: CreateOrder
    get_order: GetOrder
    kept_order: KeptOrder
    cancel_order: CancelOrder
    list_orders: ListOrders
    list_stock_changes: ListStockChanges
    check_readiness: CheckReadiness
