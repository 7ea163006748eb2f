"""An outage in the log: in few lines, whatever it does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from order_service.application import outage
from order_service.application.outage import Outage
from tests.unit.passing_time import Time

Lines = list[Any]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(outage, "time", time)
    return time


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


def gone(**options: Any) -> Outage:
    return Outage("gone", structlog.get_logger(), **options)


def test_an_outage_of_an_hour_is_one_log_line_a_minute(time: Time, lines: Lines) -> None:
    story = gone()
    for _ in range(3600):
        story.failed(cause="refused")
        time.now += 1
    story.over()
    story.over()
    since = lines[0].pop("since")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", since)
    first, second, *_, last = lines
    assert first == {"event": "gone", "cause": "refused", "log_level": "warning"}
    assert second == {
        **first,
        "since": since,
        "times": 61,
        "seconds": 60,
    }
    assert last == {
        "event": "gone_over",
        "since": since,
        "times": 3600,
        "seconds": 3600,
        "log_level": "info",
    }
    assert len(lines) == 61


def test_a_line_of_an_outage_has_the_cause_of_the_latest_failure(time: Time, lines: Lines) -> None:
    story = gone(every=5)
    for cause in ("closed", "refused", "refused", "no address"):
        story.failed(cause=cause)
        time.now += 2
    assert [line["cause"] for line in lines] == ["closed", "no address"]


def test_a_thing_that_comes_and_goes_is_told_once_a_minute(time: Time, lines: Lines) -> None:
    story = gone(shared=True)
    for _ in range(61):
        story.failed()
        time.now += 1
        story.over()
        time.now += 1
    assert [(line["event"], line["seconds"]) for line in lines[1:]] == [
        ("gone_over", 1),
        ("gone", 60),
        ("gone_over", 61),
        ("gone", 120),
        ("gone_over", 121),
    ]
    assert {line["since"] for line in lines} == {lines[0]["since"]}


def test_a_call_that_was_under_way_when_another_failed_ends_no_outage(
    time: Time, lines: Lines
) -> None:
    story = gone(shared=True)
    story.failed()
    time.now += 0.5
    story.over()
    assert story.lasts
    time.now += 0.5
    story.over()
    assert not story.lasts
    assert [line["event"] for line in lines] == ["gone", "gone_over"]


def test_a_call_that_fails_late_begins_no_outage_anew(time: Time, lines: Lines) -> None:
    story = gone(shared=True)
    story.failed()
    time.now += 5
    story.over()
    story.failed()
    time.now += 5
    story.over()
    assert [line["event"] for line in lines] == ["gone", "gone_over"]


def test_a_success_without_an_outage_is_not_logged(lines: Lines) -> None:
    gone().over()
    assert lines == []


def test_the_next_outage_has_a_beginning_of_its_own(time: Time, lines: Lines) -> None:
    story = gone(serious=False)
    for _ in range(2):
        story.failed()
        story.over()
    events = [(line["event"], line["log_level"]) for line in lines]
    assert events == [("gone", "info"), ("gone_over", "info")] * 2
