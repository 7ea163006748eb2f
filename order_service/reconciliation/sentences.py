"""A finding in a sentence for people."""

from collections.abc import Callable
from typing import Final

from order_service.application.words import clock_time, counted, names
from order_service.reconciliation.report import Finding, Kind

_NOT_YET: Final = " It is so new that the log may not have heard of it yet."


def sentence(finding: Finding) -> str:
    text = _SENTENCES[finding.kind](finding)
    return text + (_NOT_YET if finding.unsure else "")


def _orders(finding: Finding) -> str:
    word = "order" if len(finding.order_ids) == 1 else "orders"
    return f"{word} {names(finding.order_ids)}"


def _at(finding: Finding) -> str:
    return f" ({clock_time(finding.at)})" if finding.at else ""


def _lost_update(finding: Finding) -> str:
    assert finding.expected is not None
    assert finding.found is not None
    return (
        f"Lost update: {_orders(finding)} read {finding.expected} and wrote {finding.written} over "
        f"{finding.found}, so another writer's {finding.found - finding.expected:+} is gone: stock "
        f"change {names(finding.change_ids)}{_at(finding)}."
    )


def _overwritten_again(finding: Finding) -> str:
    assert finding.found is not None
    assert finding.written is not None
    return (
        f"Overwritten again: the stock went from {finding.found} back to {finding.written}, which "
        f"{_orders(finding)} had written before: a request arrived late, or another writer meant "
        f"this stock. A late request put the stock wrong by {finding.written - finding.found:+}: "
        f"see stock change {names(finding.change_ids)}{_at(finding)}."
    )


def _order_without_change(finding: Finding) -> str:
    if finding.written is None:
        return (
            f"Order without a change: {_orders(finding)} moved the stock by {finding.asked:+}, and "
            f"has no record of the change that did it{_at(finding)}."
        )
    return (
        f"Order without a change: {_orders(finding)} moved the stock from {finding.expected} to "
        f"{finding.written}, but neither the log nor the stock shows it{_at(finding)}."
    )


def _orders_do_not_add_up(finding: Finding) -> str:
    return (
        f"Orders do not add up: the stock went from {finding.expected} to {finding.written} for "
        f"{_orders(finding)}, which ask for {finding.asked:+} together{_at(finding)}."
    )


def _missing_change(finding: Finding) -> str:
    before, after = finding.change_ids
    return (
        f"Missing change: the stock went from {finding.expected} (stock change {before}) to "
        f"{finding.found} (before stock change {after}{_at(finding)}) with no entry of it: an "
        "event was lost (see `order-service dead-letters list`), or one of two writers at once."
    )


def _stock_differs(finding: Finding) -> str:
    last = f" by stock change {finding.change_ids[0]}" if finding.change_ids else " by orders"
    return f"Stock differs: it was left at {finding.expected}{last}, and is {finding.found}."


def _not_logged(finding: Finding) -> str:
    number = counted(len(finding.order_ids), "order")
    return (
        f"The log has no entry of the changes by {number}, which the stock agrees with: "
        f"{names(finding.order_ids)}."
    )


def _not_yet_logged(finding: Finding) -> str:
    return (
        f"The log is behind: it has no entry yet of the changes by "
        f"{counted(len(finding.order_ids), 'order')}: {names(finding.order_ids)}. Is a worker "
        "running?"
    )


def _settled_by_word(finding: Finding) -> str:
    return f"Settled by a person's word: {_orders(finding)}. The log has no such change."


def _brought_back(finding: Finding) -> str:
    return (
        f"Brought back from the events: {_orders(finding)} moved the stock by {finding.asked:+} in "
        f"all, and the changes that no other order made come to {finding.others:+}. Where the two "
        "differ, somebody else wrote the stock, or an order is lost. (Compare --since the backup.)"
    )


_SENTENCES: Final[dict[Kind, Callable[[Finding], str]]] = {
    Kind.LOST_UPDATE: _lost_update,
    Kind.OVERWRITTEN_AGAIN: _overwritten_again,
    Kind.ORDER_WITHOUT_CHANGE: _order_without_change,
    Kind.ORDERS_DO_NOT_ADD_UP: _orders_do_not_add_up,
    Kind.MISSING_CHANGE: _missing_change,
    Kind.STOCK_DIFFERS: _stock_differs,
    Kind.NOT_LOGGED: _not_logged,
    Kind.NOT_YET_LOGGED: _not_yet_logged,
    Kind.SETTLED_BY_WORD: _settled_by_word,
    Kind.BROUGHT_BACK: _brought_back,
}
