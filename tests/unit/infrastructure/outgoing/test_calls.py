"""A call ends within its total, whatever the server, the network or the name's look-up does."""

import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from math import inf
from typing import Any

import pytest
import structlog

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.infrastructure.inventory.absolute import AbsoluteInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.outgoing import names
from order_service.settings import Settings
from tests.raw_server import HANG_UP, RawServer, Script, Step, answer, trickle
from tests.waiting import until

ITEM = "a" * 24
LONG = answer(b'{"stock": 7, "price": 1, "x": "' + b"x" * 20_000_000 + b'"}')
READING = answer(b'{"stock": 7, "price": 1}')
CONNECT, READ = 0.4, 0.4
TOTAL = CONNECT + READ
# What a machine under load may add to a total.
MARGIN = 2.0


def inventory(url: str, **more: Any) -> AbsoluteInventory:
    times = {"inventory_connect_timeout": CONNECT, "inventory_read_timeout": READ}
    given = times | {"breaker_failures": 10**9} | more
    return AbsoluteInventory(InventoryHttp(Settings(inventory_service_url=url, **given)))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds + MARGIN


# --- answers that do not end


def silence(_: bytes) -> Iterable[Step]:
    return [60.0]


def body_in_trickles(_: bytes) -> Iterable[Step]:
    return trickle(READING, 0.1)


def endless_body(_: bytes) -> Iterable[Step]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    yield from repeat(b" " * 65536, 16_000)


def endless_chunks(_: bytes) -> Iterable[Step]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from repeat(b"10000\r\n" + b" " * 65536 + b"\r\n", 16_000)


def endless_head(_: bytes) -> Iterable[Step]:
    yield b"HTTP/1.1 200 OK\r\n"
    yield from repeat(b"X: " + b"x" * 60_000 + b"\r\n", 16_000)


def endless_promises(_: bytes) -> Iterable[Step]:
    yield from repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 40_000)


def a_long_body(_: bytes) -> Iterable[Step]:
    return [LONG]


ENDLESS = [
    silence,
    body_in_trickles,
    endless_body,
    endless_chunks,
    endless_head,
    endless_promises,
    a_long_body,
]


@pytest.mark.parametrize("script", ENDLESS)
def test_an_answer_that_does_not_end_is_given_up_in_bounded_time_and_memory(script: Script) -> None:
    with RawServer(script) as server:
        adapter = inventory(server.url)
        tracemalloc.start()
        try:
            with within(TOTAL), pytest.raises(InventoryUnavailable):
                adapter.read(ITEM)
            with within(TOTAL), pytest.raises(OutcomeUnknown) as unknown:
                adapter.overwrite(ITEM, 6, not_after=inf)
            assert unknown.value.in_flight
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()


def test_forty_hanging_calls_take_no_longer_than_one() -> None:
    with RawServer(body_in_trickles) as server, ThreadPoolExecutor(40) as callers:
        adapter = inventory(server.url)
        with within(TOTAL):
            calls = [callers.submit(adapter.read, ITEM) for _ in range(40)]
            assert all(isinstance(c.exception(), InventoryUnavailable) for c in calls)


def test_the_system_stops_sending_when_the_caller_gives_up() -> None:
    with RawServer(silence) as server:
        server.script = lambda _: [TOTAL + 0.2]
        with pytest.raises(OutcomeUnknown):
            inventory(server.url).overwrite(ITEM, 6, not_after=inf)
        until(lambda: server.ended, "the connection's end")
        assert isinstance(server.ended[0], ConnectionResetError)


# --- addresses and names


class Names:
    """Stands in for the system's look-up: ``addresses`` of every name, after ``wait`` is set."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.wait = threading.Event()
        self.wait.set()
        self.asked = 0

    def __call__(self, host: str, port: int, *_: Any) -> list[Any]:
        self.asked += 1
        assert self.wait.wait(30)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
            for address in self.addresses
        ]


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    fake = Names()
    monkeypatch.setattr(names, "_look_ups", {})
    monkeypatch.setattr(socket, "getaddrinfo", fake)
    yield fake
    fake.wait.set()


@pytest.fixture
def dead() -> Iterator[tuple[str, int]]:
    """An address at which nobody answers: its queue is full."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listening.getsockname()
    waiting = []
    for _ in range(4):
        each = socket.socket()
        each.setblocking(False)
        each.connect_ex(address)
        waiting.append(each)
    yield address
    for each in (listening, *waiting):
        each.close()


def test_addresses_that_do_not_answer_share_the_time_to_connect(
    look_ups: Names, dead: tuple[str, int]
) -> None:
    look_ups.addresses = [dead] * 8
    for act in (lambda a: a.read(ITEM), lambda a: a.overwrite(ITEM, 6, not_after=inf)):
        with within(CONNECT), pytest.raises(InventoryUnavailable):
            act(inventory("http://inventory.test:80"))


def test_an_address_that_answers_is_found_behind_addresses_that_do_not(
    look_ups: Names, dead: tuple[str, int]
) -> None:
    with RawServer(lambda _: [READING]) as server:
        look_ups.addresses = [dead] * 4 + [("127.0.0.1", server.port)]
        assert inventory("http://inventory.test:80").read(ITEM).stock == 7


def test_a_call_whose_host_name_is_not_found_in_time_was_not_sent(look_ups: Names) -> None:
    look_ups.wait.clear()
    adapter = inventory("http://inventory.test:80")
    for _ in range(3):
        with within(CONNECT), pytest.raises(InventoryUnavailable):
            adapter.overwrite(ITEM, 6, not_after=inf)
    assert look_ups.asked == 1


def test_a_look_up_of_a_host_that_came_late_serves_the_next_call(look_ups: Names) -> None:
    with RawServer(lambda _: [READING]) as server:
        look_ups.addresses = [("127.0.0.1", server.port)]
        look_ups.wait.clear()
        adapter = inventory("http://inventory.test:80")
        with pytest.raises(InventoryUnavailable):
            adapter.read(ITEM)
        look_ups.wait.set()
        assert adapter.read(ITEM).stock == 7
        assert look_ups.asked == 1


def test_a_host_name_without_addresses_is_inventory_unavailable(look_ups: Names) -> None:
    with pytest.raises(InventoryUnavailable):
        inventory("http://inventory.test:80").read(ITEM)


def test_no_request_is_sent_after_the_time_of_its_call_is_over(look_ups: Names) -> None:
    """The name is found and the address reached, but so late that the lease may be over."""
    with RawServer(lambda _: [READING]) as server:
        look_ups.addresses = [("127.0.0.1", server.port)]
        http = InventoryHttp(Settings(inventory_service_url="http://inventory.test:80"))
        look_ups.wait.clear()
        threading.Timer(0.4, look_ups.wait.set).start()
        with pytest.raises(InventoryUnavailable):
            http.request("PATCH", "/", {"stock": 6}, until=time.monotonic() + 0.2)
        until(look_ups.wait.is_set, "the look-up's end")
        assert server.requests == []


# --- one answer too many

STRAY = answer(b'{"stock": 1000000, "price": 1, "message": "for somebody else"}')


def readings(server: RawServer, callers: int = 4, each: int = 30) -> list[int]:
    """The stock that each of many readings told; 0 for one that told nothing."""
    adapter = inventory(server.url, inventory_read_timeout=4)

    def read(caller: int) -> list[int]:
        told = []
        for number in range(each):
            item = f"{caller * each + number + 1:024x}"
            try:
                told.append(adapter.read(item).stock - int(item, 16))
            except InventoryUnavailable:
                told.append(0)
        return told

    with ThreadPoolExecutor(callers) as pool:
        return [difference for told in pool.map(read, range(callers)) for difference in told]


def own(request: bytes) -> bytes:
    """An answer that belongs to the item asked for: its number is its stock."""
    item = request.split(b" ")[1].rsplit(b"/")[-1]
    return answer(json.dumps({"stock": int(item, 16), "price": 1}).encode())


@pytest.mark.parametrize("pause", [0, 0.0005, 0.005, 0.02])
def test_no_order_gets_the_answer_to_another_orders_request(pause: float) -> None:
    def and_once_more(request: bytes) -> Iterable[Step]:
        # Slow enough that a stray answer is there before the true one.
        return [0.005, own(request), pause, own(request)] if pause else [0.005, own(request) * 2]

    with RawServer(and_once_more) as server:
        assert readings(server) == [0] * 120


def test_a_stray_answer_before_ours_is_not_taken_for_ours() -> None:
    with RawServer(lambda request: [STRAY + own(request)]) as server:
        with pytest.raises(InventoryUnavailable):
            inventory(server.url).read(ITEM)
        with pytest.raises(OutcomeUnknown) as unknown:
            inventory(server.url).overwrite(ITEM, 6, not_after=inf)
        assert unknown.value.in_flight


def test_a_server_that_strays_gets_each_request_on_a_connection_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("order_service.infrastructure.outgoing.resting._REST", 0.0)
    with RawServer(lambda _: [READING + STRAY]) as server:
        adapter = inventory(server.url)
        with pytest.raises(InventoryUnavailable):
            adapter.read(ITEM)
        server.script = lambda _: [READING]
        ended = len(server.ended)
        for _ in range(5):
            adapter.read(ITEM)
        until(lambda: len(server.ended) >= ended + 5, "each connection's end")


def test_an_end_of_line_too_many_is_no_stray_answer() -> None:
    with RawServer(lambda _: [READING + b"\r\n"]) as server:
        assert inventory(server.url).read(ITEM).stock == 7


def test_connections_to_the_inventory_are_used_again() -> None:
    connections = set()

    def once(request: bytes) -> Iterable[Step]:
        connections.add(threading.get_ident())
        return [READING]

    with RawServer(once) as server:
        adapter = inventory(server.url)
        for _ in range(200):
            adapter.read(ITEM)
        assert len(connections) < 200


# --- the log


def test_the_cause_of_a_failing_inventory_is_logged_once() -> None:
    with RawServer(lambda _: [HANG_UP]) as server:
        adapter = inventory(server.url)
        with structlog.testing.capture_logs() as logged:
            for _ in range(20):
                with pytest.raises(InventoryUnavailable):
                    adapter.read(ITEM)
    [line] = [each for each in logged if each["event"] == "inventory_unavailable"]
    assert line["cause"] == "RemoteDisconnected"
    assert line["sent"] is True
