"""Of a history that is not the truth, the explorer's check finds that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from order_service.domain.history import SETTLEMENT, Change, Entry
from order_service.domain.status import OrderStatus
from tests.unit.application.stock.processes import Process
from tests.unit.application.stock.stories import untold
from tests.unit.application.stock.world import CONFIRMS, HOLD, A, B, World

BASKET = (A, 3), (B, 2)


def confirmed_and_cancelled(process: Process) -> None:
    order = process.world.placed(0)
    process.extend(order)
    process.confirm(order)
    process.cancel(order)


def cancelled(process: Process) -> None:
    process.cancel(process.world.placed(0))


def expired(process: Process) -> None:
    process.world.clock.sleep(HOLD)
    process.expire()


LIVES = {each.__name__: each for each in (confirmed_and_cancelled, cancelled, expired)}
CONTRACTS = ["absolute", "conditional"]


@pytest.fixture(params=CONTRACTS)
def contract(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


def lived(contract: str, life: str) -> World:
    world = World()
    Process(world, contract).create(*BASKET, hold=HOLD)
    LIVES[life](Process(world, contract))
    return world


def history(world: World) -> list[Entry]:
    [entries] = world.orders.history.values()
    return entries


@pytest.mark.parametrize("life", LIVES)
def test_a_true_history_explains_the_order(life: str, contract: str) -> None:
    assert list(untold(lived(contract, life), contract)) == []


@pytest.mark.parametrize("life", LIVES)
def test_a_history_that_lacks_any_entry_does_not_explain_the_order(
    life: str, contract: str
) -> None:
    for number, entry in enumerate(history(lived(contract, life))):
        if entry.event is Change.ORDER_EXTENDED:
            # It leads from a held order to a held order.
            continue
        world = lived(contract, life)
        del history(world)[number]
        assert list(untold(world, contract)), entry


FORGERIES: dict[str, Callable[[Entry], Entry]] = {
    "by somebody else": lambda entry: replace(entry, by=replace(CONFIRMS, name="somebody else")),
    "by settlement": lambda entry: replace(entry, by=SETTLEMENT),
    "by nobody": lambda entry: replace(entry, by=None),
    "with another status": lambda entry: replace(entry, status=OrderStatus.FAILED),
    "too late": lambda entry: replace(entry, at=entry.at + timedelta(days=1)),
    "of a later version": lambda entry: replace(entry, version=(entry.version or 0) + 10),
    "of no version": lambda entry: replace(entry, version=None),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("life", LIVES)
def test_a_history_with_any_entry_forged_is_found_out(
    life: str, forgery: str, contract: str
) -> None:
    last = len(history(lived(contract, life))) - 1
    for number in range(last + 1):
        if forgery == "too late" and number == last:
            continue
        world = lived(contract, life)
        entries = history(world)
        entries[number] = FORGERIES[forgery](entries[number])
        assert list(untold(world, contract)), entries[number]


@pytest.mark.parametrize("life", LIVES)
def test_a_change_of_stock_that_the_log_lacks_is_found_out(life: str, contract: str) -> None:
    world = lived(contract, life)
    del world.inventory.changes[-1]
    assert list(untold(world, contract))


@pytest.mark.parametrize("life", LIVES)
def test_a_line_that_was_moved_by_more_than_the_order_asked_for_is_found_out(
    life: str, contract: str
) -> None:
    world = lived(contract, life)
    order = world.placed(0)
    first, *others = order.lines
    world.orders.by_id[order.id] = replace(
        order, lines=(replace(first, quantity=first.quantity + 1), *others)
    )
    assert list(untold(world, contract))


def test_a_change_of_an_order_without_an_entry_is_found_out(contract: str) -> None:
    world = lived(contract, "cancelled")
    process = Process(world, contract)
    order = world.placed(0)
    process.orders.save(replace(order, deferred=True))
    assert list(untold(world, contract)) == [
        f"nothing tells of the change to version {(order.id, order.version + 1)}"
    ]
