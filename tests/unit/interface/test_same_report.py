"""A reconciliation's report is the same over HTTP and from the command."""

import json
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from order_service.interface.cli import reconcile_view
from order_service.interface.http.reconciliations import ReconciliationAnswer
from order_service.reconciliation.evidence import Held, LoggedChange
from order_service.reconciliation.of_an_item import Compared
from order_service.reconciliation.report import Finding, ItemReport, Kind, Tally

ITEM = "a" * 24
AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
MISDATED = AT + timedelta(days=1)
EMPTY = ItemReport(ITEM, None, 0, 0)
CHANGES = [
    LoggedChange("64b000000000000000000001", 10, 7, AT),
    LoggedChange("64b000000000000000000002", 7, 12, AT, told_at=MISDATED),
]
FINDINGS = [
    Finding(kind, ("o1", "o2"), ("c1", "c2"), 10, 4, 7, -3, at, unsure, others=-4)
    for kind in Kind
    for at in (AT, None)
    for unsure in (False, True)
]
FULL = ItemReport(
    ITEM,
    stock_now=12,
    waiting=1,
    stuck=2,
    held=Held(3, 4),
    took=Tally(5, 6, AT, MISDATED),
    gave_back=Tally(7, 8, AT, AT),
    logged=Tally(9, -10, AT, MISDATED),
    others=Tally(11, 12, AT, None),
    latest_others=deque(CHANGES),
    last_logged=CHANGES[1],
    repeats=13,
    misdated=14,
    findings=FINDINGS,
)
REPORTS = {
    "empty": EMPTY,
    "full": FULL,
    "stuck": replace(EMPTY, stuck=1),
    "agreeing": replace(FULL, stuck=0, findings=[]),
    "with an order without a move": replace(
        EMPTY, findings=[Finding(Kind.ORDER_WITHOUT_CHANGE, ("o1",), asked=-1)]
    ),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_both_wings_show_the_same_of_a_report(report: ItemReport) -> None:
    over_http = json.loads(ReconciliationAnswer.of(Compared(AT, report)).body())
    of_the_command = json.loads(json.dumps(reconcile_view.as_json(report)))
    assert over_http["report"] == of_the_command
    assert list(over_http) == ["since", "report"]


def test_the_report_that_is_compared_has_something_in_every_member() -> None:
    def empty(value: object, name: str) -> list[str]:
        if isinstance(value, dict):
            return [each for key, inner in value.items() for each in empty(inner, f"{name}.{key}")]
        return [name] if value in (None, [], 0, "") and value is not False else []

    shown = reconcile_view.as_json(FULL)
    shown["findings"] = shown["findings"][0]
    assert empty(shown, "report") == []
