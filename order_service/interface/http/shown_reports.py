"""The comparison of an item's books as the API shows it."""

from datetime import datetime
from typing import Self

from order_service.interface.http.answers import Answer, Id, Time
from order_service.reconciliation.evidence import LoggedChange
from order_service.reconciliation.report import Finding, ItemReport, Kind, Tally
from order_service.reconciliation.sentences import sentence


class ShownTally(Answer):
    """Changes: how many, their units in all, and the times of the first and of the last."""

    times: int
    units: int
    first: Time | None
    last: Time | None

    @classmethod
    def fields_of(cls, tally: Tally) -> dict[str, int | datetime | None]:
        return {
            "times": tally.times,
            "units": tally.units,
            "first": tally.first,
            "last": tally.last,
        }

    @classmethod
    def of(cls, tally: Tally) -> Self:
        return cls.model_construct(**cls.fields_of(tally))  # type: ignore[arg-type]


class ShownHeld(Answer):
    orders: int
    units: int


class ShownOrders(Answer):
    took: ShownTally
    gave_back: ShownTally
    waiting: int
    """Orders whose stock is being moved."""
    stuck: int
    """Orders of which nobody knows whether they moved the stock."""
    held: ShownHeld

    @classmethod
    def of(cls, report: ItemReport) -> Self:
        held = report.held
        return cls.model_construct(
            took=ShownTally.of(report.took),
            gave_back=ShownTally.of(report.gave_back),
            waiting=report.waiting,
            stuck=report.stuck,
            held=ShownHeld.model_construct(orders=held.orders, units=held.units),
        )


class ShownOther(Answer):
    id: str
    """The `_id` of the stock change."""
    previous_stock: int
    new_stock: int
    updated_at: Time

    @classmethod
    def of(cls, change: LoggedChange) -> Self:
        return cls.model_construct(
            id=change.id,
            previous_stock=change.previous_stock,
            new_stock=change.new_stock,
            updated_at=change.told_at or change.at,
        )


class ShownOthers(Answer):
    """The changes in the log that no order made."""

    times: int
    units: int
    latest: list[ShownOther]


class ShownLog(ShownTally):
    last_stock: int | None
    """The stock that the last change left; null without one."""
    repeats: int
    """Entries of a change that another entry has already."""
    misdated: int
    """Entries whose time was still to come when the log received them."""
    by_others: ShownOthers

    @classmethod
    def of_log(cls, report: ItemReport) -> Self:
        others = report.others
        return cls.model_construct(
            **ShownTally.fields_of(report.logged),  # type: ignore[arg-type]
            last_stock=report.last_logged and report.last_logged.new_stock,
            repeats=report.repeats,
            misdated=report.misdated,
            by_others=ShownOthers.model_construct(
                times=others.times,
                units=others.units,
                latest=[ShownOther.of(change) for change in report.latest_others],
            ),
        )


class ShownFinding(Answer):
    kind: Kind
    differs: bool
    """False for what is told, and is no difference."""
    may_not_be_logged_yet: bool
    text: str
    """All of it in a sentence."""
    orders: list[str]
    stock_changes: list[str]
    expected_stock: int | None
    found_stock: int | None
    written_stock: int | None
    asked: int | None
    """The units that the orders asked for; negative where they took."""
    at: Time | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls.model_construct(
            kind=finding.kind,
            differs=finding.differs,
            may_not_be_logged_yet=finding.unsure,
            text=sentence(finding),
            orders=list(finding.order_ids),
            stock_changes=list(finding.change_ids),
            expected_stock=finding.expected,
            found_stock=finding.found,
            written_stock=finding.written,
            asked=finding.asked,
            at=finding.at,
        )


class ShownReport(Answer):
    item_id: Id
    agrees: bool
    """Nothing differs, and no order is stuck."""
    orders: ShownOrders
    log: ShownLog
    stock_now: int | None
    """Null where the inventory has no such item."""
    findings: list[ShownFinding]

    @classmethod
    def of(cls, report: ItemReport) -> Self:
        return cls.model_construct(
            item_id=report.item_id,
            agrees=report.agrees,
            orders=ShownOrders.of(report),
            log=ShownLog.of_log(report),
            stock_now=report.stock_now,
            findings=[ShownFinding.of(finding) for finding in report.findings],
        )
