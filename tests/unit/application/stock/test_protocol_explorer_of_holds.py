"""Every way in which a hold, its confirmation, its extension, its expiry and its cancellation can
be disturbed, tried out as in ``test_protocol_explorer``, and every way in which two of them can
overtake each other. After each the promises must hold: one of them wins, nothing is held for ever,
and the history alone explains what became of the order.
"""

import operator
from collections.abc import Callable, Sequence
from itertools import permutations, product

import pytest

from tests.unit.application.stock.exploring import Scenario, check_promises, crash
from tests.unit.application.stock.processes import (
    Act,
    Process,
    Slow,
    cancels,
    creates,
    one_after_another,
    quietly,
)
from tests.unit.application.stock.wires import Tripwire
from tests.unit.application.stock.world import HOLD, LONG, A, B, World

# As in test_protocol_explorer.
pytestmark = pytest.mark.no_cover
both_contracts = pytest.mark.parametrize("contract", ["absolute", "conditional"])
Wanted = tuple[tuple[str, int], ...]
BASKET: Wanted = ((A, 3), (B, 2))
one_line_and_basket = pytest.mark.parametrize(
    "wanted", [((A, 3),), BASKET], ids=["one line", "basket"]
)
SOME = 5


def confirms(number: int) -> Act:
    return lambda process: process.confirm(process.world.placed(number))


def extends(number: int) -> Act:
    return lambda process: process.extend(process.world.placed(number))


def expires(process: Process) -> None:
    process.expire()


def hold_ends(process: Process) -> None:
    process.world.clock.sleep(HOLD)


def tends(process: Process) -> None:
    process.tend()


def held_and_over(contract: str, *baskets: Wanted) -> Callable[[World], object]:
    """Orders whose holds are over, and whose expiry is not recorded."""

    def arrange(world: World) -> None:
        for basket in baskets:
            Process(world, contract).create(*basket, hold=HOLD)
        world.clock.sleep(HOLD)

    return arrange


# What another process does while one is paused.
ENDS: dict[str, Act] = {
    "confirmation": confirms(0),
    "expiry": one_after_another(hold_ends, expires, creates((A, 2))),
    "cancellation": cancels(0),
}


@pytest.mark.parametrize("meanwhile", ENDS)
@one_line_and_basket
@both_contracts
def test_a_hold_disturbed_anywhere_keeps_every_promise(
    contract: str, wanted: Wanted, meanwhile: str
) -> None:
    act = creates(*wanted, hold=HOLD)
    Scenario(contract, act, meanwhile=ENDS[meanwhile], every=2 * SOME, recovery=tends).check()


@pytest.mark.parametrize("end", ENDS)
@one_line_and_basket
@both_contracts
def test_the_end_of_a_hold_that_was_disturbed_anywhere_keeps_every_promise(
    contract: str, wanted: Wanted, end: str
) -> None:
    def act(process: Process) -> None:
        quietly(lambda: process.create(*wanted, hold=HOLD))
        process.world.clock.sleep(LONG)
        quietly(lambda: ENDS[end](Process(process.world, contract)))

    Scenario(contract, act, meanwhile=ENDS[end], every=6 * SOME, recovery=tends).check()


@pytest.mark.parametrize("meanwhile", ENDS)
@one_line_and_basket
@both_contracts
def test_an_expiry_disturbed_anywhere_keeps_every_promise(
    contract: str, wanted: Wanted, meanwhile: str
) -> None:
    arrange = held_and_over(contract, wanted, ((A, 1),))
    others = one_after_another(ENDS[meanwhile], confirms(1), creates((A, 1)))
    Scenario(contract, expires, arrange, others, every=6 * SOME, recovery=tends).check()


@pytest.mark.parametrize("meanwhile", ENDS)
@one_line_and_basket
@both_contracts
def test_a_cancellation_of_a_hold_disturbed_anywhere_keeps_every_promise(
    contract: str, wanted: Wanted, meanwhile: str
) -> None:
    arrange = held_and_over(contract, wanted)
    Scenario(contract, cancels(0), arrange, ENDS[meanwhile], every=4 * SOME, recovery=tends).check()


@pytest.mark.parametrize("meanwhile", ENDS)
@pytest.mark.parametrize("act", [confirms(0), extends(0)], ids=["confirmation", "extension"])
@both_contracts
def test_a_confirmation_or_extension_disturbed_anywhere_keeps_every_promise(
    contract: str, act: Act, meanwhile: str
) -> None:
    arrange = held_and_over(contract, BASKET)
    Scenario(contract, act, arrange, ENDS[meanwhile], every=SOME, recovery=tends).check()


def test_a_commit_of_expired_and_new_orders_disturbed_anywhere_keeps_every_promise() -> None:
    """Of three orders that share their overwrites, two give back."""

    def arrange(world: World) -> None:
        held_and_over("absolute", BASKET, ((B, 1), (A, 4)))(world)
        for number in range(2):
            world.orders.save(world.placed(number).expire(world.clock.now()))
        world.place((A, 3), (B, 4))

    def act(process: Process) -> None:
        process.move_together((A, B), list(process.world.orders.by_id.values()))

    Scenario("absolute", act, arrange, creates((A, 2)), every=2 * SOME, recovery=tends).check()


# --- processes that take turns

CHANGES: dict[str, Act] = {
    "confirmation": confirms(0),
    "expiry": expires,
    "cancellation": cancels(0),
    "extension": extends(0),
}


def overtaken(contract: str, wanted: Wanted, who: Sequence[str], most: int) -> int:
    """Each of them begins, and stops at a place of its own; then each goes on to its end, the first
    one first. In how many ways all of them stopped."""
    overdue, ends = World(), [most] * len(who)
    held_and_over(contract, wanted)(overdue)
    ways = 0
    for places in product(range(most), repeat=len(who)):
        if any(map(operator.gt, places, ends)):
            continue
        world = overdue.copy()
        slow = [
            Slow(world, contract, CHANGES[each], [place])
            for each, place in zip(who, places, strict=True)
        ]
        for each in slow:
            each.go_on()
        for each in slow:
            each.end()
        check_promises(world, contract, f"{who} at {places}")
        stopped = [each.times_stopped > 0 for each in slow]
        ends = [
            end if has else place for end, place, has in zip(ends, places, stopped, strict=True)
        ]
        ways += all(stopped)
    return ways


@pytest.mark.parametrize("pair", [*permutations(CHANGES, 2)], ids=" and ".join)
@both_contracts
def test_two_who_change_a_held_order_overtake_each_other_and_one_of_them_wins(
    contract: str, pair: tuple[str, str]
) -> None:
    assert overtaken(contract, BASKET, pair, 14) > 2


@pytest.mark.parametrize("three", [*permutations(list(CHANGES)[:3])], ids=", ".join)
@both_contracts
def test_a_confirmation_an_expiry_and_a_cancellation_overtake_each_other_and_one_wins(
    contract: str, three: tuple[str, str, str]
) -> None:
    assert overtaken(contract, ((A, 3),), three, 6) > 10


@pytest.mark.parametrize("deferred", [False, True], ids=["", "deferred"])
@one_line_and_basket
@both_contracts
def test_a_late_creator_of_an_order_that_was_held_and_expired_keeps_every_promise(
    contract: str, wanted: Wanted, deferred: bool
) -> None:
    """The creator stops; settlement finishes the order, whose hold ends. Whoever expires the order
    dies on the way, or does not; then the creator goes on."""
    runs = 0
    for creator_at, expirer_at in product(range(12), range(14)):
        world = World()
        order = world.place(*wanted, hold=HOLD)
        if deferred:
            order = world.orders.save(order.defer(world.clock.now()))
        deadline = world.clock.monotonic() + 120
        creator = Slow(
            world,
            contract,
            lambda process, order=order, deadline=deadline: process.move(order, deadline),  # type: ignore[misc]
            [creator_at],
        )
        creator.go_on()
        world.clock.sleep(30)
        Process(world, contract).settle()
        world.clock.sleep(HOLD)
        wire = Tripwire(expirer_at, True, crash)
        quietly(lambda world=world, wire=wire: Process(world, contract, wire).expire())  # type: ignore[misc]
        creator.end()
        check_promises(world, contract, f"creator {creator_at}, expiry {expirer_at}")
        runs += creator.times_stopped
    assert runs > 10


@both_contracts
def test_an_expirer_and_who_took_its_lease_over_take_turns_and_keep_every_promise(
    contract: str,
) -> None:
    runs = 0
    for first_at, first_again, second_at in product(range(3, 14), (1, 2, 20), range(1, 14)):
        world = World()
        held_and_over(contract, BASKET)(world)
        first = Slow(world, contract, expires, [first_at, first_at + first_again])
        first.go_on()
        world.clock.sleep(LONG)
        second = Slow(world, contract, lambda process: process.settle(), [second_at])
        second.go_on()
        first.go_on()
        quietly(lambda world=world: creates((A, 1), (B, 1))(Process(world, contract)))  # type: ignore[misc]
        second.end()
        first.end()
        if not first.times_stopped or not second.times_stopped:
            continue
        name = f"first at {first_at} and {first_again} on, second at {second_at}"
        check_promises(world, contract, name)
        runs += 1
    assert runs > 30
