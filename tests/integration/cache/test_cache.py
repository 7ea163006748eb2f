"""The cache of orders, on a real MongoDB and a real Redis."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from order_service.application.orders.get import GetOrder
from order_service.application.orders.ports import OrderReader
from order_service.domain.errors import OrderNotFound, VersionConflict
from order_service.domain.order import Order
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.orders import CachedOrders, CacheInvalidation
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.cache.shared import SharedOrders
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.sharing.changes import Changes, new_changes
from tests.integration.cache.redis_server import RedisServer
from tests.orders import (
    CALLER,
    ITEM,
    completed,
    held,
    in_every_state,
    largest,
    later,
    moved_at,
    pending,
)
from tests.waiting import until

LONG = 60.0
SEAL = Seal(lambda: b"a key of the tests")
KEY = "order-service:order:3:"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


class Store(MongoOrderRepository):
    """Says which database it is of, for the repositories of other processes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database


@dataclass
class Process:
    """An API process: its view of the orders, and where its reads came from."""

    store: Store
    redis_url: str | None = None
    ttl: float = LONG
    size: int = 100
    table: Changes = field(default_factory=lambda: Changes(bytearray(Changes.SIZE)))
    read_from: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        local = LocalOrders(self.size, self.table)
        shared = SharedOrders(self.redis_url, self.ttl, SEAL) if self.redis_url else None
        count = self.count
        self.reader: OrderReader = CachedOrders(self.store, local, shared, self.ttl, count)
        self.orders = MongoOrderRepository(self.store.database, [CacheInvalidation(local, shared)])

    def count(self, source: str) -> None:
        self.read_from[source] += 1

    def get(self, order: Order) -> Order | None:
        return self.reader.get(order.id)


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def settled(store: Store) -> Order:
    return store.save(moved_at(store.add(pending(customer_id="somebody")), later(2)))


# --- in one process


def test_a_second_read_of_an_order_does_not_reach_the_store(store: Store) -> None:
    process, order = Process(store), settled(store)
    assert process.get(order) == process.get(order) == order
    assert process.read_from == {"store": 1, "local": 1}


def test_a_cached_order_is_served_no_longer_than_its_time_to_live(store: Store) -> None:
    process, order = Process(store, ttl=0.3), settled(store)
    began = time.monotonic()
    process.get(order)
    # Elsewhere, unseen by this process.
    changed = store.save(order.request_cancel(later(3), CALLER))
    seen = until(lambda: process.get(order) == changed, "the new state", timeout=5)
    assert seen
    assert time.monotonic() - began < 0.3 + 1


def test_a_cached_orders_age_counts_from_before_the_store_was_asked(
    store: Store, database: Database
) -> None:
    order = settled(store)

    class Slow(Store):
        def get(self, order_id: str) -> Order | None:
            found = super().get(order_id)
            time.sleep(0.3)
            return found

    process = Process(Slow(database), ttl=0.2)
    process.get(order)
    process.get(order)
    assert process.read_from == {"store": 2}


def test_a_write_ends_the_cached_order(store: Store) -> None:
    process, order = Process(store), settled(store)
    process.get(order)
    changed = process.orders.save(order.request_cancel(later(3), CALLER))
    assert process.get(order) == changed


def test_a_write_that_lost_its_race_ends_the_cached_order(store: Store) -> None:
    process, order = Process(store), settled(store)
    process.get(order)
    changed = store.save(order.request_cancel(later(3), CALLER))
    with pytest.raises(VersionConflict):
        process.orders.save(order.request_cancel(later(4), CALLER))
    assert process.get(order) == changed


def test_a_batch_of_which_some_lost_their_race_ends_all_its_cached_orders(store: Store) -> None:
    process, orders = Process(store), [settled(store) for _ in range(3)]
    for order in orders:
        process.get(order)
    store.save(orders[1].request_cancel(later(3), CALLER))
    process.orders.save_all([order.request_cancel(later(4), CALLER) for order in orders])
    now = [store.get(order.id) for order in orders]
    assert [process.get(order) for order in orders] == now
    assert all(order and order.version == 3 for order in now)


@pytest.mark.parametrize("with_redis", [False, True])
def test_orders_that_wait_for_stock_for_a_person_or_to_be_confirmed_are_not_cached(
    store: Store, redis: RedisServer, with_redis: bool
) -> None:
    process = Process(store, redis.url if with_redis else None)
    for name, order in in_every_state().items():
        # No two orders of a customer may have the same slot.
        stored = store.add(replace(order, idempotency=None, customer_id=order.id))
        process.read_from.clear()
        process.get(stored)
        process.get(stored)
        is_final = str(order.phase) in ("COMPLETED", "CANCELLED", "EXPIRED", "FAILED")
        assert (process.read_from["local"] == 1) is is_final, name
        assert process.read_from["store"] == (1 if is_final else 2), name


def test_a_held_order_is_read_as_it_is_once_a_process_elsewhere_has_changed_the_order(
    store: Store, redis: RedisServer
) -> None:
    process = Process(store, redis.url)
    changes: list[Callable[[Order], Order]] = [
        lambda order: order.confirm(later(4), CALLER),
        lambda order: order.extend(later(100), later(4), CALLER),
        lambda order: order.expire(later(62)),
    ]
    for change in changes:
        order = store.add(replace(held(), new_events=()))
        assert process.get(order) == order
        changed = store.save(change(order))
        assert process.get(order) == changed


def test_an_order_that_does_not_exist_is_asked_of_the_store_each_time(store: Store) -> None:
    process, order = Process(store), completed()
    assert process.get(order) is None
    store.add(replace(order, new_events=()))
    assert process.get(order) is not None


def test_no_more_orders_are_cached_than_the_setting_says(store: Store) -> None:
    process = Process(store, size=2)
    first, *others = [settled(store) for _ in range(3)]
    for order in (first, *others):
        process.get(order)
    process.read_from.clear()
    for order in (*others, first):
        process.get(order)
    assert process.read_from == {"local": 2, "store": 1}


def test_another_customers_order_is_not_found_however_it_was_cached(
    store: Store,
) -> None:
    process, order = Process(store), settled(store)
    get_order = GetOrder(process.reader)
    assert get_order(order.id, "somebody") == get_order(order.id, None) == order
    with pytest.raises(OrderNotFound):
        get_order(order.id, "somebody else")


class Paused(Store):
    """Stops after it has read, until it is let go on."""

    def __init__(self, database: Database, meanwhile: Callable[[], object]) -> None:
        super().__init__(database)
        self.meanwhile: Callable[[], object] | None = meanwhile

    def get(self, order_id: str) -> Order | None:
        found = super().get(order_id)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


@pytest.mark.parametrize("with_redis", [False, True])
def test_a_slow_reader_does_not_cache_a_state_that_it_read_before_a_write(
    store: Store, database: Database, redis: RedisServer, with_redis: bool
) -> None:
    order, table = settled(store), Changes(bytearray(Changes.SIZE))
    url = redis.url if with_redis else None
    writer = Process(store, url, table=table)
    reader = Process(
        Paused(database, lambda: writer.orders.save(order.request_cancel(later(3), CALLER))),
        url,
        table=table,
    )
    assert reader.get(order) == order
    now = store.get(order.id)
    assert now is not None
    assert now.version == order.version + 1
    assert reader.get(order) == now
    assert Process(store, url).get(order) == now


# --- in the processes of one gunicorn


def test_a_write_in_a_forked_process_is_seen_at_once_in_its_parent() -> None:
    table = new_changes()
    before = [table.mark(order_id) for order_id in ("0" * 24, "f" * 24)]
    child = os.fork()
    if child == 0:
        table.wrote("f" * 24)
        os._exit(0)
    os.waitpid(child, 0)
    after = [table.mark(order_id) for order_id in ("0" * 24, "f" * 24)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_cached_order_is_not_used_once_another_process_of_the_host_wrote_it(
    store: Store,
) -> None:
    table = Changes(bytearray(Changes.SIZE))
    one, other = Process(store, table=table), Process(store, table=table)
    order = settled(store)
    one.get(order)
    changed = other.orders.save(order.request_cancel(later(3), CALLER))
    assert one.get(order) == changed


# --- with Redis


def test_a_process_reads_from_redis_what_another_process_has_read(
    store: Store, redis: RedisServer
) -> None:
    one, other = Process(store, redis.url), Process(store, redis.url)
    order = settled(store)
    one.get(order)
    assert other.get(order) == order
    assert other.get(order) == order
    assert other.read_from == {"shared": 1, "local": 1}


@pytest.mark.parametrize("name", in_every_state())
def test_an_order_comes_back_from_redis_as_it_went_in(name: str, redis: RedisServer) -> None:
    shared = SharedOrders(redis.url, LONG, SEAL)
    order = replace(in_every_state()[name], version=7)
    looked = shared.look(order.id)
    assert looked is not None
    assert looked.order is None
    shared.put(order, looked.fill_until)
    again = shared.look(order.id)
    assert again is not None
    assert again.order == order
    assert LONG - 5 < again.seconds_left <= LONG


def test_a_write_in_another_process_ends_the_entry_in_redis(
    store: Store, redis: RedisServer
) -> None:
    one, other, third = (Process(store, redis.url) for _ in range(3))
    order = settled(store)
    one.get(order)
    changed = other.orders.save(order.request_cancel(later(3), CALLER))
    assert third.get(order) == changed


def test_an_order_from_redis_keeps_the_age_that_it_has_in_redis(
    store: Store, redis: RedisServer
) -> None:
    one, other = Process(store, redis.url, ttl=0.6), Process(store, redis.url, ttl=0.6)
    order = settled(store)
    began = time.monotonic()
    one.get(order)
    time.sleep(0.3)
    other.get(order)
    changed = store.save(order.request_cancel(later(3), CALLER))
    until(lambda: other.get(order) == changed, "the new state", timeout=5)
    assert time.monotonic() - began < 0.6 + 0.5


def test_an_entry_that_was_held_up_on_its_way_to_redis_lasts_no_longer(redis: RedisServer) -> None:
    shared = SharedOrders(redis.url, 0.1, SEAL)
    order = replace(completed(), version=2, new_events=())
    looked = shared.look(order.id)
    assert looked is not None
    time.sleep(0.2)
    shared.put(order, looked.fill_until)
    again = shared.look(order.id)
    assert again is not None
    assert again.order is None


def test_every_key_in_redis_expires(redis: RedisServer) -> None:
    shared = SharedOrders(redis.url, LONG, SEAL)
    order = replace(completed(), version=2, new_events=())
    looked = shared.look(order.id)
    assert looked is not None
    shared.put(order, looked.fill_until)
    shared.wrote([(completed().id, 3)])
    keys = redis.client.keys("*")
    assert all(redis.client.pttl(key) > 0 for key in keys)
    assert all(key.startswith(KEY.encode()) for key in keys)


@pytest.mark.parametrize("rubbish", [b"", b"7", b"7:{}", b"7:\xff", b"7:[]"])
def test_rubbish_in_redis_is_a_miss(rubbish: bytes, store: Store, redis: RedisServer) -> None:
    order = settled(store)
    redis.client.set(KEY + order.id, rubbish, px=5000)
    process = Process(store, redis.url)
    assert process.get(order) == order
    assert process.get(order) == order


def test_an_entry_in_the_form_of_another_release_is_a_miss(
    store: Store, redis: RedisServer
) -> None:
    order = settled(store)
    body = json.dumps({"id": order.id, "item_id": ITEM, "quantity": 3, "status": "COMPLETED"})
    end = int((time.time() + LONG) * 1000)
    sealed = SEAL.close(order.id, order.version, end, body.encode())
    redis.client.set(KEY + order.id, b"%d:" % order.version + sealed, px=5000)
    process = Process(store, redis.url)
    assert process.get(order) == order
    assert process.read_from == {"store": 1}


def test_an_order_of_100_lines_with_all_its_metadata_is_cached_in_redis_and_in_memory(
    store: Store, redis: RedisServer
) -> None:
    one, other = Process(store, redis.url), Process(store, redis.url)
    order = store.add(replace(completed(largest()), new_events=()))
    assert one.get(order) == one.get(order) == order
    assert other.get(order) == other.get(order) == order
    assert one.read_from == {"store": 1, "local": 1}
    assert other.read_from == {"shared": 1, "local": 1}


def test_an_order_too_large_for_redis_is_cached_in_memory_alone(
    store: Store, redis: RedisServer
) -> None:
    one, other = Process(store, redis.url), Process(store, redis.url)
    # JSON writes such a letter in six bytes.
    order = store.add(replace(completed(largest("\x01")), new_events=()))
    for process in (one, other):
        assert process.get(order) == process.get(order) == order
        assert process.read_from == {"store": 1, "local": 1}
    assert redis.client.get(KEY + order.id) is None
    cancelling = other.orders.save(order.request_cancel(later(3), CALLER))
    changed = other.orders.save(moved_at(cancelling, later(4)))
    # By its mark, which is small, Redis knows of the write.
    assert redis.client.get(KEY + order.id) == b"%d:" % changed.version
    assert Process(store, redis.url).get(order) == changed


def test_the_largest_entry_of_redis_is_read_back_whole_and_a_larger_one_is_not_put(
    redis: RedisServer,
) -> None:
    shared = SharedOrders(redis.url, LONG, SEAL)

    def comes_back(length: int) -> bool:
        order = replace(pending().saved(), version=10**17, reference="x" * length)
        looked = shared.look(order.id)
        assert looked is not None
        shared.put(order, looked.fill_until)
        again = shared.look(order.id)
        assert again is not None
        is_there: bool = redis.client.exists(KEY + order.id) == 1
        assert again.order == (order if is_there else None)
        return is_there

    fits = [length for length in range(64_900, 65_500) if comes_back(length)]
    assert fits == list(range(64_900, 64_900 + len(fits)))
    assert 0 < len(fits) < 600


def test_a_redis_that_was_never_up_costs_only_speed(store: Store) -> None:
    process, order = Process(store, "redis://127.0.0.1:1/0"), settled(store)
    assert process.get(order) == process.get(order) == order
    changed = process.orders.save(order.request_cancel(later(3), CALLER))
    assert process.get(order) == changed


def test_a_redis_that_is_killed_costs_only_speed_and_is_used_again(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RedisServer(tmp_path_factory.mktemp("own-redis")) as redis:
        process = Process(store, redis.url)
        process.get(settled(store))
        redis.kill()
        orders = [settled(store) for _ in range(5)]
        with capture_logs() as lines:
            assert [process.get(order) for order in orders] == orders
        assert [(line["event"], line["cause"]) for line in lines] == [
            ("redis_unavailable", "connection refused")
        ]
        redis.start()
        process.read_from.clear()

        def shares() -> bool:
            order = settled(store)
            process.get(order)
            other = Process(store, redis.url)
            other.get(order)
            return other.read_from["shared"] == 1

        until(shares, "Redis is used again", timeout=10)


def test_a_redis_that_hangs_is_waited_for_a_moment_and_then_left_alone(
    store: Store, redis: RedisServer
) -> None:
    process = Process(store, redis.url)
    orders = [settled(store) for _ in range(60)]
    with redis.frozen(), capture_logs() as lines:
        began = time.monotonic()
        assert [process.get(order) for order in orders] == orders
        for order in orders:
            process.orders.save(order.request_cancel(later(3), CALLER))
        took = time.monotonic() - began
    assert [line["cause"] for line in lines] == ["timed out"]
    # Three waits of 50 ms; without the breaker there would be 120 of them.
    assert took < 3


def test_threads_that_cancel_and_read_orders_at_once_read_each_order_cancelled(
    store: Store, redis: RedisServer
) -> None:
    table = Changes(bytearray(Changes.SIZE))
    processes = [Process(store, redis.url, table=table) for _ in range(2)]
    orders = [settled(store) for _ in range(30)]

    def cancel_and_read(number: int) -> None:
        order = orders[number]
        for process in processes:
            process.get(order)
        changed = processes[number % 2].orders.save(order.request_cancel(later(3), CALLER))
        for process in processes:
            assert process.get(order) == changed

    # Few enough that Redis answers each in its 50 ms, without which another process may be behind.
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(cancel_and_read, range(len(orders))))
