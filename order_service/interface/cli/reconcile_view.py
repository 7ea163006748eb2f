"""Reports of a reconciliation as people read them, and as JSON for programs."""

from typing import Any, Final

from order_service.application.words import counted
from order_service.interface.cli.showing import iso
from order_service.reconciliation.report import Finding, ItemReport, Kind, Tally
from order_service.reconciliation.sentences import sentence

_COLUMNS: Final = "{:<24} {:>10} {:>10} {:>10} {:>10} {:>10}  {}"
HEADING: Final = _COLUMNS.format(
    "ITEM", "TAKEN", "GIVEN BACK", "LOGGED", "BY OTHERS", "STOCK NOW", ""
)


def lines(report: ItemReport) -> list[str]:
    """A row of the table, and below the row a line for each finding."""
    row = _COLUMNS.format(
        report.item_id,
        -report.took.units,
        f"{report.gave_back.units:+}",
        f"{report.logged.units:+}",
        f"{report.others.units:+}",
        "gone" if report.stock_now is None else report.stock_now,
        _verdict(report),
    )
    findings = [f"    {_mark(finding)} {sentence(finding)}" for finding in report.findings]
    return [row, *findings, *_stuck(report), *_held(report), *_misdated(report)]


def _stuck(report: ItemReport) -> list[str]:
    if not report.stuck:
        return []
    return [
        f"    ! Stuck: {counted(report.stuck, 'order')} that may or may not have moved the stock. "
        "`order-service orders stuck` says why, and what decides it."
    ]


def _held(report: ItemReport) -> list[str]:
    if not report.held.orders:
        return []
    orders, units = counted(report.held.orders, "order"), counted(report.held.units, "unit")
    does = "holds" if report.held.orders == 1 else "hold"
    return [
        f"    - Held: {orders} {does} {units} of what was taken, to be confirmed or given back."
    ]


def _misdated(report: ItemReport) -> list[str]:
    if not report.misdated:
        return []
    return [
        f"    - {counted(report.misdated, 'stock change')} had a time still to come when the log "
        "received it: the time of receipt counts instead. Check the inventory's clock."
    ]


def as_json(report: ItemReport) -> dict[str, Any]:
    last = report.last_logged
    return {
        "itemId": report.item_id,
        "agrees": report.agrees,
        "orders": {
            "took": _tally(report.took),
            "gaveBack": _tally(report.gave_back),
            "waiting": report.waiting,
            "stuck": report.stuck,
            "held": {"orders": report.held.orders, "units": report.held.units},
        },
        "log": {
            **_tally(report.logged),
            "lastStock": last and last.new_stock,
            "repeats": report.repeats,
            "misdated": report.misdated,
            "byOthers": {
                "times": report.others.times,
                "units": report.others.units,
                "latest": [
                    {
                        "id": change.id,
                        "previousStock": change.previous_stock,
                        "newStock": change.new_stock,
                        "updatedAt": iso(change.told_at or change.at),
                    }
                    for change in report.latest_others
                ],
            },
        },
        "stockNow": report.stock_now,
        "findings": [_finding(finding) for finding in report.findings],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    first, last = iso(tally.first), iso(tally.last)
    return {"times": tally.times, "units": tally.units, "first": first, "last": last}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "differs": finding.differs,
        "mayNotBeLoggedYet": finding.unsure,
        "text": sentence(finding),
        "orders": finding.order_ids,
        "stockChanges": finding.change_ids,
        "expectedStock": finding.expected,
        "foundStock": finding.found,
        "writtenStock": finding.written,
        "asked": finding.asked,
        "at": iso(finding.at),
    }


def _verdict(report: ItemReport) -> str:
    if not report.agrees:
        return "differs" if report.differs else "stuck"
    is_awaited = any(f.unsure or f.kind is Kind.NOT_YET_LOGGED for f in report.findings)
    return "agrees so far" if is_awaited else "agrees"


def _mark(finding: Finding) -> str:
    return "!" if finding.differs else "-"
