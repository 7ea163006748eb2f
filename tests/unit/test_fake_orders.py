"""The repository of orders that other tests stand on keeps what MongoDB's keeps."""

from dataclasses import fields

import pytest

from order_service.domain.order import Order
from tests.orders import completed, in_every_state, pending
from tests.suites.order_repository import *  # noqa: F403
from tests.unit.fakes import FakeOrders


@pytest.fixture
def repository() -> FakeOrders:
    return FakeOrders()


@pytest.fixture
def outbox(repository: FakeOrders) -> FakeOrders:
    return repository


def test_the_example_orders_set_every_field_that_an_order_has() -> None:
    blank = pending()
    unset = {field.name for field in fields(Order)} - {"id", "created_at"}
    for order in [*in_every_state().values(), completed().saved(), completed()]:
        unset -= {name for name in unset if getattr(order, name) != getattr(blank, name)}
    assert unset == set()
