"""The walk over the items of the orders, where the store answers in an order of its own."""

import random
from typing import Any

import pytest
from bson import MaxKey, MinKey, ObjectId

from order_service.infrastructure.mongo.order_books import OrderBooks

ITEMS = [f"{number:024x}" for number in range(1, 30)]


class Shards:
    """A collection of orders, given as their items; any order that fits is the answer."""

    def __init__(self, *orders: list[str]) -> None:
        self._orders = orders
        self._random = random.Random(5)

    def __getitem__(self, _: str) -> "Shards":
        return self

    def find_one(self, wanted: Any, *_: Any, **walk: Any) -> dict[str, Any] | None:
        assert not wanted
        # As the index has them: MinKey and MaxKey are less and more than everything.
        least, end = walk["min"]["itemId"], walk["max"]["itemId"]
        fitting = [
            order
            for order in self._orders
            if any(
                (least == MinKey() or ObjectId(item) > least)
                and (end == MaxKey() or ObjectId(item) < end)
                for item in order
            )
        ]
        if not fitting:
            return None
        items = [ObjectId(item) for item in self._random.choice(fitting)]
        return {"itemId": items if len(items) > 1 else items[0]}


@pytest.mark.parametrize("seed", range(10))
def test_every_item_of_an_order_is_next_once_in_whatever_order_the_store_answers(seed: int) -> None:
    made = random.Random(seed)
    orders = [made.sample(ITEMS, made.choice([1, 1, 2, 5, 12])) for _ in range(15)]
    database: Any = Shards(*orders)
    books, found, item = OrderBooks(database), list[str](), ""
    while item := books.next_item(item):
        found.append(item)
    assert found == sorted({each for order in orders for each in order})
