"""``order-service orders``: look at orders, and settle orders that evidence can't decide."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol

import click

from order_service.application.orders.decide import DecideOrder, DecideOrderCommand
from order_service.application.orders.list import ListOrders, OrderQuery
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.orders.restore import RestoreOrders
from order_service.application.orders.show import ShowOrder
from order_service.application.words import clock_time, names
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.cli import open_orders_view, order_json, order_view
from order_service.interface.cli.history_view import timeline
from order_service.interface.cli.parameters import AT_MOST, hex_id, moment, person
from order_service.interface.cli.restore import restore

_PAGE: Final = 200
_OUTCOMES: Final = {"completed": OrderStatus.COMPLETED, "failed": OrderStatus.FAILED}
_order_id = click.argument("order_id", metavar="ID", callback=hex_id)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@dataclass(frozen=True, slots=True)
class OrderTools:
    list_orders: ListOrders
    show: ShowOrder
    list_open: ListOpenOrders
    decide: DecideOrder
    restore: RestoreOrders


class MakesOrderTools(Protocol):
    def orders(self) -> OrderTools: ...


@click.group()
def orders() -> None:
    """Look at orders, and settle those that evidence can't decide."""


orders.add_command(restore)


@orders.command("list")
@click.option(
    "--status",
    type=click.Choice([*OrderStatus], case_sensitive=False),
    help="Only in this status.",
)
@click.option("--item", callback=hex_id, metavar="ID", help="Only with a line of this item.")
@click.option("--reference", metavar="TEXT", help="Only of this number of the shop's own.")
@click.option(
    "--customer",
    metavar="SUBJECT",
    help="Only of this customer: a token's subject.",
)
@click.option(
    "--since",
    callback=moment,
    metavar="TIME",
    help="Only orders created since 2026-01-31T12:00Z, or since 90m, 2h, 3d ago.",
)
@click.option(
    "--limit", type=AT_MOST, default=20, show_default=True, help="At most so many orders."
)
@_json
@click.pass_obj
def list_orders(
    composition: MakesOrderTools, /, status: str | None, limit: int, as_json: bool, **filters: Any
) -> None:
    """List orders, newest first."""
    query = OrderQuery(
        customer_id=filters["customer"],
        reference=filters["reference"],
        item_id=filters["item"],
        status=OrderStatus(status) if status else None,
        created_from=filters["since"],
        limit=min(limit, _PAGE),
    )
    found = islice(_pages(composition.orders().list_orders, query), limit)
    if as_json:
        click.echo(json.dumps([order_json.as_json(order) for order in found], indent=2))
        return
    number = 0
    for number, order in enumerate(found, 1):
        if number == 1:
            click.echo(order_view.HEADING)
        click.echo(order_view.row(order))
    if not number:
        click.echo("No orders.")


@orders.command()
@_order_id
@_json
@click.pass_obj
def show(composition: MakesOrderTools, /, order_id: str, as_json: bool) -> None:
    """Show one order whole, and its history: what happened to it, when, and who did it.

    Below each change is the evidence: the stock of each item before and after it, and the topic,
    partition and offset of the record from which the stock-change log has it. Times are by the
    store's clock.
    """
    whole = composition.orders().show(order_id)
    if as_json:
        click.echo(json.dumps(order_json.whole_as_json(whole), indent=2))
    else:
        click.echo(order_view.page(whole))
        click.echo("\n" + timeline(whole.history))


@orders.command()
@click.option(
    "--limit", type=AT_MOST, default=1000, show_default=True, help="At most so many orders."
)
@_json
@click.pass_obj
def stuck(composition: MakesOrderTools, /, limit: int, as_json: bool) -> None:
    """List the orders that wait too long, why they wait, and what would decide each order.

    An order is stuck if somebody else wrote the stock of one of its items, so that nothing tells
    whether the order's own change of that item was made. Each item in doubt is named. An order is
    overdue if the worker has yet to settle it, and a hold is overdue if it is over and the worker
    has yet to expire it.
    """
    found = composition.orders().list_open(limit)
    if as_json:
        click.echo(json.dumps(open_orders_view.fields(found), indent=2))
        return
    for paragraph in open_orders_view.paragraphs(found):
        click.echo(paragraph + "\n")
    click.echo(open_orders_view.summary(found))


@orders.command()
@_order_id
@click.option(
    "--as",
    "outcome",
    type=click.Choice(list(_OUTCOMES)),
    required=True,
    help="completed if the inventory made every change in doubt, failed if it made none of them.",
)
@click.option(
    "--reason",
    required=True,
    help="How you know. The order's history keeps the reason, and its customer can read it.",
)
@click.option(
    "--by",
    callback=person,
    metavar="NAME",
    show_default="your name on this host",
    help="Who says so; the name is kept in the order's history.",
)
@click.option("--yes", is_flag=True, help="Settle without asking.")
@click.pass_obj
def settle(
    composition: MakesOrderTools, /, order_id: str, outcome: str, reason: str, by: str, yes: bool
) -> None:
    """Settle a stuck order by your word on what the inventory did.

    Your word is about the items in doubt, which `orders stuck` names, and about all of them alike:
    where the inventory made some of the changes in doubt, correct the stock of these items first.
    The command itself moves no stock, and says what becomes of the order before it asks.

    `completed`: the changes were made. An order that waits for its goods becomes COMPLETED, or
    RESERVED if it is to be held. One that gives its goods back becomes CANCELLED, or EXPIRED if its
    hold was over, or FAILED if it is to fail.

    `failed`: the changes were not made. An order that waits for its goods becomes FAILED, after the
    worker has given back what was taken of other items. A cancellation is dropped, unless a part of
    the goods is back already: then the worker gives the rest back, as it does in any case where the
    hold was over or the order is to fail.
    """
    tools = composition.orders()
    order = tools.show(order_id).order
    if order.stuck is None:
        click.echo(f"Order {order_id} is {order.status} and not stuck: {_nothing(order)}", err=True)
        sys.exit(1)
    click.echo(open_orders_view.meaning(order, _OUTCOMES[outcome]))
    if not yes:
        click.confirm("Settle the order this way?", abort=True)
    settled = tools.decide(DecideOrderCommand(order_id, _OUTCOMES[outcome], reason, by))
    click.echo(open_orders_view.status_now(settled.order))
    if alike := settled.alike:
        orders_are, them = ("order", "it") if len(alike) == 1 else ("orders", "them")
        click.echo(
            f"The same overwrite of the stock was to serve the stuck {orders_are} {names(alike)}: "
            f"settle {them} the same way."
        )


def _nothing(order: Order) -> str:
    if not order.phase.is_settled:
        return "the worker settles it by itself."
    if order.held_until is not None:
        until = clock_time(order.held_until)
        return f"it is held until {until}, and expires unless it is confirmed."
    return "there is nothing to settle."


def _pages(list_orders: ListOrders, query: OrderQuery) -> Iterator[Order]:
    while True:
        page = list_orders(query)
        yield from page.orders
        if page.next is None:
            return
        query = replace(query, after=page.next)
