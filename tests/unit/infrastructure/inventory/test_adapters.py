"""What the inventory adapters send, and what they make of each answer."""

import json
from collections.abc import Iterator
from decimal import Decimal
from math import inf
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    ShortItem,
)
from order_service.infrastructure.inventory.absolute import AbsoluteInventory
from order_service.infrastructure.inventory.conditional import ConditionalInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.settings import Settings

URL = "http://inventory.test/base"
ITEM = "a" * 24
STOCK, UPDATE = f"{URL}/api/items/stock/{ITEM}", f"{URL}/api/items/update-stock/{ITEM}"
DEDUCT, RESTORE = f"{URL}/api/items/deduct-stock/{ITEM}", f"{URL}/api/items/restore-stock/{ITEM}"


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as server:
        yield server


@pytest.fixture
def http() -> InventoryHttp:
    # A slash at the end makes no other address.
    return InventoryHttp(Settings(inventory_service_url=URL + "/", breaker_failures=3))


@pytest.fixture
def absolute(http: InventoryHttp) -> AbsoluteInventory:
    return AbsoluteInventory(http)


@pytest.fixture
def conditional(http: InventoryHttp) -> ConditionalInventory:
    return ConditionalInventory(http)


# --- readings


@pytest.mark.parametrize(
    ("body", "stock", "price"),
    [
        ('{"stock": 7, "price": 19.99}', 7, "19.99"),
        ('{"stock": 0, "price": 0}', 0, "0"),
        ('{"stock": 7, "price": 0.1, "name": "x", "more": {}}', 7, "0.1"),
        ('{"stock": 9007199254740991, "price": 1e3}', 2**53 - 1, "1000"),
        ('{"stock": 7, "price": 999999999999.999999}', 7, "999999999999.999999"),
        ('{"stock": 7, "price": 1000000000000}', 7, "1000000000000"),
    ],
)
def test_a_reading_of_stock_and_price_is_exact(
    body: str, stock: int, price: str, server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.get(STOCK, body=body)
    reading = absolute.read(ITEM)
    assert (reading.stock, reading.price) == (stock, Decimal(price))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "null",
        '"7"',
        "{",
        "{}",
        '{"stock": 7}',
        '{"price": 7}',
        '{"stock": -1, "price": 1}',
        '{"stock": 7.0, "price": 1}',
        '{"stock": true, "price": 1}',
        '{"stock": "7", "price": 1}',
        '{"stock": null, "price": 1}',
        '{"stock": 9007199254740992, "price": 1}',
        '{"stock": 7, "price": -0.01}',
        '{"stock": 7, "price": "1"}',
        '{"stock": 7, "price": false}',
        '{"stock": 7, "price": NaN}',
        '{"stock": 7, "price": Infinity}',
        '{"stock": 7, "price": 1000000000000.1}',
        '{"stock": 7, "price": 0.1234567890123456789}',
        "\xff",
    ],
)
def test_a_reading_that_makes_no_sense_is_inventory_unavailable(
    body: str, server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.get(STOCK, body=body.encode("latin-1"))
    with pytest.raises(InventoryUnavailable):
        absolute.read(ITEM)


@pytest.mark.parametrize("status", [201, 301, 400, 401, 403, 409, 429, 500, 503])
def test_a_reading_with_a_status_other_than_200_or_404_is_inventory_unavailable(
    status: int, server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    headers = {"Location": "http://elsewhere.test/"}
    server.get(STOCK, json={"stock": 7, "price": 1}, status=status, headers=headers)
    with pytest.raises(InventoryUnavailable):
        absolute.read(ITEM)


def test_a_reading_of_an_unknown_item_is_item_not_found(
    server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.get(STOCK, json={"message": "Item not found"}, status=404)
    with pytest.raises(ItemNotFound):
        absolute.read(ITEM)


# --- the overwrite


def test_an_overwrite_sends_the_new_stock(
    server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.patch(
        UPDATE, json={"message": "", "item": {}}, match=[matchers.json_params_matcher({"stock": 3})]
    )
    absolute.overwrite(ITEM, 3, not_after=inf)


@pytest.mark.parametrize("status", [201, 301, 400, 401, 409, 429, 500, 503])
def test_an_overwrite_answered_with_an_unexpected_status_is_unknown_but_over(
    status: int, server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.patch(UPDATE, json={"item": {}}, status=status)
    with pytest.raises(OutcomeUnknown) as unknown:
        absolute.overwrite(ITEM, 3, not_after=inf)
    assert unknown.value.in_flight is False


@pytest.mark.parametrize("status", [502, 504])
def test_an_overwrite_that_a_gateway_answered_is_unknown_and_may_still_happen(
    status: int, server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.patch(UPDATE, status=status)
    with pytest.raises(OutcomeUnknown) as unknown:
        absolute.overwrite(ITEM, 3, not_after=inf)
    assert unknown.value.in_flight is True


def test_an_overwrite_whose_connection_took_too_long_was_not_sent(
    server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    server.patch(UPDATE, body=requests.ConnectTimeout("slow"))
    with pytest.raises(InventoryUnavailable):
        absolute.overwrite(ITEM, 3, not_after=inf)


# --- operations


def test_an_operation_sends_its_quantity_and_its_id(
    server: responses.RequestsMock, conditional: ConditionalInventory
) -> None:
    for url, act in ((DEDUCT, conditional.deduct), (RESTORE, conditional.restore)):
        server.post(url, json={"stock": 7, "price": 1.5})
        reading = act(ITEM, 3, "an operation")
        assert (reading.stock, reading.price) == (7, Decimal("1.5"))
        sent = json.loads(server.calls[-1].request.body)
        assert sent == {"quantity": 3, "operationId": "an operation"}


def test_a_deduction_beyond_the_stock_tells_the_stock_that_is_left(
    server: responses.RequestsMock, conditional: ConditionalInventory
) -> None:
    server.post(DEDUCT, json={"stock": 2}, status=409)
    with pytest.raises(InsufficientStock) as refused:
        conditional.deduct(ITEM, 3, "an operation")
    assert refused.value.short == (ShortItem(ITEM, requested=3, available=2),)


@pytest.mark.parametrize("body", [{}, {"stock": -1}, {"stock": "2"}, []])
def test_a_409_that_does_not_tell_the_stock_is_an_unknown_outcome(
    body: Any, server: responses.RequestsMock, conditional: ConditionalInventory
) -> None:
    server.post(DEDUCT, json=body, status=409)
    with pytest.raises(OutcomeUnknown):
        conditional.deduct(ITEM, 3, "an operation")


@pytest.mark.parametrize("status", [201, 301, 400, 429, 500])
def test_an_operation_answered_with_an_unexpected_status_is_unknown_but_over(
    status: int, server: responses.RequestsMock, conditional: ConditionalInventory
) -> None:
    server.post(RESTORE, json={"stock": 7, "price": 1}, status=status)
    with pytest.raises(OutcomeUnknown) as unknown:
        conditional.restore(ITEM, 3, "an operation")
    assert unknown.value.in_flight is False


# --- what is left alone


def test_a_proxy_in_the_environment_is_not_used_for_the_inventory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    http = InventoryHttp(Settings(inventory_service_url=URL))
    with responses.RequestsMock() as server:
        server.get(STOCK, json={"stock": 7, "price": 1})
        AbsoluteInventory(http).read(ITEM)
        assert not server.calls[0].request.req_kwargs["proxies"]  # type: ignore[attr-defined]


def test_an_answer_between_failures_resets_the_breakers_count(
    server: responses.RequestsMock, absolute: AbsoluteInventory
) -> None:
    for outcome in ("away", "away", "there", "away", "away"):
        body: Any = requests.ConnectTimeout() if outcome == "away" else '{"stock": 1, "price": 1}'
        server.upsert(responses.GET, STOCK, body=body)
        try:
            absolute.read(ITEM)
        except InventoryUnavailable:
            assert outcome == "away"
    assert absolute.available()
