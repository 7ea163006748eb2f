"""/api/items/<id>/reconciliation"""

from typing import Self

from flask import Response

from order_service.application.callers import Scope
from order_service.domain.errors import (
    Busy,
    InvalidValue,
    InventoryUnavailable,
    NoSuchItem,
    StoreUnavailable,
    TooMuchToCompare,
)
from order_service.interface.http.answers import Answer, Time
from order_service.interface.http.items import TAG
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import ItemPath, ReconciliationParameters
from order_service.interface.http.shown_reports import ShownReport
from order_service.reconciliation.of_an_item import Compared, ReconcileItem


class ReconciliationAnswer(Answer):
    since: Time
    """Older orders and changes are not judged. Later than what was asked for, where the log is not
    kept so long."""
    report: ShownReport
    """As `order-service reconcile --json` has it for an item."""

    @classmethod
    def of(cls, compared: Compared) -> Self:
        return cls.model_construct(since=compared.since, report=ShownReport.of(compared.report))


def routes(reconcile_item: ReconcileItem) -> Routes:
    reconciliations = Routes("reconciliations", "/api/items", TAG)

    @reconciliations.get(
        "/<item_id>/reconciliation",
        Scope.ORDERS_ADMIN,
        "reconcileItem",
        {200: ReconciliationAnswer},
        NoSuchItem,
        InvalidValue,
        TooMuchToCompare,
        InventoryUnavailable,
        Busy,
        StoreUnavailable,
    )
    def reconcile(path: ItemPath, query: ReconciliationParameters) -> Response:
        """Compare an item's orders with the log and with the stock.

        It names every difference: updates lost between two writers, orders whose change nothing
        shows, changes missing from the log, stock that is not where the log left it. Orders and
        changes of the last minute are not judged. 400 `too_much_to_compare`: there are more than
        20,000 orders and changes; give a later `since`, or run the command. 503 `busy`: each
        process compares one item at a time.
        """
        return ReconciliationAnswer.of(reconcile_item(path.item_id, query.since)).response()

    return reconciliations
