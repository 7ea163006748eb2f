"""Samples: what is told of what was counted, when, and what becomes of it."""

import threading
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from order_service.application.overview.read_last_hour import ReadLastHour, percentile
from order_service.application.overview.sampler import Sampler, TakeSample
from order_service.application.overview.samples import Counted, Sample, slot_of
from order_service.domain.errors import StoreUnavailable
from tests.unit.fakes import FakeClock
from tests.waiting import until

NOTHING = Counted({}, {})
SLOT = FakeClock().now()


class FakeSamples:
    def __init__(self) -> None:
        self.added: list[Sample] = []
        self.error: Exception | None = None
        self.asked_since: datetime | None = None

    def add(self, sample: Sample) -> None:
        if self.error:
            raise self.error
        self.added.append(sample)

    def since(self, first: datetime) -> list[Sample]:
        self.asked_since = first
        return self.added


class Unasked(FakeClock):
    def now(self) -> datetime:
        raise AssertionError("nobody should ask the store for its time")


class Metrics:
    """As this process's are; ``counted``: by now."""

    def __init__(self, counted: Counted = NOTHING) -> None:
        self.counted = counted

    def __call__(self) -> Counted:
        return self.counted


def unexpected(name: str, error: Exception) -> None:
    raise AssertionError(f"{name}: {error!r}")


class TestTakeSample:
    def test_it_tells_what_was_counted_since_the_last_time(self) -> None:
        metrics, samples, clock = Metrics(), FakeSamples(), FakeClock()
        take = TakeSample(metrics, samples, clock)
        metrics.counted = Counted({"completed": 2, "failed": 0}, {0.1: 1, 0.5: 0, inf: 1})
        take()
        metrics.counted = Counted({"completed": 2, "failed": 1}, {0.1: 1, 0.5: 3, inf: 1})
        clock.elapsed = 16
        take()
        assert samples.added == [
            Sample(SLOT, Counted({"completed": 2}, {0.1: 1, 0.5: 0, inf: 1})),
            Sample(SLOT + timedelta(seconds=15), Counted({"failed": 1}, {0.1: 0, 0.5: 3, inf: 0})),
        ]

    def test_what_another_process_counted_in_the_same_place_before_is_not_told_again(self) -> None:
        metrics, samples = Metrics(Counted({"completed": 70}, {0.1: 9, inf: 0})), FakeSamples()
        take = TakeSample(metrics, samples, FakeClock())
        take()
        assert samples.added == []
        metrics.counted = Counted({"completed": 71}, {0.1: 9, inf: 1})
        take()
        assert samples.added == [Sample(SLOT, Counted({"completed": 1}, {0.1: 0, inf: 1}))]

    def test_a_process_that_counted_nothing_asks_the_store_for_nothing(self) -> None:
        metrics = Metrics(Counted({"completed": 3}, {0.1: 3, inf: 0}))
        samples = FakeSamples()
        take = TakeSample(metrics, samples, Unasked())
        take()
        take()
        assert samples.added == []

    def test_a_sample_that_could_not_be_told_is_a_gap_and_is_not_told_twice(self) -> None:
        metrics, samples = Metrics(), FakeSamples()
        take = TakeSample(metrics, samples, FakeClock())
        metrics.counted = Counted({"completed": 5}, {})
        samples.error = StoreUnavailable("It did not answer in time.")
        with pytest.raises(StoreUnavailable):
            take()
        samples.error = None
        metrics.counted = Counted({"completed": 6}, {})
        take()
        assert samples.added == [Sample(SLOT, Counted({"completed": 1}, {}))]


class TestSampler:
    def test_it_takes_samples_until_its_end_and_a_last_one_then(self) -> None:
        taken: list[str] = []
        with Sampler(lambda: taken.append(threading.current_thread().name), unexpected, 0.001):
            until(lambda: len(taken) > 2, "samples")
        assert set(taken) == {"sampler"}
        taken.clear()
        with Sampler(lambda: taken.append("last"), unexpected):
            assert taken == []
        assert taken == ["last"]

    @pytest.mark.parametrize("error", [StoreUnavailable("It is away."), ZeroDivisionError()])
    def test_it_goes_on_after_any_error_and_tells_the_log_only_of_those_that_nobody_foresaw(
        self, error: Exception
    ) -> None:
        taken: list[int] = []
        told: list[Exception] = []

        def take() -> None:
            taken.append(1)
            raise error

        with Sampler(take, lambda _, error: told.append(error), 0.001):
            until(lambda: len(taken) > 3, "samples after errors")
        assert set(told) == ({error} if isinstance(error, ZeroDivisionError) else set())

    def test_a_store_that_hangs_does_not_hold_up_the_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("order_service.application.overview.sampler._END_WITHIN", 0.01)
        let_go, done = threading.Event(), threading.Event()

        def hang() -> None:
            let_go.wait(30)
            done.set()

        with Sampler(hang, unexpected):
            pass
        assert not done.is_set()
        let_go.set()
        assert done.wait(10)

    def test_one_that_was_never_started_can_be_ended(self) -> None:
        Sampler(lambda: unexpected("samples", ValueError()), unexpected).end()


class TestLastHour:
    def test_the_last_hour_begins_with_a_slot_and_ends_now(self) -> None:
        clock, samples = FakeClock(), FakeSamples()
        clock.elapsed = 3600 + 44
        samples.added = [Sample(SLOT, Counted({"completed": 1}, {}))]
        hour = ReadLastHour(samples, clock)()
        assert hour.began == samples.asked_since == SLOT + timedelta(seconds=30)
        assert hour.ended == SLOT + timedelta(seconds=3644)
        assert hour.slots == samples.added

    def test_a_slot_begins_at_whole_quarters_of_a_minute(self) -> None:
        moment = datetime(2026, 1, 31, 12, 0, 44, 999_000, UTC)
        assert slot_of(moment) == datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)
        assert slot_of(slot_of(moment)) == slot_of(moment)


@pytest.mark.parametrize(
    ("buckets", "part", "seconds"),
    [
        ({}, 0.5, None),
        ({0.1: 0, inf: 0}, 0.99, None),
        # Half of the way through the only bucket that has any.
        ({0.1: 0, 0.5: 10, 1.0: 0, inf: 0}, 0.5, 0.3),
        ({0.1: 4, 0.5: 0}, 0.5, 0.05),
        # The 50th of 100 is the last of the first bucket; the 99th is in the second.
        ({0.1: 50, 0.5: 50, inf: 0}, 0.5, 0.1),
        ({0.1: 50, 0.5: 50, inf: 0}, 0.99, 0.492),
        # Nobody knows how far above the last bound.
        ({0.1: 1, 10.0: 1, inf: 98}, 0.5, 10.0),
    ],
)
def test_a_percentile_lies_within_its_bucket_in_proportion(
    buckets: dict[float, int], part: float, seconds: float | None
) -> None:
    found = percentile(buckets, part)
    assert found == (None if seconds is None else pytest.approx(seconds))
