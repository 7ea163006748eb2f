"""What the log has of an inventory that is away, and of the breaker in front of it."""

from typing import Any

import circuitbreaker
import pytest
from structlog.testing import capture_logs

from order_service.application import outage
from order_service.domain.errors import InventoryUnavailable
from order_service.infrastructure.inventory.guard import Guard
from tests.unit.passing_time import Time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(outage, "time", time)
    monkeypatch.setattr(circuitbreaker, "monotonic", time.monotonic)
    return time


def fail(guard: Guard) -> None:
    def send() -> None:
        guard.failed(OSError("connection refused"), sent=False)
        raise InventoryUnavailable("It is away.")

    with pytest.raises(InventoryUnavailable):
        guard.call(send)


def test_an_inventory_that_is_away_for_a_minute_is_a_beginning_and_an_end_of_it_and_of_the_breaker(
    time: Time,
) -> None:
    guard = Guard(failures=3, reset=5)
    lines: list[Any]
    with capture_logs() as lines:
        for _ in range(55):
            fail(guard)
            time.now += 1
        assert not guard.available()
        time.now += 5
        guard.call(guard.served)
        guard.call(guard.served)
    assert [line["event"] for line in lines] == [
        "inventory_unavailable",
        "inventory_breaker_open",
        "inventory_unavailable_over",
        "inventory_breaker_open_over",
    ]
    begun, opened, over, closed = lines
    assert (begun["cause"], begun["sent"]) == ("connection refused", False)
    assert opened["tried_again_after"] == 5
    # The third call opened the breaker.
    assert closed["seconds"] == 58
    assert over["seconds"] == 60


def test_the_breaker_tells_nothing_while_a_few_calls_fail(time: Time) -> None:
    guard = Guard(failures=3, reset=5)
    with capture_logs() as lines:
        for _ in range(5):
            fail(guard)
            fail(guard)
            guard.call(guard.served)
    assert [line["event"] for line in lines] == ["inventory_unavailable"]
