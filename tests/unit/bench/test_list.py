"""The orders whose lists are measured."""

from bson import ObjectId

from bench.list import CUSTOMERS, ITEMS, orders
from order_service.domain.status import OrderStatus

PAGE = 20


def test_the_narrowest_list_of_the_fewest_orders_has_two_pages_before_its_last_quarter() -> None:
    [stored] = orders(1_000)
    narrow = [
        order
        for order in stored[:750]
        if order["itemId"] == ObjectId(ITEMS[0])
        and order["customerId"] == CUSTOMERS[0]
        and order["status"] == OrderStatus.CANCELLED
    ]
    assert len(narrow) >= 2 * PAGE
