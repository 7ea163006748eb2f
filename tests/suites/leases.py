"""What a store of leases promises.

Fixtures: ``leases`` and ``others``, a LeaseStore as two processes hold it, whose leases end long
after the test; ``expire``, which takes a lease with the given intent, answers it as its holder got
it, and returns once the lease has ended; ``expire_all``, which does so with the leases of several
items that name a primary.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from bson import ObjectId

from order_service.application.stock.lease import Lease, LeaseStore, Primary
from order_service.domain.moves import Intent, Overwrite
from tests.orders import START

Expire = Callable[[str, Intent | None], Lease]
ExpireAll = Callable[[Sequence[str], Primary], list[Lease]]


@pytest.fixture
def item() -> str:
    return str(ObjectId())


def look(leases: LeaseStore, item: str) -> Lease:
    [lease] = leases.look([item])
    return lease


def intent(*items: str, fence: int = 0) -> Intent:
    """Of two orders."""
    overwrites = tuple(
        Overwrite(item, 10 + n, 7 - n, Decimal("19.990")) for n, item in enumerate(items)
    )
    orders = (str(ObjectId()), str(ObjectId()))
    return Intent(orders, overwrites, START, fence=fence)


def taken(leases: LeaseStore, item: str, wanted: Intent | None = None) -> Lease:
    lease = leases.acquire(look(leases, item), wanted)
    assert lease is not None
    return lease


def test_the_lease_of_an_item_that_nobody_ever_held_is_free(leases: LeaseStore, item: str) -> None:
    assert look(leases, item) == Lease(item, fence=0, held=False, intent=None)


def test_a_lease_is_seen_with_its_intent(leases: LeaseStore, others: LeaseStore, item: str) -> None:
    recorded = intent(item)
    lease = taken(leases, item, recorded)
    assert lease == Lease(item, fence=1, held=True, intent=recorded)
    assert look(others, item) == lease


def test_a_held_lease_cannot_be_taken_by_another(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    taken(leases, item)
    assert others.acquire(look(others, item), intent(item)) is None
    assert leases.acquire(look(leases, item), intent(item)) is None


def test_one_items_lease_does_not_hold_up_another(leases: LeaseStore, item: str) -> None:
    taken(leases, item)
    assert taken(leases, str(ObjectId())).fence == 1


def test_a_cleared_lease_is_free_and_its_intent_is_gone(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    lease = taken(leases, item, intent(item))
    assert leases.clear(lease) is True
    assert look(others, item) == Lease(item, fence=2, held=False, intent=None)
    assert taken(others, item).fence == 3


def test_a_released_lease_is_free_and_its_intent_is_gone(leases: LeaseStore, item: str) -> None:
    leases.release([taken(leases, item, intent(item))])
    assert look(leases, item) == Lease(item, fence=1, held=False, intent=None)


def test_a_leases_fence_grows_with_each_acquisition(leases: LeaseStore, item: str) -> None:
    fences = []
    for _ in range(4):
        lease = taken(leases, item, intent(item))
        fences.append(lease.fence)
        leases.release([lease])
    assert fences == [1, 2, 3, 4]


def test_a_lease_that_ended_leaves_its_intent_to_the_next_holder(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    left = intent(item)
    expire(item, left)
    assert look(leases, item) == Lease(item, fence=1, held=False, intent=left)
    assert taken(leases, item, left).intent == left
    assert look(leases, item).intent == left


@pytest.mark.parametrize("was_held", [False, True])
def test_of_many_leases_taken_at_once_each_caller_is_answered_for_its_own(
    leases: LeaseStore, others: LeaseStore, was_held: bool
) -> None:
    items = [str(ObjectId()) for _ in range(40)]
    for item in items if was_held else []:
        leases.release([taken(leases, item)])
    seen = leases.look(items)
    theirs = {item: taken(others, item, intent(item)) for item in items[::3]}
    wanted = [intent(item) for item in items]
    with ThreadPoolExecutor(len(items)) as threads:
        got = list(threads.map(leases.acquire, seen, wanted))
        for item, lease, intended in zip(items, got, wanted, strict=True):
            expected = None if item in theirs else intended
            assert (lease and lease.intent) == expected
            assert look(leases, item) == theirs.get(item, lease)
        list(threads.map(leases.release, [[lease] for lease in got if lease]))
    assert [look(leases, item).held for item in items] == [item in theirs for item in items]


def test_a_lost_lease_cannot_be_cleared(leases: LeaseStore, item: str, expire: Expire) -> None:
    slow = expire(item, intent(item))
    current = taken(leases, item, intent(item))
    assert leases.clear(slow) is False
    leases.release([slow])
    assert look(leases, item) == current


def test_a_lease_that_nobody_ever_took_cannot_be_cleared(leases: LeaseStore, item: str) -> None:
    never_taken = Lease(item, fence=1, held=True, intent=None)
    assert leases.clear(never_taken) is False
    leases.release([never_taken])
    assert look(leases, item) == Lease(item, fence=0, held=False, intent=None)


def test_an_ended_lease_that_nobody_took_can_still_be_cleared(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    slow = expire(item, intent(item))
    assert leases.clear(slow) is True
    assert look(leases, item).intent is None


def test_an_intent_that_was_withdrawn_is_taken_up_by_nobody_who_saw_it_open(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    slow = expire(item, intent(item))
    seen = look(leases, item)
    assert seen.intent is not None
    assert leases.clear(slow) is True
    assert leases.acquire(seen, seen.intent) is None


def test_an_intent_to_abandon_an_order_is_read_back_from_the_lease(
    leases: LeaseStore, item: str
) -> None:
    word = Intent.to_abandon(str(ObjectId()), START)
    taken(leases, item, word)
    assert look(leases, item).intent == word


def test_a_lease_seen_free_is_not_had_once_somebody_held_it_in_between(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    for _ in range(2):
        seen = look(leases, item)
        others.release([taken(others, item)])
        assert leases.acquire(seen, intent(item)) is None


def test_taking_over_a_lease_without_an_intent_removes_the_intent_left_behind(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    expire(item, intent(item))
    assert taken(leases, item, None).intent is None
    assert look(leases, item).intent is None


@pytest.mark.parametrize("held_before", [False, True])
def test_of_many_who_reach_for_a_lease_exactly_one_gets_the_lease(
    held_before: bool, leases: LeaseStore, others: LeaseStore
) -> None:
    reaching = 8
    with ThreadPoolExecutor(reaching) as threads:
        for _ in range(10):
            item = str(ObjectId())
            if held_before:
                leases.release([taken(leases, item)])
            together = threading.Barrier(reaching)

            def reach(
                store: LeaseStore, item: str = item, together: threading.Barrier = together
            ) -> Lease | None:
                seen = look(store, item)
                together.wait(10)
                return store.acquire(seen, intent(item))

            stores = [leases, others] * (reaching // 2)
            got = [lease for lease in threads.map(reach, stores) if lease]
            assert got == [look(leases, item)]


def test_a_lease_looks_the_same_to_its_holder_and_to_others(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    lease = taken(leases, item, Intent(("a" * 24,), (Overwrite(item, 1, 0, Decimal("0")),), START))
    assert look(leases, item) == look(others, item) == lease


# --- leases of several items


@pytest.fixture
def three() -> list[str]:
    return sorted(str(ObjectId()) for _ in range(3))


def all_taken(leases: LeaseStore, items: Sequence[str], primary: Primary) -> list[Lease]:
    got = leases.acquire_all(leases.look(items), primary)
    assert None not in got
    return [lease for lease in got if lease]


def test_several_leases_are_seen_in_the_order_asked_for(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    first, second, third = three
    held = taken(leases, second, intent(second))
    leases.release([taken(leases, first)])
    asked = [third, first, second, first]
    expected = [
        Lease(third, fence=0, held=False, intent=None),
        Lease(first, fence=1, held=False, intent=None),
        held,
        Lease(first, fence=1, held=False, intent=None),
    ]
    assert leases.look(asked) == others.look(asked) == expected
    assert leases.look([]) == []


def test_an_intent_of_several_items_is_seen_whole_with_its_fence(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    whole = intent(*three, fence=1)
    lease = taken(leases, three[-1], whole)
    assert lease == Lease(three[-1], fence=1, held=True, intent=whole)
    assert look(others, three[-1]) == lease
    assert lease.is_open


def test_leases_that_are_taken_together_name_their_primary_and_have_no_intent(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    *secondaries, last = three
    primary = Primary(last, 7)
    got = all_taken(leases, secondaries, primary)
    assert got == [
        Lease(item, fence=1, held=True, intent=None, primary=primary) for item in secondaries
    ]
    assert others.look(secondaries) == got
    assert all(lease.is_open for lease in got)
    assert look(others, last) == Lease(last, fence=0, held=False, intent=None)


def test_of_leases_that_are_wanted_together_those_that_somebody_has_are_not_had(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    first, second, third = three
    seen = leases.look(three)
    theirs = taken(others, second, intent(second))
    primary = Primary(str(ObjectId()), 1)
    got = leases.acquire_all(seen, primary)
    assert [lease and lease.item_id for lease in got] == [first, None, third]
    assert leases.look(three) == [got[0], theirs, got[2]]


def test_of_leases_that_are_wanted_together_one_whose_fence_has_moved_is_not_had(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    *_, third = three
    leases.release(all_taken(leases, three, Primary(str(ObjectId()), 1)))
    seen = leases.look(three)
    others.release([taken(others, third)])
    got = leases.acquire_all(seen, Primary(str(ObjectId()), 1))
    assert [lease and lease.fence for lease in got] == [2, 2, None]
    assert leases.acquire_all(seen, Primary(str(ObjectId()), 1)) == [None, None, None]


def test_a_lease_that_names_a_primary_keeps_naming_the_primary_once_it_has_ended(
    leases: LeaseStore, three: list[str], expire_all: ExpireAll
) -> None:
    *secondaries, last = three
    primary = Primary(last, 4)
    expire_all(secondaries, primary)
    left = leases.look(secondaries)
    assert left == [
        Lease(item, fence=1, held=False, intent=None, primary=primary) for item in secondaries
    ]
    assert all(lease.is_open for lease in left)


def test_taking_over_a_secondary_replaces_the_primary_that_was_named(
    leases: LeaseStore, item: str, expire_all: ExpireAll
) -> None:
    expire_all([item], Primary(str(ObjectId()), 4))
    mine = intent(item)
    assert taken(leases, item, mine) == Lease(item, fence=2, held=True, intent=mine)
    assert look(leases, item).primary is None


def test_a_secondary_that_names_another_primary_has_no_intent_left(
    leases: LeaseStore, item: str, expire: Expire
) -> None:
    expire(item, intent(item))
    primary = Primary(str(ObjectId()), 1)
    [lease] = all_taken(leases, [item], primary)
    assert lease == Lease(item, fence=2, held=True, intent=None, primary=primary)
    assert look(leases, item) == lease


def test_a_cleared_secondary_is_free_names_no_primary_and_its_fence_has_moved_on(
    leases: LeaseStore, others: LeaseStore, item: str, expire_all: ExpireAll
) -> None:
    [slow] = expire_all([item], Primary(str(ObjectId()), 1))
    seen = look(others, item)
    assert leases.clear(seen) is True
    assert look(others, item) == Lease(item, fence=2, held=False, intent=None)
    assert others.acquire(seen, None) is None
    assert others.clear(seen) is False
    others.release([slow])
    assert look(leases, item).fence == 2


def test_a_lease_of_one_item_that_ended_is_renewed_by_its_holder_while_nobody_took_it(
    leases: LeaseStore, others: LeaseStore, item: str, expire: Expire
) -> None:
    late = expire(item, intent(item))
    assert not look(others, item).held
    assert leases.renew(late) is True
    assert look(others, item) == replace(late, held=True)


def test_a_primary_that_ended_is_renewed_by_its_holder_while_nobody_took_it(
    leases: LeaseStore, others: LeaseStore, item: str, expire: Expire
) -> None:
    late = expire(item, intent(item, fence=1))
    assert not look(others, item).held
    assert leases.renew(late) is True
    assert look(others, item) == replace(late, held=True)


def test_a_lease_that_somebody_else_took_is_not_renewed(
    leases: LeaseStore, others: LeaseStore, item: str, expire: Expire
) -> None:
    late = expire(item, intent(item))
    theirs = others.acquire(look(others, item), intent(item))
    assert leases.renew(late) is False
    assert look(leases, item) == theirs


def test_a_lease_that_was_reserved_is_acquired_again_by_its_holder_with_an_intent(
    leases: LeaseStore, others: LeaseStore, item: str
) -> None:
    primary = Primary(item, 2)
    [reserved] = all_taken(leases, [item], primary)
    assert reserved == Lease(item, fence=1, held=True, intent=None, primary=primary)
    mine = intent(item, fence=2)
    held = leases.acquire_again(reserved, mine)
    assert held == Lease(item, fence=2, held=True, intent=mine)
    assert look(others, item) == held
    assert leases.acquire_again(reserved, mine) is None
    leases.release([reserved])
    assert look(others, item) == held


def test_a_reserved_lease_that_ended_is_acquired_again_unless_somebody_else_took_the_lease(
    leases: LeaseStore, three: list[str], expire_all: ExpireAll
) -> None:
    first, second, _ = three
    slow = expire_all([first, second], Primary(second, 2))
    theirs = taken(leases, first, intent(first))
    assert leases.acquire_again(slow[0], intent(first, fence=2)) is None
    mine = intent(second, fence=2)
    held = Lease(second, fence=2, held=True, intent=mine)
    assert leases.acquire_again(slow[1], mine) == held
    assert leases.look([first, second]) == [theirs, held]


def test_a_reserved_lease_that_was_cleared_is_not_acquired_again(
    leases: LeaseStore, item: str, expire_all: ExpireAll
) -> None:
    [slow] = expire_all([item], Primary(item, 2))
    assert leases.clear(look(leases, item)) is True
    assert leases.acquire_again(slow, intent(item, fence=2)) is None
    assert look(leases, item) == Lease(item, fence=2, held=False, intent=None)


def test_an_intent_of_several_leases_that_overwrites_one_item_is_seen_whole(
    leases: LeaseStore, three: list[str]
) -> None:
    other, _, last = three
    whole = intent(other, fence=1)
    taken(leases, last, whole)
    assert look(leases, last).intent == whole


def test_many_leases_are_released_together_and_those_that_were_lost_are_left_alone(
    leases: LeaseStore, three: list[str], expire_all: ExpireAll
) -> None:
    *secondaries, last = three
    slow = expire_all(secondaries, Primary(last, 1))
    current = taken(leases, secondaries[0], intent(secondaries[0]))
    mine = taken(leases, last, intent(*three, fence=1))
    leases.release([*slow, mine])
    assert leases.look(three) == [
        current,
        Lease(secondaries[1], fence=1, held=False, intent=None),
        Lease(last, fence=1, held=False, intent=None),
    ]
    leases.release([])


def test_a_lease_is_seen_by_its_latest_majority_when_asked_for_durably(
    leases: LeaseStore, others: LeaseStore, three: list[str]
) -> None:
    never, held, secondary = three
    assert leases.look_durably(never) == Lease(never, fence=0, held=False, intent=None)
    lease = taken(others, held, intent(*three, fence=1))
    [other] = all_taken(others, [secondary], Primary(held, 1))
    assert leases.look_durably(held) == lease
    assert leases.look_durably(secondary) == other
    others.clear(lease)
    assert leases.look_durably(held) == Lease(held, fence=2, held=False, intent=None)


def test_of_many_who_want_overlapping_leases_each_lease_goes_to_exactly_one(
    leases: LeaseStore, others: LeaseStore
) -> None:
    """Each reaches for three of ten, beside some who reach for one."""
    items = sorted(str(ObjectId()) for _ in range(10))
    reaching = 20
    together = threading.Barrier(reaching)

    def reach(number: int) -> list[Lease]:
        store = (leases, others)[number % 2]
        wanted = items[number % 10 : number % 10 + 3] or items[:1]
        seen = store.look(wanted)
        together.wait(10)
        if number % 5 == 0:
            got = [store.acquire(seen[0], intent(wanted[0]))]
        else:
            got = store.acquire_all(seen, Primary(str(ObjectId()), number + 1))
        return [lease for lease in got if lease]

    with ThreadPoolExecutor(reaching) as threads:
        found = [lease for got in threads.map(reach, range(reaching)) for lease in got]
    assert sorted(lease.item_id for lease in found) == items
    assert {lease.fence for lease in found} == {1}
    assert {lease.item_id: lease for lease in found} == {
        lease.item_id: lease for lease in leases.look(items)
    }


def test_of_many_baskets_at_once_each_is_answered_for_its_own_leases(
    leases: LeaseStore, others: LeaseStore
) -> None:
    baskets = [sorted(str(ObjectId()) for _ in range(3)) for _ in range(20)]
    theirs = {basket[1]: taken(others, basket[1], intent(basket[1])) for basket in baskets[::4]}
    seen = [[Lease(item, 0, held=False, intent=None) for item in basket] for basket in baskets]
    primaries = [Primary(str(ObjectId()), n) for n in range(1, 21)]
    with ThreadPoolExecutor(len(baskets)) as threads:
        got = list(threads.map(leases.acquire_all, seen, primaries))
    for basket, leased, primary in zip(baskets, got, primaries, strict=True):
        expected = [
            None if item in theirs else Lease(item, 1, held=True, intent=None, primary=primary)
            for item in basket
        ]
        assert leased == expected
        stored = [theirs.get(item, lease) for item, lease in zip(basket, leased, strict=True)]
        assert leases.look(basket) == stored
