"""``order-service orders restore``: bring a restored store to what the orders' events tell."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import click

from order_service.application.orders.restore import Change, Restoration, RestoreOrders
from order_service.application.words import counted, names
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.cli.parameters import moment, person
from order_service.interface.cli.showing import iso, printable

DONE, IN_DOUBT = 0, 1
_COLUMNS: Final = "{:<24}  {:<9}  {:<9}  {}"


class HasRestore(Protocol):
    @property
    def restore(self) -> RestoreOrders: ...


class MakesRestore(Protocol):
    def orders(self) -> HasRestore: ...


def _past(context: click.Context, parameter: click.Parameter, value: str) -> datetime | None:
    """With no events from the future to read, each order that waits would be marked as stuck."""
    time = moment(context, parameter, value)
    if time is not None and time > datetime.now(UTC):
        raise click.BadParameter(f"{value!r} is in the future: no backup was made then.")
    return time


@click.command()
@click.option(
    "--since",
    callback=_past,
    required=True,
    metavar="TIME",
    help="Read the events since 2026-01-31T12:00Z, or since 90m, 2h, 3d ago: a little before the "
    "backup was made.",
)
@click.option("--write", is_flag=True, help="Do it. Without this nothing is changed.")
@click.option(
    "--by",
    callback=person,
    metavar="NAME",
    show_default="your name on this host",
    help="Who restores; the name is kept in the orders' histories.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def restore(
    composition: MakesRestore, /, since: datetime, write: bool, by: str, as_json: bool
) -> None:
    """Bring a store that was restored from a backup to what the orders' events tell of it.

    Stop every API and worker first, and start none before this is done: a worker would expire holds
    that were confirmed since the backup, and give back stock that is back already.

    Orders that the events tell more of than the store become what the events tell. Orders that the
    store lacks are made from their events, without what no event tells: customer, reference,
    metadata, key. No stock moves, and no event is sent. An order that waits for its stock, and of
    which no event tells the end, is marked as stuck: `orders stuck` says what decides it. (Not with
    INVENTORY_CONTRACT=conditional: there settlement can ask again.)

    The exit code is 1 when something is left to a person.
    """
    done = composition.orders().restore(since, by, write)
    if as_json:
        click.echo(json.dumps(_fields(done, write), indent=2))
    else:
        for line in _lines(done, write):
            click.echo(printable(line))
    sys.exit(IN_DOUBT if _is_left(done) else DONE)


def _is_left(done: Restoration) -> bool:
    told = done.told
    gone = told.cut or told.unreadable
    return bool(gone or done.in_doubt or done.contradicted or done.undone or _held(done))


def _held(done: Restoration) -> list[Order]:
    """Those of the orders made from events that are held, nobody knows until when."""
    made = [change.after for change in done.brought if change.before is None]
    return [order for order in made if order.status is OrderStatus.RESERVED]


def _lines(done: Restoration, write: bool) -> Iterator[str]:
    changes = [*done.brought, *done.in_doubt]
    if changes:
        yield _COLUMNS.format("ORDER", "STORE", "BECOMES", "WHY")
    for change in changes:
        before = change.before.status if change.before else "-"
        yield _COLUMNS.format(change.after.id, before, change.after.status, _why(change))
    yield from _left_over(done)
    read = counted(len(done.told.events), "event")
    verb = "are" if write else "would be"
    yield (
        f"{read} read; {len(done.brought)} of the orders {verb} brought on, "
        f"{len(done.in_doubt)} {verb} marked as stuck."
    )
    if not write and changes:
        yield "Nothing was changed: repeat with --write."


def _why(change: Change) -> str:
    if change.after.stuck is not None:
        return "stuck: its events don't tell what became of it"
    return f"events: {change.after.new_history[-1].reason}"


def _left_over(done: Restoration) -> Iterator[str]:
    if held := _held(done):
        yield _left(
            "Held, nobody knows until when (the end here is the latest that MAX_HOLD_SECONDS "
            "allows)",
            [order.id for order in held],
        )
    if done.contradicted:
        yield _left(
            "Not decided, because the events contradict the store or each other", done.contradicted
        )
    if done.failed:
        yield _left("Not made again, because they only failed", done.failed)
    if done.undone:
        yield _left("Not done", [f"{each.order_id} ({each.reason})" for each in done.undone])
    if done.told.cut:
        topics = ", ".join(done.told.cut)
        yield f"! Events may be gone that were sent after that time: {topics} begins later."
    if done.told.unreadable:
        unreadable = done.told.unreadable
        places = [f"{each.topic}[{each.partition}]@{each.offset}" for each in unreadable]
        yield f"! Not an event of an order: {names(places)}."


def _left(what: str, ids: Sequence[str]) -> str:
    return f"{what}: {names(ids)}."


def _fields(done: Restoration, write: bool) -> dict[str, Any]:
    return {
        "written": write,
        "brought": [_change(change) for change in done.brought],
        "inDoubt": [_change(change) for change in done.in_doubt],
        "heldWithoutEnd": [order.id for order in _held(done)],
        "contradicted": done.contradicted,
        "failed": done.failed,
        "undone": [{"orderId": each.order_id, "reason": each.reason} for each in done.undone],
        "cut": done.told.cut,
        "unreadable": [place._asdict() for place in done.told.unreadable],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "orderId": change.after.id,
        "before": change.before and change.before.status,
        "after": change.after.status,
        "heldUntil": iso(change.after.held_until),
    }
