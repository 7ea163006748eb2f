"""Every way in which a create or a cancellation can be disturbed, tried out: a crash, a pause past
the lease while another process serves, and each error, before and after the effect of each call of
a port, and the same again in whoever recovers. After each the promises must hold.
"""

from collections.abc import Callable, Iterator
from itertools import product

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
from tests.unit.application.stock.world import INITIAL, LONG, A, B, C, World

# A hundred thousand walks through the same lines, which other tests reach too: to count the lines
# would take longer than the walks.
pytestmark = pytest.mark.no_cover
CONTRACTS = ["absolute", "conditional"]
BASKET = ((A, 3), (B, 2))
# The same items, the other way round.
OTHER = ((B, 4), (A, 1))
# Disturbs of the recovery only so many: there are many calls.
SOME = 5


def created(contract: str, *baskets: tuple[tuple[str, int], ...]) -> Callable[[World], None]:
    def arrange(world: World) -> None:
        for basket in baskets:
            Process(world, contract).create(*basket)

    return arrange


# --- orders of one line


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_create_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    Scenario(contract, creates((A, 3)), meanwhile=creates((A, 2))).check()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_cancellation_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    arrange = created(contract, ((A, 3),))
    Scenario(contract, cancels(0), arrange, meanwhile=creates((A, 2))).check()


def create_then_cancel(contract: str, *wanted: tuple[str, int]) -> Act:
    def act(process: Process) -> None:
        world = process.world
        quietly(lambda: process.create(*wanted))
        world.clock.sleep(LONG)
        Process(world, contract).cancel_all()

    return act


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_cancellation_of_what_a_disturbed_create_left_keeps_every_promise(contract: str) -> None:
    Scenario(contract, create_then_cancel(contract, (A, 3)), meanwhile=creates((A, 2))).check()


# --- orders of several lines

# What another process does while the basket's process is paused.
MEANWHILE: dict[str, Act] = {
    "nothing": lambda process: None,
    "one line of each": one_after_another(creates((A, 2)), creates((B, 2))),
    "the same items": creates(*OTHER),
    "some of the items": one_after_another(creates((B, 3), (C, 1)), creates((C, 2), (A, 1))),
    "cancellations": lambda process: process.cancel_all(),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_create_of_a_basket_disturbed_anywhere_keeps_every_promise(
    contract: str, meanwhile: str
) -> None:
    Scenario(contract, creates(*BASKET), meanwhile=MEANWHILE[meanwhile], every=SOME).check()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_create_of_a_basket_whose_last_units_others_want_too_keeps_every_promise(
    contract: str,
) -> None:
    def arrange(world: World) -> None:
        world.has(A, 4)
        world.has(B, 4)

    meanwhile = one_after_another(creates(*OTHER), creates((A, 3)))
    Scenario(contract, creates(*BASKET), arrange, meanwhile, every=SOME).check()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_create_of_three_lines_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    wanted = ((C, 1), (A, 3), (B, 2))
    meanwhile = one_after_another(creates((C, 9)), creates((A, 1), (B, 1)))
    Scenario(contract, creates(*wanted), meanwhile=meanwhile, every=2 * SOME).check()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_cancellation_of_a_basket_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    arrange = created(contract, BASKET, OTHER)
    meanwhile = one_after_another(cancels(1), creates((B, 2)))
    Scenario(contract, cancels(0), arrange, meanwhile, every=2 * SOME).check()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_cancellation_of_what_a_disturbed_create_of_a_basket_left_keeps_every_promise(
    contract: str,
) -> None:
    act = create_then_cancel(contract, *BASKET)
    Scenario(contract, act, meanwhile=creates(*OTHER), every=2 * SOME).check()


def raced(world: World, *wanted: tuple[str, int]) -> None:
    """An order of these is faster than the basket, which reserves its leases therefore."""
    world.leases.races.append(lambda world: Process(world, "absolute").create(*wanted))


RACES: dict[str, tuple[tuple[str, int], ...]] = {
    "the first item": ((A, 1),),
    "the last item": ((B, 1),),
    "both items": ((B, 1), (A, 1)),
}


@pytest.mark.parametrize("race", RACES)
def test_a_create_of_a_basket_that_reserves_its_leases_keeps_every_promise_wherever_disturbed(
    race: str,
) -> None:
    meanwhile = one_after_another(creates((A, 2)), creates(*OTHER))
    Scenario(
        "absolute",
        creates(*BASKET),
        lambda world: raced(world, *RACES[race]),
        meanwhile,
        every=2 * SOME,
    ).check()


def test_a_cancellation_of_a_basket_that_reserves_its_leases_keeps_every_promise() -> None:
    def arrange(world: World) -> None:
        created("absolute", BASKET, OTHER)(world)
        raced(world, (A, 1))

    Scenario("absolute", cancels(0), arrange, cancels(1), every=6 * SOME).check()


# --- orders that are refused

SHORT: dict[str, tuple[tuple[str, int], ...]] = {
    "the first item": ((A, INITIAL + 1), (B, 1)),
    "the last item": ((A, 1), (B, INITIAL + 1)),
    "no such item": ((A, 1), ("d" * 24, 1)),
}


@pytest.mark.parametrize("short", SHORT)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_basket_that_is_refused_keeps_every_promise_and_causes_no_overwrite(
    contract: str, short: str
) -> None:
    runs = 0
    for name, world in Scenario(contract, creates(*SHORT[short]), every=SOME).runs():
        check_promises(world, contract, name)
        assert world.inventory.overwrites == [], name
        assert set(world.inventory.stock.values()) == {INITIAL}, name
        runs += 1
    assert runs > 40


# --- processes that take turns


@pytest.mark.parametrize("deferred", [False, True], ids=["", "deferred"])
@pytest.mark.parametrize("wanted", [((A, 3),), BASKET], ids=["one line", "basket"])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_settler_and_the_creator_that_it_gave_up_take_turns_and_keep_every_promise(
    contract: str, wanted: tuple[tuple[str, int], ...], deferred: bool
) -> None:
    """The creator stored the order and went no further. While the settler is paused past its lease
    it goes on, is paused in its turn, and ends when the settler has. Its order may be cancelled by
    then."""
    runs = 0
    for at, until in product(range(16), range(16)):
        world = World()
        order = world.place(*wanted)
        if deferred:
            order = world.orders.save(order.defer(world.clock.now()))
        world.clock.sleep(30)
        deadline = world.clock.monotonic() + 7
        creator = Slow(
            world,
            contract,
            lambda process, order=order, deadline=deadline: process.move(order, deadline),  # type: ignore[misc]
            [until],
        )

        def outlast(_: object, world: World = world, creator: Slow = creator) -> None:
            world.clock.sleep(LONG)
            creator.go_on()

        wire = Tripwire(at, False, outlast)
        quietly(Process(world, contract, wire).settle)
        quietly(Process(world, contract).cancel_all)
        creator.end()
        check_promises(world, contract, f"settler at {at}, creator at {until}")
        runs += wire.happened
    assert runs > 30


# What others do between the first process's last step and the second's.
OTHERS: dict[str, Act] = {
    "a return of the first item": cancels(0),
    "a return of the last item": cancels(1),
    "an order of both items": creates((A, 1), (B, 1)),
}


def _turns(contract: str, others: Act, reserves: bool = False) -> Iterator[tuple[str, World]]:
    """The first process stops, and its lease ends. The second takes up what the first left, and
    stops. The first goes on; others are served then; and the second goes on last."""
    calls = range(9, 18) if reserves else range(2, 14)
    for first_at, first_again, second_at in product(calls, (1, 2, 20), range(1, 14)):
        world = World()
        created(contract, ((A, 3),), ((B, 2),))(world)
        if reserves:
            raced(world, (C, 1), (A, 1))
        first = Slow(world, contract, creates(*BASKET), [first_at, first_at + first_again])
        first.go_on()
        world.clock.sleep(LONG)
        second = Slow(world, contract, lambda process: process.settle(), [second_at])
        second.go_on()
        first.go_on()
        quietly(lambda world=world: others(Process(world, contract)))  # type: ignore[misc]
        second.end()
        first.end()
        if first.times_stopped and second.times_stopped:
            yield f"first at {first_at} and {first_again} on, second at {second_at}", world


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_holder_and_who_took_its_lease_over_take_turns_and_keep_every_promise(
    contract: str, others: str
) -> None:
    runs = 0
    for name, world in _turns(contract, OTHERS[others]):
        check_promises(world, contract, name)
        runs += 1
    assert runs > 60


@pytest.mark.parametrize("others", OTHERS)
def test_a_holder_that_reserved_its_leases_and_who_took_them_over_keep_every_promise(
    others: str,
) -> None:
    runs = 0
    for name, world in _turns("absolute", OTHERS[others], reserves=True):
        check_promises(world, "absolute", name)
        runs += 1
    assert runs > 100


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_late_creator_of_an_order_whose_canceller_died_keeps_every_promise(
    contract: str,
) -> None:
    runs = 0
    for creator_at, canceller_at in product(range(12), range(12)):
        world = World()
        order = world.place(*BASKET)
        order = world.orders.save(order.defer(world.clock.now()))
        deadline = world.clock.monotonic() + 60
        creator = Slow(
            world,
            contract,
            lambda process, order=order, deadline=deadline: process.move(order, deadline),  # type: ignore[misc]
            [creator_at],
        )
        creator.go_on()
        world.clock.sleep(30)
        Process(world, contract).settle()
        world.clock.sleep(1)
        wire = Tripwire(canceller_at, True, crash)
        quietly(lambda world=world, wire=wire: cancels(0)(Process(world, contract, wire)))  # type: ignore[misc]
        creator.end()
        check_promises(world, contract, f"creator {creator_at}, then {canceller_at}")
        runs += creator.times_stopped and wire.happened
    assert runs > 10


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_late_creator_that_takes_a_line_which_settlement_could_not_take_keeps_every_promise(
    contract: str,
) -> None:
    runs = 0
    for until in range(12):
        world = World()
        order = world.place(*BASKET)
        deadline = world.clock.monotonic() + 60
        creator = Slow(
            world,
            contract,
            lambda process, order=order, deadline=deadline: process.move(order, deadline),  # type: ignore[misc]
            [until],
        )
        creator.go_on()
        world.clock.sleep(30)
        others = Process(world, contract)
        quietly(lambda others=others: others.create((B, INITIAL)))  # type: ignore[misc]
        quietly(others.settle)
        quietly(others.cancel_all)
        creator.end()
        check_promises(world, contract, f"creator at {until}")
        runs += creator.times_stopped
    assert runs > 1
