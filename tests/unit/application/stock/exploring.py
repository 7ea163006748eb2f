"""Explorations of the stock protocol: what is disturbed, how, and what must hold in the end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown, StoreUnavailable
from order_service.domain.order import Order
from tests.unit.application.stock.processes import Act, Process, quietly
from tests.unit.application.stock.promises import broken_promises
from tests.unit.application.stock.wires import Crash, Happening, Tripwire
from tests.unit.application.stock.world import LONG, World
from tests.unit.fakes import FakeInventory


def crash(_: object) -> None:
    raise Crash


def _lose_the_answer(before: bool) -> Happening:
    """What a port's own adapter would raise when its server fails there."""

    def happen(port: object) -> None:
        if not isinstance(port, FakeInventory):
            raise StoreUnavailable("down")
        raise InventoryUnavailable("refused") if before else OutcomeUnknown("cut", in_flight=True)

    return happen


def _answer_500(_: object) -> None:
    raise OutcomeUnknown("500", in_flight=False)


@dataclass(frozen=True)
class Disturbance:
    """``port``: the only kind of port where it can happen."""

    name: str
    after: bool
    happening: Callable[[World], Happening]
    port: type = object


@dataclass(frozen=True)
class Scenario:
    """``act``: what is disturbed; ``arrange``: what was before; ``meanwhile``: what another process
    does, after it has settled, while the act or its recovery is paused. ``recovery``: what is
    disturbed after the act; ``every``: there each how manieth call, beginning at random."""

    contract: str
    act: Act
    arrange: Callable[[World], object] = lambda world: None
    meanwhile: Act = lambda process: None
    every: int = 1
    recovery: Act = lambda process: process.settle()

    def disturbances(self) -> list[Disturbance]:
        def pause(world: World) -> Happening:
            def happen(port: object) -> None:
                world.clock.sleep(LONG)
                other = Process(world, self.contract)
                quietly(other.settle)
                quietly(lambda: self.meanwhile(other))

            return happen

        return [
            Disturbance("crash before", False, lambda world: crash),
            Disturbance("crash after", True, lambda world: crash),
            Disturbance("refused", False, lambda world: _lose_the_answer(before=True)),
            Disturbance("answer lost", True, lambda world: _lose_the_answer(before=False)),
            Disturbance("500 before", False, lambda world: _answer_500, FakeInventory),
            Disturbance("500 after", True, lambda world: _answer_500, FakeInventory),
            Disturbance("paused before", False, pause),
            Disturbance("paused after", True, pause),
        ]

    def runs(self) -> Iterator[tuple[str, World]]:
        """The act disturbed at every call, and then the recovery after it."""
        random = Random(7)
        arranged = World()
        self.arrange(arranged)
        for first in self.disturbances():
            for name, world in self._disturbed(arranged, self.act, first, range(1000)):
                yield name, world.copy()
                world.clock.sleep(30)
                for second in self.disturbances():
                    calls = range(random.randrange(self.every), 1000, self.every)
                    for again, recovered in self._disturbed(world, self.recovery, second, calls):
                        yield f"{name}, then {again} of recovery", recovered

    def _disturbed(
        self, before: World, act: Act, disturbance: Disturbance, calls: Iterable[int]
    ) -> Iterator[tuple[str, World]]:
        """The world after the act, for each call at which it was disturbed."""
        for at in calls:
            world = before.copy()
            happening = disturbance.happening(world)
            wire = Tripwire(at, disturbance.after, happening, disturbance.port)
            quietly(partial(act, Process(world, self.contract, wire)))
            if not wire.reached:
                return
            if wire.happened:
                yield f"{disturbance.name} call {at}", world

    def check(self, at_least: int = 50) -> None:
        runs = 0
        for name, world in self.runs():
            check_promises(world, self.contract, name)
            runs += 1
        assert runs > at_least


def check_promises(world: World, contract: str, name: str) -> None:
    """Of a world, once settlement and expiry have run to their end there."""
    recover(world, contract)
    broken = broken_promises(world, contract)
    assert not broken, f"{name}: {broken}"


def recover(world: World, contract: str) -> None:
    """Settlement and expiry run to their end."""
    process = Process(world, contract)
    for _ in range(4):
        world.clock.sleep(30)
        process.settle()
        process.expire()
        if all(_has_ended(order) for order in world.orders.by_id.values()):
            return


def _has_ended(order: Order) -> bool:
    return order.phase.is_settled and order.held_until is None
