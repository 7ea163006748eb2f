"""The use cases of the API."""

from dataclasses import dataclass

from order_service.application.items.get import GetItem
from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.create import CreateOrder
from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.extend import ExtendHold
from order_service.application.orders.get import GetOrder
from order_service.application.orders.history import ReadHistory
from order_service.application.orders.list import ListOrders
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.overview.read_last_hour import ReadLastHour
from order_service.application.overview.read_status import ReadStatus
from order_service.application.readiness import CheckReadiness
from order_service.application.stock_log.get_dead_letter import GetDeadLetter
from order_service.application.stock_log.list import ListStockChanges
from order_service.application.stock_log.list_dead_letters import ListDeadLetters
from order_service.application.stock_log.replay_chosen import ReplayChosenLetters
from order_service.application.stock_log.series import ReadStockSeries
from order_service.reconciliation.of_an_item import ReconcileItem


@dataclass(frozen=True, slots=True)
class ApiUseCases:
    """The use cases that the routes of the API call, and no others."""

    create_order: CreateOrder
    get_order: GetOrder
    confirm_order: ConfirmOrder
    extend_hold: ExtendHold
    cancel_order: CancelOrder
    read_history: ReadHistory
    list_orders: ListOrders
    list_open_orders: ListOpenOrders
    decide_order: DecideOrder
    list_stock_changes: ListStockChanges
    get_item: GetItem
    read_stock_series: ReadStockSeries
    reconcile_item: ReconcileItem
    list_dead_letters: ListDeadLetters
    get_dead_letter: GetDeadLetter
    replay_dead_letters: ReplayChosenLetters
    check_readiness: CheckReadiness
    read_status: ReadStatus
    read_last_hour: ReadLastHour
