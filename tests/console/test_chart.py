"""The axes of a chart, as the browser counts them in the reader's zone."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from tests.console.looking import Look

CALL = """async ([name, given]) => {
  const { href } = document.querySelector('link[href$="/chart_scale.js"]');
  return (await import(href))[name](...given);
}"""
ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
# The day on which the clocks of New York went back, and a usual one.
DAYS = ["2026-11-01", "2026-06-15"]


def call(page: Page, name: str, *given: Any) -> Any:
    return page.evaluate(CALL, [name, list(given)])


def ticks(page: Page, zone: str, begin: str, end: str, most: int = 9) -> list[str]:
    """The local times of the ticks between two local times."""
    here = ZoneInfo(zone)
    from_, to = (
        datetime.fromisoformat(text).replace(tzinfo=here).timestamp() * 1000
        for text in (begin, end)
    )
    found = call(page, "timeTicks", from_, to, most)
    return [
        datetime.fromtimestamp(tick["at"] / 1000, here).strftime("%m-%d %H:%M") for tick in found
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_times_are_round_in_the_readers_zone(zone: str, look: Look) -> None:
    page = look("#/new", timezone_id=zone)
    for day in DAYS:
        of_day = ticks(page, zone, f"{day}T00:01", f"{day}T23:59")
        assert [tick[-5:] for tick in of_day] == [
            f"{hour:02}:00" for hour in (3, 6, 9, 12, 15, 18, 21)
        ]
        of_hour = ticks(page, zone, f"{day}T12:01", f"{day}T12:59")
        assert [tick[-5:] for tick in of_hour] == ["12:10", "12:20", "12:30", "12:40", "12:50"]
    of_weeks = ticks(page, zone, "2026-10-20T13:00", "2026-11-17T13:00")
    assert of_weeks == [f"{day} 00:00" for day in ("10-26", "11-02", "11-09", "11-16")]
    of_year = ticks(page, zone, "2026-01-20T13:00", "2027-01-20T13:00")
    assert of_year == [
        f"{month} 00:00" for month in ("03-01", "05-01", "07-01", "09-01", "11-01", "01-01")
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([97], [0, 20, 40, 60, 80, 100]),
        ([0], [0, 1]),
        ([3, 1], [0, 1, 2, 3]),
        ([1000, 1004], [1000, 1001, 1002, 1003, 1004]),
        ([0.012, 0.3], [0, 0.1, 0.2, 0.3]),
        ([-5, 5], [-6, -4, -2, 0, 2, 4, 6]),
        ([2**53 - 1, 0], [0, 2e15, 4e15, 6e15, 8e15, 1e16]),
    ],
)
def test_values_are_round_and_lie_between_the_ends(
    values: list[float], expected: list[float], look: Look
) -> None:
    found = call(look("#/new"), "valueTicks", values, 5)
    assert [tick["value"] for tick in found] == expected
    assert len({tick["text"] for tick in found}) == len(found)
