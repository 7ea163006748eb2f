"""What the world was told of an order: in answers, in events and in the order's history.

Each tells by itself what became of the order.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.faults.buyers import Purchase

_TAKING = "(ORDER_DEFERRED |ORDER_PARTLY_MOVED |ORDER_STUCK |ORDER_DECIDED )*"
_GIVING_BACK = "(ORDER_PARTLY_MOVED |ORDER_STUCK |ORDER_DECIDED )*"
_PLACED = f"ORDER_PLACED {_TAKING}"
_HELD = f"{_PLACED}ORDER_RESERVED (ORDER_EXTENDED )*"
_SOLD = f"({_PLACED}|{_HELD})ORDER_CREATED "
_CANCELLING = f"({_SOLD}|{_HELD})ORDER_CANCEL_REQUESTED {_GIVING_BACK}"
_EXPIRING = f"{_HELD}ORDER_EXPIRY_RECORDED {_GIVING_BACK}"
# How an order came to its status.
_LIVES: Final = {
    "PENDING": f"{_PLACED}(ORDER_GIVEN_UP {_GIVING_BACK})?",
    "FAILED": f"{_PLACED}(ORDER_GIVEN_UP {_GIVING_BACK})?ORDER_FAILED ",
    "RESERVED": f"{_HELD}|{_CANCELLING}|{_EXPIRING}",
    "COMPLETED": f"{_SOLD}|{_CANCELLING}",
    "CANCELLED": f"{_CANCELLING}ORDER_CANCELLED ",
    "EXPIRED": f"{_EXPIRING}ORDER_EXPIRED ",
}
_ONLY_BY: Final = {
    "ORDER_PLACED": "caller",
    "ORDER_DEFERRED": "caller",
    "ORDER_EXTENDED": "caller",
    "ORDER_CANCEL_REQUESTED": "caller",
    "ORDER_EXPIRY_RECORDED": "expiry",
    "ORDER_DECIDED": "operator",
}
_EVENTS: Final = {
    "ORDER_RESERVED",
    "ORDER_CREATED",
    "ORDER_FAILED",
    "ORDER_CANCELLED",
    "ORDER_EXPIRED",
}
_TELLS: Final = {
    "hold_expired": "EXPIRED",
    "hold_cancelled": "CANCELLED",
    "hold_confirmed": "COMPLETED",
}


def may_stand(purchase: Purchase, is_stuck: bool) -> set[str]:
    """Where an acknowledged order may stand by what its client was answered."""
    confirmed, cancelled = (
        {answer.status for answer in purchase.later[verb]} for verb in ("confirm", "cancel")
    )
    if 200 in cancelled:
        return {"CANCELLED"}
    kept = {"COMPLETED"}
    if purchase.hold is not None and 200 not in confirmed:
        kept = {"EXPIRED", "COMPLETED"} if confirmed else {"EXPIRED"}
    if 202 in cancelled:
        return {"CANCELLED", "RESERVED", *kept} if is_stuck else {"CANCELLED"}
    codes = {answer.code for answers in purchase.later.values() for answer in answers}
    if told := {status for code, status in _TELLS.items() if code in codes}:
        return told if len(told) == 1 else set()
    return {"CANCELLED", *kept} if cancelled else kept


def events_of(order: Mapping[str, Any]) -> list[str]:
    """The events that the stored order must have told of, in their order."""
    status, hold = order["status"], order.get("hold")
    if status == "PENDING":
        return []
    if status == "FAILED":
        return ["ORDER_FAILED"]
    held = ["ORDER_RESERVED"] if hold else []
    sold = ["ORDER_CREATED"] if not hold or "confirmedAt" in hold else []
    ended = [f"ORDER_{status}"] if status in ("CANCELLED", "EXPIRED") else []
    return [*held, *sold, *ended]


def flaw_of(order: Mapping[str, Any]) -> str | None:
    """Why the stored order's history does not explain where the order stands; None if it does."""
    entries: Sequence[Mapping[str, Any]] = order["history"]
    names = [entry["event"] for entry in entries]
    life = "".join(f"{name} " for name in names)
    leads_to = {status for status, story in _LIVES.items() if re.fullmatch(story, life)}
    if order["status"] not in leads_to or entries[-1]["status"] != order["status"]:
        return f"it leads to {leads_to} and ends {entries[-1]['status']}: {names}"
    if [name for name in names if name in _EVENTS] != events_of(order):
        return f"it does not have the events {events_of(order)}: {names}"
    for told in ("at", "version"):
        if [entry[told] for entry in entries] != sorted(entry[told] for entry in entries):
            return f"it is not in order: {entries}"
    for entry in entries:
        by = entry["by"]["kind"]
        if by != _ONLY_BY.get(entry["event"], by):
            return f"{entry['event']} is by {by}"
    return None
