"""Everything the service can do: what the composition root hands to the interfaces."""

from dataclasses import dataclass

from order_service.application.cancel_order import CancelOrder
from order_service.application.check_readiness import CheckReadiness
from order_service.application.create_order import CreateOrder
from order_service.application.get_order import GetOrder
from order_service.application.list_orders import ListOrders
from order_service.application.list_stock_changes import ListStockChanges


@dataclass(frozen=True, slots=True)
class UseCases:
    create_order: CreateOrder
    get_order: GetOrder
    cancel_order: CancelOrder
    list_orders: ListOrders
    list_stock_changes: ListStockChanges
    check_readiness: CheckReadiness
