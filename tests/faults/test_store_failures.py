"""The order store is killed and restarted under load; of a replica set, primary after primary."""

import random
from collections.abc import Iterator
from time import sleep

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import MongoCluster
from tests.faults.buyers import Buyers
from tests.faults.conftest import CONTRACTS, FULL, Checked, audited, both_when_full
from tests.faults.rig import Rig


@both_when_full
def test_a_store_killed_and_restarted_under_load_keeps_what_was_acknowledged(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    items = {rig.system.add_item(5000): 5000 for _ in range(6)}
    kills = 5 if full else 2
    with buyers.crowd(list(items), held=0.3):
        for _ in range(kills):
            sleep(rng.uniform(0.5, 1.5))
            rig.store.kill()
            sleep(rng.uniform(0, 2.5))
            rig.store.start()
        sleep(1)
    checked("store killed and restarted under load", kills, items)


@pytest.fixture(params=CONTRACTS if FULL else CONTRACTS[:1])
def replicated(
    request: pytest.FixtureRequest,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp(f"replicated-{request.param}")
    with (
        MongoCluster(folder / "store") as store,
        Rig(request.param, store, kafka, inventory, folder) as rig,
    ):
        yield rig


def test_primaries_killed_one_after_another_under_load_take_no_acknowledged_order_along(
    replicated: Rig, rng: random.Random, full: bool
) -> None:
    store, system = replicated.store, replicated.system
    assert isinstance(store, MongoCluster)
    items = {system.add_item(5000): 5000 for _ in range(6)}
    kills = 4 if full else 2
    buyers = Buyers(system, rng)
    with buyers.crowd(list(items), held=0.3):
        for _ in range(kills):
            sleep(rng.uniform(0.5, 2))
            primary = store.primary()
            primary.kill()
            store.primary()
            primary.start()
        if full:
            _lose_the_majority(store)
        sleep(1)
    audited(replicated, buyers, "primary killed, then the next", kills + 2 * full, items)
    buyers.close()


def _lose_the_majority(store: MongoCluster) -> None:
    """Two of three are gone: nothing can be acknowledged until one is back."""
    first = store.primary()
    first.kill()
    second = store.primary()
    second.kill()
    sleep(1)
    first.launch()
    second.launch()
    first.await_ready()
    second.await_ready()
    store.primary()
