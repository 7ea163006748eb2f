"""An order's history as JSON for programs, in the form of GET /api/orders/<id>/history."""

from typing import Any

from order_service.application.orders.history import MoveEvidence, OrderHistory, ToldEntry
from order_service.domain.history import Actor
from order_service.domain.marks import Shortage
from order_service.interface.cli.showing import iso


def history_as_json(history: OrderHistory) -> list[dict[str, Any]]:
    """Oldest first."""
    return [_entry(told) for told in history.entries]


def actor_as_json(actor: Actor | None) -> dict[str, str | None]:
    if actor is None:
        return {"actor": "unknown", "by": None}
    return {"actor": actor.kind, "by": actor.shown_name}


def _entry(told: ToldEntry) -> dict[str, Any]:
    entry = told.entry
    evidence = {
        "stock": [_move(each) for each in told.moves] or None,
        "items": [_short(each) for each in told.short] or None,
        "reason": entry.reason,
        "outcome": entry.outcome,
        "expiresAt": iso(entry.expires_at),
    }
    return {
        "at": iso(entry.at),
        "status": entry.status,
        "event": entry.event,
        **actor_as_json(entry.by),
        **_given({"version": entry.version}),
        "recorded": entry.recorded,
        "evidence": _given(evidence),
    }


def _move(evidence: MoveEvidence) -> dict[str, Any]:
    return {
        "itemId": evidence.item_id,
        "previousStock": evidence.move.previous_stock,
        "newStock": evidence.move.new_stock,
        "at": iso(evidence.move.at),
        **_given({"source": evidence.place and evidence.place._asdict()}),
    }


def _short(short: Shortage) -> dict[str, Any]:
    return {"itemId": short.item_id, "available": short.available}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
