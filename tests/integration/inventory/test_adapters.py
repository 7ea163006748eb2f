"""Both inventory adapters, against the real sample inventory, and against one that misbehaves."""

import math
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    ShortItem,
)
from order_service.infrastructure.dependencies import InventoryDependency
from order_service.infrastructure.inventory.absolute import AbsoluteInventory
from order_service.infrastructure.inventory.conditional import ConditionalInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.settings import Settings
from tests.items import Items
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    GATEWAY_TIMEOUT_AFTER,
    HANG_AFTER,
    HANG_BEFORE,
    RUBBISH,
    Fault,
    MisbehavingInventory,
)
from tests.waiting import until

ALWAYS = math.inf
IMPATIENT = {"inventory_read_timeout": 0.25}
NOBODY = "0" * 24


def http_to(url: str, **settings: Any) -> InventoryHttp:
    return InventoryHttp(Settings(inventory_service_url=url, **settings))


@pytest.fixture
def absolute(proxy: MisbehavingInventory) -> AbsoluteInventory:
    return AbsoluteInventory(http_to(proxy.url))


@pytest.fixture
def conditional(proxy: MisbehavingInventory) -> ConditionalInventory:
    return ConditionalInventory(http_to(proxy.url))


def operation() -> str:
    return str(ObjectId())


# --- absolute, well-behaved


def test_stock_and_price_are_read_to_the_last_digit(
    absolute: AbsoluteInventory, items: Items
) -> None:
    reading = absolute.read(items.add(stock=7, price="1234567.89"))
    assert (reading.stock, reading.price) == (7, Decimal("1234567.89"))


def test_an_overwrite_sets_the_stock(absolute: AbsoluteInventory, items: Items) -> None:
    item = items.add(stock=7)
    absolute.overwrite(item, 3, not_after=ALWAYS)
    assert items.stock(item) == 3


def test_an_item_that_the_inventory_does_not_have_is_item_not_found_with_its_id(
    absolute: AbsoluteInventory,
) -> None:
    with pytest.raises(ItemNotFound) as not_found:
        absolute.read(NOBODY)
    assert not_found.value.item_ids == (NOBODY,)
    with pytest.raises(ItemNotFound):
        absolute.overwrite(NOBODY, 3, not_after=ALWAYS)


def test_no_overwrite_is_sent_that_could_outlive_its_lease(
    absolute: AbsoluteInventory, items: Items, proxy: MisbehavingInventory
) -> None:
    item = items.add(stock=7)
    with pytest.raises(InventoryUnavailable):
        absolute.overwrite(item, 3, not_after=time.monotonic() + 3.5)
    assert items.stock(item) == 7
    assert proxy.requests == []


# --- conditional, well-behaved


def test_an_operation_is_carried_out_once_however_often_it_is_sent(
    conditional: ConditionalInventory, items: Items
) -> None:
    item, taking = items.add(stock=7, price="2.50"), operation()
    first = conditional.deduct(item, 3, taking)
    assert conditional.deduct(item, 3, taking) == first
    assert (first.stock, first.price) == (4, Decimal("2.5"))
    conditional.restore(item, 3, taking)
    conditional.restore(item, 3, taking)
    assert items.stock(item) == 7


def test_a_deduction_beyond_the_stock_says_how_much_there_is(
    conditional: ConditionalInventory, items: Items
) -> None:
    item = items.add(stock=2)
    with pytest.raises(InsufficientStock) as refused:
        conditional.deduct(item, 3, operation())
    assert refused.value.short == (ShortItem(item, requested=3, available=2),)
    assert items.stock(item) == 2


@pytest.mark.parametrize("verb", ["deduct", "restore"])
def test_an_operation_on_an_unknown_item_is_item_not_found(
    conditional: ConditionalInventory, verb: str
) -> None:
    with pytest.raises(ItemNotFound):
        getattr(conditional, verb)(NOBODY, 1, operation())


# --- how a request can end

Send = Callable[[InventoryHttp, str], object]


def overwrite(http: InventoryHttp, item: str) -> None:
    AbsoluteInventory(http).overwrite(item, 3, not_after=ALWAYS)


def deduct(http: InventoryHttp, item: str) -> None:
    ConditionalInventory(http).deduct(item, 4, operation())


def restore(http: InventoryHttp, item: str) -> None:
    ConditionalInventory(http).restore(item, 4, operation())


changes_the_stock = pytest.mark.parametrize("send", [overwrite, deduct, restore])


@changes_the_stock
@pytest.mark.parametrize("fault", [CUT_BEFORE, CUT_AFTER, HANG_BEFORE, HANG_AFTER], ids=str)
def test_a_write_that_was_sent_and_not_answered_is_unknown_and_may_still_happen(
    send: Send, fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault)
    with pytest.raises(OutcomeUnknown) as unknown:
        send(http_to(proxy.url, **IMPATIENT), item)
    assert unknown.value.in_flight is True
    if fault.applied:
        until(lambda: items.stock(item) != 7, "it happens")


@changes_the_stock
def test_a_write_that_a_gateway_timed_out_is_unknown_and_may_still_happen(
    send: Send, proxy: MisbehavingInventory, items: Items
) -> None:
    proxy.misbehave(GATEWAY_TIMEOUT_AFTER)
    with pytest.raises(OutcomeUnknown) as unknown:
        send(http_to(proxy.url), items.add(stock=7))
    assert unknown.value.in_flight is True


@changes_the_stock
@pytest.mark.parametrize("fault", [ERROR_BEFORE, ERROR_AFTER], ids=str)
def test_a_write_that_was_answered_with_an_error_is_unknown_but_over(
    send: Send, fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault)
    with pytest.raises(OutcomeUnknown) as unknown:
        send(http_to(proxy.url), item)
    assert unknown.value.in_flight is False
    assert (items.stock(item) != 7) is fault.applied


@changes_the_stock
@pytest.mark.parametrize("fault", RUBBISH, ids=str)
def test_a_write_whose_answer_makes_no_sense_is_unknown_but_over(
    send: Send, fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    proxy.misbehave(fault)
    with pytest.raises(OutcomeUnknown) as unknown:
        send(http_to(proxy.url), items.add(stock=7))
    assert unknown.value.in_flight is False


@changes_the_stock
def test_a_refused_connection_means_that_nothing_was_sent(
    send: Send, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.refuse()
    with pytest.raises(InventoryUnavailable):
        send(http_to(proxy.url), item)
    assert items.stock(item) == 7


@changes_the_stock
def test_a_host_without_a_name_means_that_nothing_was_sent(send: Send) -> None:
    with pytest.raises(InventoryUnavailable):
        send(http_to("http://no-such-host.invalid"), NOBODY)


def test_the_reason_given_to_a_client_names_no_host(proxy: MisbehavingInventory) -> None:
    proxy.refuse()
    with pytest.raises(InventoryUnavailable) as unavailable:
        AbsoluteInventory(http_to(proxy.url)).read(NOBODY)
    assert str(proxy.port) not in unavailable.value.message
    assert "127.0.0.1" not in unavailable.value.message


# --- reading


@pytest.mark.parametrize(
    "fault", [*RUBBISH, ERROR_BEFORE, GATEWAY_TIMEOUT_AFTER, CUT_AFTER, HANG_BEFORE], ids=str
)
def test_a_reading_that_fails_leaves_nothing_unknown(
    fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault)
    with pytest.raises(InventoryUnavailable):
        AbsoluteInventory(http_to(proxy.url, **IMPATIENT)).read(item)


@pytest.mark.parametrize("fault", [CUT_BEFORE, CUT_AFTER, HANG_BEFORE], ids=str)
def test_a_lost_reading_of_the_stock_is_asked_for_once_more(
    fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(fault, times=1)
    assert AbsoluteInventory(http_to(proxy.url, **IMPATIENT)).read(item).stock == 7
    assert len(proxy.requests) == 2


def test_an_overwrite_is_never_repeated_by_the_adapter(
    absolute: AbsoluteInventory, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    proxy.misbehave(CUT_BEFORE, times=1)
    with pytest.raises(OutcomeUnknown):
        absolute.overwrite(item, 3, not_after=ALWAYS)
    assert proxy.requests == [f"PATCH /api/items/update-stock/{item}"]


# --- the breaker


def test_the_breaker_opens_sends_nothing_and_closes_by_itself(
    proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    adapter = AbsoluteInventory(http_to(proxy.url, breaker_failures=3, breaker_reset=0.5))
    proxy.refuse()
    for _ in range(3):
        assert adapter.available()
        with pytest.raises(InventoryUnavailable):
            adapter.read(item)
    proxy.accept()
    assert not adapter.available()
    with pytest.raises(InventoryUnavailable):
        adapter.read(item)
    assert proxy.requests == []
    until(adapter.available, "the breaker lets a request try", timeout=2)
    assert adapter.read(item).stock == 7
    assert adapter.available()


def test_404s_of_the_inventory_do_not_open_the_breaker(proxy: MisbehavingInventory) -> None:
    adapter = AbsoluteInventory(http_to(proxy.url, breaker_failures=2))
    for _ in range(4):
        with pytest.raises(ItemNotFound):
            adapter.read(NOBODY)
    assert adapter.available()


def test_writes_that_answer_500_do_not_open_the_breaker(
    proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    adapter = AbsoluteInventory(http_to(proxy.url, breaker_failures=2))
    proxy.misbehave(ERROR_AFTER, method="PATCH")
    for stock in range(4):
        with pytest.raises(OutcomeUnknown):
            adapter.overwrite(item, stock, not_after=ALWAYS)
    assert adapter.available()


@pytest.mark.parametrize("fault", [ERROR_BEFORE, HANG_BEFORE], ids=str)
def test_the_breaker_opens_for_an_inventory_that_only_fails(
    fault: Fault, proxy: MisbehavingInventory, items: Items
) -> None:
    item = items.add(stock=7)
    adapter = AbsoluteInventory(http_to(proxy.url, breaker_failures=3, **IMPATIENT))
    proxy.misbehave(fault)
    for _ in range(3):
        with pytest.raises(InventoryUnavailable):
            adapter.read(item)
    assert not adapter.available()


# --- readiness


def test_readiness_takes_any_sensible_answer_for_life(proxy: MisbehavingInventory) -> None:
    told: list[bool] = []
    InventoryDependency(http_to(proxy.url), told.append).check()
    assert told == [True]


def test_readiness_says_when_the_inventory_is_away(proxy: MisbehavingInventory) -> None:
    proxy.refuse()
    told: list[bool] = []
    with pytest.raises(InventoryUnavailable):
        InventoryDependency(http_to(proxy.url, breaker_failures=1), told.append).check()
    # The listener hears that the breaker is open now.
    assert told == [False]
