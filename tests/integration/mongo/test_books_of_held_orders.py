"""Held and expired orders as reconciliation reads them, on a real MongoDB."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.order_mapping import write_order
from order_service.reconciliation.evidence import NONE_HELD, Held, MoveOfOrders, Share
from order_service.reconciliation.reconcile import OpenOrderCounts
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.orders import (
    CALLER,
    ITEM,
    basket,
    completed,
    confirmed,
    expired,
    expiring,
    held,
    later,
    moved_at,
    pending,
    stuck,
)

OTHER = "b" * 24


def have(database: Database, *orders: Order) -> MongoBooks:
    database["orders"].insert_many([write_order(order.saved()) for order in orders])
    return MongoBooks(database)


def test_only_orders_that_may_still_be_confirmed_are_held(database: Database) -> None:
    books = have(
        database,
        held(),
        held(),
        moved_at(basket(hold=Hold(60)), later(2)),
        pending(hold=Hold(60)),
        confirmed(),
        held().request_cancel(later(5), CALLER),
        expiring(),
        stuck(expiring()),
        expired(),
        completed(),
    )
    assert books.open_orders(ITEM) == OpenOrderCounts(waiting=3, stuck=1, held=Held(3, 9))
    assert books.open_orders(OTHER).held == Held(1, 1)
    assert books.open_orders("d" * 24).held == NONE_HELD


@pytest.mark.parametrize("order", [held(), confirmed(), expiring()])
def test_what_an_order_with_a_hold_took_was_stored_when_it_was_taken(
    database: Database, order: Order
) -> None:
    assert shown(have(database, order)) == [(-3, later(2))]


def test_what_an_expired_order_gave_back_was_stored_when_it_expired(database: Database) -> None:
    assert shown(have(database, expired())) == [(-3, later(2)), (3, later(63))]


def shown(books: MongoBooks) -> list[tuple[int, Any]]:
    moves: Iterator[MoveOfOrders] = books.moves(ITEM, None)
    return [(move.asked, move.stored_at) for move in moves]


def test_an_order_owes_a_record_of_what_it_took_and_once_it_expired_of_what_it_gave_back(
    database: Database,
) -> None:
    bare = [
        replace(
            order, lines=tuple(replace(each, taken=None, returned=None) for each in order.lines)
        )
        for order in (held(), confirmed(), expiring(), expired(), pending(hold=Hold(60)))
    ]
    takes, returns = [Share(order.id, -3) for order in bare[:4]], [Share(bare[3].id, 3)]
    unproven = [each.share for each in have(database, *bare).unproven(ITEM, None)]
    assert sorted(unproven, key=str) == sorted([*takes, *returns], key=str)


def test_held_orders_are_counted_without_reading_orders_that_are_done(mongo: Mongod) -> None:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        books = have(database, held(), held(), *(completed() for _ in range(50)))
        commands.sent.clear()
        assert books.open_orders(ITEM).held.orders == 2
        # Numbers of orders are counted with such commands too.
        *_, sent = commands.named("aggregate")
        sent = {name: sent[name] for name in ("aggregate", "pipeline", "cursor", "hint")}
        plan = database.command("explain", sent, verbosity="executionStats")
        assert documents_examined(plan) == [2]


def documents_examined(plan: Any) -> list[int]:
    if isinstance(plan, list):
        return [number for part in plan for number in documents_examined(part)]
    if not isinstance(plan, dict):
        return []
    found = [plan["totalDocsExamined"]] if "totalDocsExamined" in plan else []
    return found + [number for part in plan.values() for number in documents_examined(part)]
