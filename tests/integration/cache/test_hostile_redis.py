"""A Redis that others write to, and one that answers anything: both cost speed alone."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as sized
from hypothesis import strategies as st
from redis import RedisError

from devstack.ports import LOOPBACK
from order_service.infrastructure.cache import redis_client
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.cache.shared import Looked, SharedOrders
from order_service.infrastructure.mongo.cache_key import cache_key
from order_service.infrastructure.mongo.connection import Database
from tests.integration.cache.redis_server import RedisServer
from tests.orders import completed
from tests.waiting import until

LONG = 60.0
SEAL = Seal(lambda: b"a key of the tests")
ORDER = replace(completed(), version=2, new_events=())
OTHER = replace(ORDER, id="f" * 24)
KEY = "order-service:order:3:"
# A hundred times what a call may take, for a machine that is busy.
SOON = 5
LONGER = 30
ODD = {
    "nested": b"*1\r\n" * 20_000,
    "nothing": b"$-1\r\n",
    "no time": b"$0\r\n\r\n*-1\r\n",
    "a time of texts": b"$0\r\n\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "a short time": b"$0\r\n\r\n*1\r\n:1\r\n",
    "numbers": b":1\r\n:2\r\n",
    "a negative length": b"$-5\r\n",
    "a length of no number": b"$abc\r\n",
    "a length of many digits": b"$" + b"9" * 5000 + b"\r\n",
    "no line": b"x" * 100_000,
    "an unknown kind": b"?what\r\n",
    "an error": b"-ERR no\r\n-ERR no\r\n",
    "no UTF-8": b"-\xff\xfe\r\n",
    "the end": b"",
}


def shared(url: str, seal: Seal = SEAL) -> SharedOrders:
    return SharedOrders(url, LONG, seal)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture
def entry(redis: RedisServer) -> bytes:
    """A true one of ORDER, as it lies in Redis."""
    redis.client.flushall()
    return put(redis, shared(redis.url))


def asked(orders: SharedOrders, order_id: str = ORDER.id) -> Looked:
    """Again where a busy machine took more than the 50 ms of a call."""
    return until(lambda: orders.look(order_id), "an answer", 30)


def put(redis: RedisServer, orders: SharedOrders) -> bytes:
    def is_there() -> bytes | None:
        orders.put(ORDER, asked(orders).fill_until)
        found: bytes | None = redis.client.get(KEY + ORDER.id)
        return found

    return until(is_there, "the entry", 30) or b""


def seen(redis: RedisServer, order_id: str) -> object:
    return asked(shared(redis.url), order_id).order


def test_a_sealed_entry_of_redis_is_used(entry: bytes, redis: RedisServer) -> None:
    assert seen(redis, ORDER.id) == ORDER


def test_an_entry_of_one_order_under_another_orders_key_is_a_miss(
    entry: bytes, redis: RedisServer
) -> None:
    redis.client.set(KEY + OTHER.id, entry)
    assert seen(redis, OTHER.id) is None


def test_an_entry_whose_version_was_changed_is_a_miss(entry: bytes, redis: RedisServer) -> None:
    redis.client.set(KEY + ORDER.id, b"9" + entry)
    assert seen(redis, ORDER.id) is None


def test_an_entry_that_is_put_back_after_its_time_is_a_miss(redis: RedisServer) -> None:
    orders = SharedOrders(redis.url, 0.2, SEAL)
    entry = put(redis, orders)
    time.sleep(0.3)
    redis.client.set(KEY + ORDER.id, entry)
    assert seen(redis, ORDER.id) is None


def test_an_entry_sealed_with_another_key_is_a_miss(entry: bytes, redis: RedisServer) -> None:
    assert asked(shared(redis.url, Seal(lambda: b"another"))).order is None


@sized(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_stranger_writes_under_a_key_of_redis_is_a_miss(
    data: st.DataObject, entry: bytes, redis: RedisServer
) -> None:
    at = data.draw(st.integers(0, len(entry) - 1), "at")
    flipped = entry[:at] + bytes([entry[at] ^ data.draw(st.integers(1, 255))]) + entry[at + 1 :]
    rubbish = data.draw(st.one_of(st.just(flipped), st.just(entry[:at]), st.binary()), "entry")
    redis.client.set(KEY + ORDER.id, rubbish)
    assert seen(redis, ORDER.id) is None


def test_a_redis_entry_of_another_type_or_size_is_a_miss(redis: RedisServer) -> None:
    redis.client.set(KEY + ORDER.id, b"2:" + b"x" * 20_000_000)
    assert seen(redis, ORDER.id) is None
    redis.client.delete(KEY + ORDER.id)
    redis.client.rpush(KEY + ORDER.id, "a")
    assert shared(redis.url).look(ORDER.id) is None


def test_an_entry_that_a_stranger_wrote_is_overwritten(redis: RedisServer) -> None:
    redis.client.delete(KEY + ORDER.id)
    redis.client.set(KEY + ORDER.id, "rubbish")
    until(lambda: put(redis, shared(redis.url)) != b"rubbish", "ours")
    assert seen(redis, ORDER.id) == ORDER


def test_all_processes_have_one_key_for_the_cache(database: Database) -> None:
    first = cache_key(database)
    assert len(first) == 32
    assert cache_key(database) == first


# --- one that is no Redis at all

Answer = Callable[[socket.socket], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The URL of a server that does so after each call."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65536):
                answer(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server((LOOPBACK, 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://{LOOPBACK}:{listening.getsockname()[1]}/0"
        listening.shutdown(socket.SHUT_RDWR)


def is_a_miss_soon(url: str) -> bool:
    orders, began = shared(url), time.monotonic()
    looked = orders.look(ORDER.id)
    orders.wrote([(ORDER.id, 3)])
    return (looked is None or looked.order is None) and time.monotonic() - began < SOON


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_of_redis_is_a_miss(name: str) -> None:
    with answering(lambda connection: connection.sendall(ODD[name])) as url:
        assert is_a_miss_soon(url)


@sized(max_examples=100, deadline=None)
@given(
    reply=st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from(list(ODD.values()))), max_size=4
    )
)
def test_any_generated_answer_of_redis_is_a_miss(reply: list[bytes]) -> None:
    with answering(lambda connection: connection.sendall(b"".join(reply))) as url:
        assert is_a_miss_soon(url)


def test_a_redis_answer_that_trickles_is_waited_for_no_longer_than_a_missing_one() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"$60000\r\n")
        for _ in range(100 * LONGER):
            connection.sendall(b"x")
            time.sleep(0.01)

    with answering(trickle) as url:
        assert is_a_miss_soon(url)


def test_a_redis_answer_without_end_is_given_up() -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"$900000000\r\n")
        while sent < 900_000_000:
            sent += connection.send(b"x" * 65536)

    with answering(pour) as url:
        assert is_a_miss_soon(url)
    # What the two ends' buffers hold, and not more.
    assert sent < 50_000_000


def test_a_look_up_of_rediss_host_that_hangs_holds_up_nobody(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def hang(*_: object, **__: object) -> None:
        done.wait(LONGER)
        raise socket.gaierror

    monkeypatch.setattr(redis_client.socket, "getaddrinfo", hang)
    began = time.monotonic()
    assert shared(redis.url).look(ORDER.id) is None
    assert time.monotonic() - began < SOON
    done.set()


def test_look_ups_that_were_given_up_are_not_made_once_the_hanging_ones_end(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    looked_up: list[None] = []

    def hang(*_: object, **__: object) -> None:
        looked_up.append(None)
        done.wait(LONGER)
        raise socket.gaierror

    monkeypatch.setattr(redis_client.socket, "getaddrinfo", hang)
    client = redis_client.bounded_client(redis.url, 0.01, 100)
    for _ in range(10):
        with pytest.raises(RedisError):
            client.ping()
    done.set()
    # Behind all that are still to be made.
    with pytest.raises(RedisError):
        client.ping()
    assert len(looked_up) == 5


def test_a_redis_behind_a_unix_socket_is_used(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with RedisServer(tmp_path, "--unixsocket", str(path)) as redis:
        orders = shared(f"unix://{path}")
        put(redis, orders)
        assert asked(orders).order == ORDER
