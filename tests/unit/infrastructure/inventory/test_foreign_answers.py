"""Whatever the inventory answers becomes a reading or one of our errors."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from bson import Decimal128
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
)
from order_service.domain.line import MAX_QUANTITY
from order_service.domain.stock import StockReading
from order_service.infrastructure.inventory.absolute import AbsoluteInventory
from order_service.infrastructure.inventory.conditional import ConditionalInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.settings import Settings
from tests.raw_server import HANG_UP, RawServer, Script, answer

ITEM = "a" * 24
NEVER = 10**9
OURS = (InventoryUnavailable, OutcomeUnknown, ItemNotFound, InsufficientStock)
Inventories = tuple[AbsoluteInventory, ConditionalInventory]


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer(lambda _: []) as server:
        yield server


@pytest.fixture(scope="module")
def http(server: RawServer) -> InventoryHttp:
    impatient = {"inventory_connect_timeout": 2, "inventory_read_timeout": 2}
    return InventoryHttp(
        Settings(inventory_service_url=server.url, breaker_failures=NEVER, **impatient)
    )


CALLS: dict[str, Callable[[InventoryHttp], StockReading | None]] = {
    "read": lambda http: AbsoluteInventory(http).read(ITEM),
    "overwrite": lambda http: AbsoluteInventory(http).overwrite(ITEM, 7, not_after=inf),
    "deduct": lambda http: ConditionalInventory(http).deduct(ITEM, 1, "an operation"),
    "restore": lambda http: ConditionalInventory(http).restore(ITEM, 1, "an operation"),
}


def outcome(call: str, http: InventoryHttp) -> StockReading | Exception | None:
    """Fails on an error that is not one of ours."""
    try:
        reading = CALLS[call](http)
    except OURS as error:
        return error
    if reading is not None:
        assert 0 <= reading.stock < 2**53
        assert not reading.price.is_signed()
        # What an order is stored with.
        Decimal128(reading.price * MAX_QUANTITY)
    return reading


def says(content: bytes) -> Script:
    return lambda _: [content, HANG_UP]


# --- generated

numbers = st.one_of(
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?", fullmatch=True),
    st.sampled_from(["NaN", "Infinity", "-0", "-0.0", "1e999999999999999999999", "1e-99999"]),
).map(str)
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
).map(json.dumps)
fields = st.tuples(
    st.sampled_from(["stock", "price", "item", "_id", "message"]), st.one_of(numbers, values)
)
objects = st.lists(fields, max_size=5).map(
    lambda those: "{" + ",".join(f'"{name}": {value}' for name, value in those) + "}"
)
deep = st.tuples(st.sampled_from(["[", '{"a":']), st.integers(1, 30_000)).map(
    lambda given: given[0] * given[1]
)
bodies = st.one_of(objects.map(str.encode), deep.map(str.encode), st.binary(max_size=300))
heads = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Content-Length: 18446744073709551616",
                b"Content-Length: -1",
                b"Content-Length: 3, 4",
                b"Transfer-Encoding: chunked",
                b"Content-Encoding: gzip",
                b"Content-Encoding: br, br",
                b"Location: http://[::1",
                b"Location: //",
                b"Set-Cookie: a=b; Max-Age=99999999999999999999",
                b"Connection: close",
                b"no header",
                b" folded",
                b"\xff\x00: \xfe",
            ]
        ),
        st.binary(max_size=40).map(lambda name: name.replace(b"\n", b"") + b": x"),
    ),
    max_size=4,
)
statuses = st.one_of(
    st.sampled_from([200, 200, 200, 404, 409, 301, 204, 304, 100, 101, 103, 500, 502]),
    st.integers(0, 99999),
)
whole = st.builds(lambda body, status, more: answer(body, status, *more), bodies, statuses, heads)
framed_by_them = st.builds(
    lambda status, more, body: b"\r\n".join([b"HTTP/1.1 %d x" % status, *more, b"", body]),
    statuses,
    heads,
    bodies,
)
answers = st.one_of(whole, framed_by_them, st.binary(max_size=500))


@given(raw=answers, call=st.sampled_from(sorted(CALLS)))
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answer_of_the_inventory_is_a_reading_or_an_error_of_ours(
    raw: bytes, call: str, server: RawServer, http: InventoryHttp
) -> None:
    server.script = says(raw)
    outcome(call, http)


# --- what was met

SURPRISES = {
    "nested too deep": answer(b"[" * 100_000),
    "a redirect to no address": answer(b"", 302, b"Location: http://[::1"),
    "a price beyond all exponents": answer(b'{"stock": 7, "price": 1e999999999999999999999}'),
    "a price that no store holds": answer(b'{"stock": 7, "price": 1e-7000}'),
    "a price of many digits": answer(b'{"stock": 7, "price": 0.' + b"3" * 100_000 + b"}"),
    "a stock of many digits": answer(b'{"price": 1, "stock": ' + b"7" * 100_000 + b"}"),
    "a stock that has no room to grow": answer(b'{"price": 1, "stock": 9223372036854775807}'),
    "text that is none": answer(b'{"stock": 7, "price": 1, "name": "\xff"}'),
    "an encoding that nobody asked for": answer(b"\x1f\x8b", 200, b"Content-Encoding: gzip"),
    "a length beyond all memory": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n{",
    "a chunk beyond all memory": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n{"
    ),
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("raw", SURPRISES.values(), ids=SURPRISES)
def test_no_malformed_answer_of_the_inventory_passes_for_a_reading(
    raw: bytes, call: str, server: RawServer, http: InventoryHttp
) -> None:
    server.script = says(raw)
    assert isinstance(outcome(call, http), InventoryUnavailable | OutcomeUnknown)


def test_a_price_of_minus_zero_is_zero(server: RawServer, http: InventoryHttp) -> None:
    server.script = says(answer(b'{"stock": 7, "price": -0.0}'))
    reading = AbsoluteInventory(http).read(ITEM)
    assert str(reading.price) == "0.0"


@pytest.mark.parametrize("named", ["b" * 24, "B" * 24])
def test_an_answer_that_names_another_item_is_not_believed(
    named: str, server: RawServer, http: InventoryHttp
) -> None:
    item: dict[str, Any] = {"_id": named, "stock": 7, "price": 1}
    server.script = says(answer(json.dumps(item | {"item": item}).encode()))
    assert isinstance(outcome("read", http), InventoryUnavailable)
    unknown = outcome("overwrite", http)
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.in_flight


@pytest.mark.parametrize("named", [ITEM, ITEM.upper(), "17", 17, None])
def test_an_answer_may_write_the_items_id_in_another_way(
    named: Any, server: RawServer, http: InventoryHttp
) -> None:
    item = {"_id": named, "stock": 7, "price": 1.5}
    server.script = says(answer(json.dumps(item | {"item": item}).encode()))
    assert outcome("read", http) == StockReading(7, Decimal("1.5"))
    assert outcome("overwrite", http) is None


@pytest.mark.parametrize("interim", [b"HTTP/1.1 103 x\r\n\r\n", b"HTTP/1.1 101 x\r\n\r\n"])
def test_an_interim_answer_is_not_taken_for_the_answer(
    interim: bytes, server: RawServer, http: InventoryHttp
) -> None:
    server.script = lambda _: [interim, 0.01, answer(b'{"item": {}, "stock": 7, "price": 1}')]
    unknown = outcome("overwrite", http)
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.in_flight
    assert isinstance(outcome("read", http), InventoryUnavailable)


def test_the_inventory_is_asked_for_unencoded_answers(
    server: RawServer, http: InventoryHttp
) -> None:
    server.script = says(answer(b'{"stock": 7, "price": 1}'))
    outcome("read", http)
    asked = [line.lower() for line in server.requests[-1].split(b"\r\n")]
    assert b"accept-encoding: identity" in asked
