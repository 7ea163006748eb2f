"""What a store of leases promises.

Fixtures: ``leases`` and ``others``, a LeaseStore as two processes hold it, whose leases end long
after the test; ``expire``, which takes a lease with the given intent, answers it as its holder got
it, and returns once the lease has ended.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from bson import ObjectId

from order_service.application.stock.lease import Lease, LeaseStore
from order_service.domain.moves import Intent
from tests.orders import START

Expire = Callable[[str, Intent | None], Lease]


@pytest.fixture
def item() -> str:
    return str(ObjectId())


def intent() -> Intent:
    return Intent((str(ObjectId()), str(ObjectId())), 10, 7, Decimal("19.990"), START)


def taken(leases: LeaseStore, item: str, wanted: Intent | None = None) -> Lease:
    lease = leases.acquire(leases.look(item), wanted)
    assert lease is not None
    return lease


def test_the_lease_of_an_item_that_nobody_ever_held_is_free(leases: LeaseStore, item: str) -> None:
    assert leases.look(item) == Lease(item, fence=0, held=False, intent=None)


def test_a_lease_is_seen_with_its_intent(leases: LeaseStore, others: LeaseStore, item: str) -> None:
    recorded = intent()
    lease = taken(leases, item, recorded)
    assert lease == Lease(item, fence=1, held=True, intent=recorded)
    assert others.look(item) == lease


def test_a_held_lease_cannot_be_taken_by_another(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    taken(leases, item)
    assert others.acquire(others.look(item), intent()) is None
    assert leases.acquire(leases.look(item), intent()) is None


def test_one_items_lease_does_not_hold_up_another(leases: LeaseStore, item: str) -> None:
    taken(leases, item)
    assert taken(leases, str(ObjectId())).fence == 1


def test_a_cleared_lease_is_free_and_its_intent_is_gone(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    lease = taken(leases, item, intent())
    assert leases.clear(lease) is True
    assert others.look(item) == Lease(item, fence=2, held=False, intent=None)
    assert taken(others, item).fence == 3


def test_a_released_lease_is_free_and_its_intent_is_gone(leases: LeaseStore, item: str) -> None:
    leases.release(taken(leases, item, intent()))
    assert leases.look(item) == Lease(item, fence=1, held=False, intent=None)


def test_a_leases_fence_grows_with_each_acquisition(leases: LeaseStore, item: str) -> None:
    fences = []
    for _ in range(4):
        lease = taken(leases, item, intent())
        fences.append(lease.fence)
        leases.release(lease)
    assert fences == [1, 2, 3, 4]


def test_a_lease_that_ended_leaves_its_intent_to_the_next_holder(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    left = intent()
    expire(item, left)
    assert leases.look(item) == Lease(item, fence=1, held=False, intent=left)
    assert taken(leases, item, left).intent == left
    assert leases.look(item).intent == left


@pytest.mark.parametrize("was_held", [False, True])
def test_of_many_leases_taken_at_once_each_caller_is_answered_for_its_own(
    leases: LeaseStore, others: LeaseStore, was_held: bool
) -> None:
    items = [str(ObjectId()) for _ in range(40)]
    for item in items if was_held else []:
        leases.release(taken(leases, item))
    seen = [leases.look(item) for item in items]
    theirs = {item: taken(others, item, intent()) for item in items[::3]}
    wanted = [intent() for _ in items]
    with ThreadPoolExecutor(len(items)) as threads:
        got = list(threads.map(leases.acquire, seen, wanted))
        for item, lease, intended in zip(items, got, wanted, strict=True):
            expected = None if item in theirs else intended
            assert (lease and lease.intent) == expected
            assert leases.look(item) == theirs.get(item, lease)
        list(threads.map(leases.release, filter(None, got)))
    assert [leases.look(item).held for item in items] == [item in theirs for item in items]


def test_a_lost_lease_cannot_be_cleared(leases: LeaseStore, item: str, expire: Expire) -> None:
    slow = expire(item, intent())
    current = taken(leases, item, intent())
    assert leases.clear(slow) is False
    leases.release(slow)
    assert leases.look(item) == current


def test_a_lease_that_nobody_ever_took_cannot_be_cleared(leases: LeaseStore, item: str) -> None:
    never_taken = Lease(item, fence=1, held=True, intent=None)
    assert leases.clear(never_taken) is False
    leases.release(never_taken)
    assert leases.look(item) == Lease(item, fence=0, held=False, intent=None)


def test_an_ended_lease_that_nobody_took_can_still_be_cleared(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    slow = expire(item, intent())
    assert leases.clear(slow) is True
    assert leases.look(item).intent is None


def test_an_intent_that_was_withdrawn_is_taken_up_by_nobody_who_saw_it_open(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    slow = expire(item, intent())
    seen = leases.look(item)
    assert seen.intent is not None
    assert leases.clear(slow) is True
    assert leases.acquire(seen, seen.intent) is None


def test_an_intent_to_abandon_an_order_is_read_back_from_the_lease(
    leases: LeaseStore, item: str
) -> None:
    word = Intent.to_abandon(str(ObjectId()), START)
    taken(leases, item, word)
    assert leases.look(item).intent == word


def test_a_lease_seen_free_is_not_had_once_somebody_held_it_in_between(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    for _ in range(2):
        seen = leases.look(item)
        others.release(taken(others, item))
        assert leases.acquire(seen, intent()) is None


def test_taking_over_a_lease_without_an_intent_removes_the_intent_left_behind(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    expire(item, intent())
    assert taken(leases, item, None).intent is None
    assert leases.look(item).intent is None


@pytest.mark.parametrize("held_before", [False, True])
def test_of_many_who_reach_for_a_lease_exactly_one_gets_the_lease(
    held_before: bool, leases: LeaseStore, others: LeaseStore
) -> None:
    reaching = 8
    with ThreadPoolExecutor(reaching) as threads:
        for _ in range(10):
            item = str(ObjectId())
            if held_before:
                leases.release(taken(leases, item))
            together = threading.Barrier(reaching)

            def reach(
                store: LeaseStore, item: str = item, together: threading.Barrier = together
            ) -> Lease | None:
                seen = store.look(item)
                together.wait(10)
                return store.acquire(seen, intent())

            stores = [leases, others] * (reaching // 2)
            got = [lease for lease in threads.map(reach, stores) if lease]
            assert got == [leases.look(item)]


def test_a_lease_looks_the_same_to_its_holder_and_to_others(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    lease = taken(leases, item, replace(intent(), unit_price=Decimal("0")))
    assert leases.look(item) == others.look(item) == lease
