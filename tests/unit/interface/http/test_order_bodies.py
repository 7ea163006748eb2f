"""The bodies of answers that show an order are written once, and kept within bounds."""

from dataclasses import replace
from typing import Any

from order_service.domain.line import MAX_LINES, Line
from order_service.domain.order import Order
from order_service.interface.http.answers import OrderAnswer
from order_service.interface.http.order_bodies import OrderBodies
from tests.orders import completed, pending


def large(**given: Any) -> Order:
    """As large as an order can be: JSON writes NUL in six characters."""
    lines = [Line(f"{number:024x}", 1) for number in range(MAX_LINES)]
    texts = {f"{number}".ljust(40, "\0"): "\0" * 500 for number in range(20)}
    return pending(lines=lines, metadata=texts, **given)


def test_the_body_of_a_version_is_written_once() -> None:
    bodies, order = OrderBodies(), completed()
    body = bodies.of(order)
    assert body == OrderAnswer.of(order).body()
    assert bodies.of(replace(order)) is body
    assert bodies.of(replace(order, version=order.version + 1)) is not body


def test_bodies_are_kept_as_long_as_they_are_small_in_all() -> None:
    bodies, order = OrderBodies(), completed()
    first = bodies.of(order)
    for _ in range(1000):
        bodies.of(completed())
    assert bodies.of(order) is first
    big = large()
    body = bodies.of(big)
    assert len(body) > 70_000
    assert bodies.of(big) is body
    for _ in range(1_048_576 // len(body) + 1):
        bodies.of(large())
    assert bodies.of(big) is not body
