"""What the inventory tells of an item, over HTTP, whatever it is."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from order_service.application.items.get import LONGEST_DESCRIPTION, LONGEST_NAME, Item
from order_service.domain.errors import InventoryUnavailable, ItemNotFound
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.inventory.items import InventoryItems
from order_service.interface.http.items import ItemAnswer, ShownItem
from order_service.settings import Settings
from tests.items import Items
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_BEFORE,
    GATEWAY_TIMEOUT_AFTER,
    HANG_BEFORE,
    RUBBISH,
    Fault,
    MisbehavingInventory,
)
from tests.raw_server import RawServer, answer

NOBODY = "0" * 24
ITEM = "a" * 24
IMPATIENT = {"inventory_read_timeout": 0.25}


def items_of(url: str, **settings: Any) -> InventoryItems:
    return InventoryItems(InventoryHttp(Settings(inventory_service_url=url, **settings)))


@pytest.fixture(scope="module")
def foreign() -> Iterator[RawServer]:
    with RawServer(lambda _: []) as server:
        yield server


def told(foreign: RawServer, **fields: Any) -> Item:
    """What becomes of an answer with these fields."""
    body = json.dumps({"stock": 7, "price": 1.5, **fields}).encode()
    foreign.script = lambda _: [answer(body)]
    return items_of(foreign.url).read_item(ITEM)


# --- the sample inventory


def test_an_item_is_read_with_its_texts_its_stock_and_its_price(
    items: Items, proxy: MisbehavingInventory
) -> None:
    item = items.add(stock=7, price="1234567.89", name='<script>alert("1")</script> \N{SNOWMAN}')
    assert items_of(proxy.url).read_item(item) == Item(
        item, '<script>alert("1")</script> \N{SNOWMAN}', "For a test", 7, Decimal("1234567.89")
    )


def test_an_item_that_the_inventory_does_not_have_is_item_not_found(
    proxy: MisbehavingInventory,
) -> None:
    with pytest.raises(ItemNotFound):
        items_of(proxy.url).read_item(NOBODY)


@pytest.mark.parametrize(
    "fault", [*RUBBISH, ERROR_BEFORE, GATEWAY_TIMEOUT_AFTER, CUT_AFTER, HANG_BEFORE], ids=str
)
def test_an_inventory_that_fails_or_hangs_is_unavailable_in_time(
    fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault)
    with pytest.raises(InventoryUnavailable):
        items_of(proxy.url, **IMPATIENT).read_item(item)


@pytest.mark.parametrize("fault", [CUT_BEFORE, HANG_BEFORE], ids=str)
def test_a_lost_answer_is_asked_for_once_more(
    fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault, times=1)
    assert items_of(proxy.url, **IMPATIENT).read_item(item).stock == 7
    assert len(proxy.requests) == 2


def test_an_inventory_that_hangs_is_left_alone_by_the_breaker(
    proxy: MisbehavingInventory, items: Items
) -> None:
    item, reading = items.add(stock=7), items_of(proxy.url, breaker_failures=2, **IMPATIENT)
    proxy.misbehave(HANG_BEFORE)
    with pytest.raises(InventoryUnavailable):
        reading.read_item(item)
    assert not reading.available()
    asked = len(proxy.requests)
    with pytest.raises(InventoryUnavailable):
        reading.read_item(item)
    assert len(proxy.requests) == asked


# --- texts, which may be anything

ODD_TEXTS = {
    "a script": "<script>alert(1)</script>",
    "an end of everything": "</script>]]>--%></title>\"'`",
    "a turned direction": "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "controls": "\0\r\n\t\x1b[31m\x7f",
    "an emoji": "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}",
    "nothing": "",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_a_text_stays_as_it_is(text: str, foreign: RawServer) -> None:
    item = told(foreign, name=text, description=text)
    assert (item.name, item.description) == (text, text)


NO_TEXTS = [None, 17, -0.5, True, ["A thing"], {"en": "A thing"}, [[[[]]]]]


@pytest.mark.parametrize("value", NO_TEXTS, ids=json.dumps)
def test_what_is_no_text_is_none(value: Any, foreign: RawServer) -> None:
    item = told(foreign, name=value, description=value)
    assert (item.name, item.description, item.stock) == (None, None, 7)


def test_a_text_that_is_left_out_is_none(foreign: RawServer) -> None:
    assert told(foreign) == Item(ITEM, None, None, 7, Decimal("1.5"))


def test_a_long_text_is_cut_and_shows_it(foreign: RawServer) -> None:
    item = told(foreign, name="n" * (LONGEST_NAME + 1), description="d" * 100_000)
    assert item.name == "n" * (LONGEST_NAME - 1) + "\N{HORIZONTAL ELLIPSIS}"
    assert item.description == "d" * (LONGEST_DESCRIPTION - 1) + "\N{HORIZONTAL ELLIPSIS}"


def test_a_text_of_the_greatest_length_is_not_cut(foreign: RawServer) -> None:
    name, description = "n" * LONGEST_NAME, "\N{SNOWMAN}" * LONGEST_DESCRIPTION
    item = told(foreign, name=name, description=description)
    assert (item.name, item.description) == (name, description)


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00b", "\udc00\ud83d" * 2000])
def test_half_of_a_character_does_not_keep_the_item_from_being_shown(
    half: str, foreign: RawServer
) -> None:
    item = told(foreign, name=half, description=half)
    shown = json.loads(ItemAnswer(item=ShownItem.of(item)).body())["item"]
    assert "?" in shown["name"]
    assert len(shown["name"]) <= LONGEST_NAME


def test_a_megabyte_of_text_is_not_read(foreign: RawServer) -> None:
    with pytest.raises(InventoryUnavailable):
        told(foreign, description="d" * 2**20)


@pytest.mark.parametrize("stock", [-1, 1.5, "7", None, True, 2**53])
def test_an_item_without_a_usable_stock_is_unavailable(stock: Any, foreign: RawServer) -> None:
    with pytest.raises(InventoryUnavailable):
        told(foreign, stock=stock)


def test_an_answer_for_another_item_is_not_believed(foreign: RawServer) -> None:
    with pytest.raises(InventoryUnavailable):
        told(foreign, _id="b" * 24)
