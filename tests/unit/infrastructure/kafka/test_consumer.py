"""The consumer's promise: acknowledged after the write, and nothing skipped."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from order_service.application.stock_log.changes import AppendResult, StockChange
from order_service.application.stock_log.record import RecordStockChanges
from order_service.infrastructure.kafka import consumer as consumer_module
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka import lag as lag_module
from order_service.infrastructure.kafka.consumer import StockConsumer
from order_service.infrastructure.kafka.dead_letters import DeadLetterPublisher
from order_service.infrastructure.kafka.decoding import decode
from order_service.infrastructure.kafka.intake import Intake, IntakeFailed
from order_service.infrastructure.kafka.membership import Membership
from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from tests.unit.infrastructure.kafka.fakes import (
    TOPIC,
    FakeBroker,
    FakeDeadLetters,
    FakeLog,
    Sightings,
    record,
    value,
)

PLACE = (TOPIC, 0)
LIMIT = 1000


class Topics:
    """An admin client that makes every topic."""

    def create_topics(self, topics: list[Any], request_timeout: float) -> dict[str, Any]:
        class Done:
            def result(self) -> None: ...

        return {topic.topic: Done() for topic in topics}


class Running:
    """A consumer over fakes, which stops by itself at the end of the topic."""

    def __init__(
        self,
        broker: FakeBroker,
        log: FakeLog | None = None,
        dead_letters: FakeDeadLetters | None = None,
        batch: int = 100,
    ) -> None:
        self.broker = broker
        self.log = log or FakeLog()
        self.dead_letters = dead_letters or FakeDeadLetters()
        self.registry = CollectorRegistry()
        metrics = ConsumerMetrics(self.registry)
        client = cast(Any, broker)
        admin = cast(Any, Topics)
        membership = Membership(client, admin, "group", [TOPIC])
        self.sightings = Sightings()
        self.intakes = 0
        self.heard: list[int] = []

        def open_intake() -> Intake:
            self.intakes += 1
            return Intake(client, membership, [TOPIC], batch, metrics, self.sightings)

        self.consumer = StockConsumer(
            open_intake,
            RecordStockChanges(self.log),
            DeadLetterPublisher(cast(Any, self.dead_letters), admin),
            metrics,
            LIMIT,
            lambda changes: self.heard.extend(each.offset for each in changes),
        )
        broker.at_the_end = self.consumer.stop

    def run(self) -> "Running":
        self.consumer.run()
        return self

    def metric(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(f"order_service_stock_events_{name}", labels)
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(consumer_module, "_LONGEST_DELAY", 0.002)
    monkeypatch.setattr(lag_module, "_EVERY", 0)


def test_every_record_is_logged_in_batches_and_then_acknowledged() -> None:
    running = Running(FakeBroker(*[value()] * 250)).run()
    assert running.log.offsets == list(range(250))
    assert running.log.batches == [100, 100, 50]
    assert running.broker.stored == {PLACE: 250}
    assert running.broker.closed


def test_poison_records_go_to_the_dead_letters_and_the_rest_to_the_log() -> None:
    running = Running(FakeBroker(value(), b"rubbish", value(), None)).run()
    assert running.log.offsets == [0, 2]
    assert running.dead_letters.published == [(1, "not_json"), (3, "tombstone")]
    assert running.broker.stored == {PLACE: 4}


def test_a_record_that_the_log_refuses_for_good_is_a_dead_letter() -> None:
    running = Running(FakeBroker(value(), value()), FakeLog(refuses={1: "not_storable"})).run()
    assert running.log.offsets == [0]
    assert running.dead_letters.published == [(1, "not_storable")]
    assert running.broker.stored == {PLACE: 2}


def test_changes_that_are_in_the_log_are_told_of_and_replays_of_earlier_records_are_not() -> None:
    broker = FakeBroker(*[value()] * 3)
    place = {headers.TOPIC: TOPIC, headers.PARTITION: 0, headers.OFFSET: 1, headers.COUNT: 1}
    broker.records[2] = record(value(), 2, headers=headers.encode(headers.REPLAY, place))
    running = Running(broker).run()
    assert running.log.offsets == [0, 1]
    assert running.heard == [0, 1]


def test_a_record_whose_change_contradicts_itself_is_logged_and_marked() -> None:
    running = Running(FakeBroker(value(), value(changeAmount=3), value(newStock=102))).run()
    marks = [change.contradictory for change in running.log.changes.values()]
    assert marks == [False, True, True]


def test_a_consumer_polls_paused_while_the_store_is_down_and_loses_nothing() -> None:
    broker = FakeBroker(*[value()] * 5)
    paused_polls: list[bool] = []
    poll = broker.poll

    def watched(timeout: float) -> Message | None:
        paused_polls.append(broker.paused)
        return poll(timeout)

    broker.poll = watched  # type: ignore[method-assign]
    with capture_logs() as lines:
        running = Running(broker, FakeLog(failures=3)).run()
    # The store's outage has lines of its own.
    assert not [line for line in lines if "waiting" in line["event"]]
    assert paused_polls.count(True) >= 3
    assert running.log.offsets == [0, 1, 2, 3, 4]
    assert not broker.paused
    assert running.metric("paused") == 0


class NumberedLog(FakeLog):
    """Numbers changes when they are made ready, as the log's ids do."""

    def __init__(self, failures: int = 0, unstorable: int | None = None) -> None:
        super().__init__(failures)
        self.unstorable = unstorable
        self.numbers: dict[int, int] = {}
        self._number = itertools.count()
        self._others = threading.Event()

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        numbers = {change.offset: next(self._number) for change in changes}
        if 0 not in numbers:
            self._others.set()

        def write() -> AppendResult:
            if self.unstorable in numbers:
                self.refuses[self.unstorable] = "not_storable"
                self.unstorable = None
                assert self._others.wait(5)
                # As the log does, which then writes them apart.
                return self.ready(changes)()
            result = FakeLog.append(self, changes)
            self.numbers |= numbers
            return result

        return write

    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        return self.ready(changes)()


@pytest.mark.parametrize(
    "log", [NumberedLog(failures=1), NumberedLog(unstorable=3)], ids=["failed", "refused"]
)
def test_a_batch_that_is_written_again_is_in_the_log_before_the_next_batch(
    log: NumberedLog,
) -> None:
    Running(FakeBroker(*[value()] * 20), log, batch=10).run()
    assert [log.numbers[offset] for offset in range(20)] == sorted(log.numbers.values())


def test_no_record_is_acknowledged_while_a_dead_letter_can_not_be_published() -> None:
    broker = FakeBroker(b"rubbish", value())
    seen: list[dict[tuple[str, int], int]] = []
    dead_letters = FakeDeadLetters(failures=2)
    deliver = dead_letters.deliver

    def watched(records: Any) -> Any:
        seen.append(dict(broker.stored))
        return deliver(records)

    dead_letters.deliver = watched  # type: ignore[method-assign]
    with capture_logs() as lines:
        running = Running(broker, dead_letters=dead_letters).run()
    assert [line["event"] for line in lines if "waiting" in line["event"]] == [
        "waiting",
        "waiting_over",
    ]
    assert seen == [{}, {}, {}]
    assert dead_letters.published == [(0, "not_json")]
    assert broker.stored == {PLACE: 2}
    assert running.log.batches == [1]


def test_a_consumer_stopped_while_the_store_is_down_leaves_its_batch_unacknowledged() -> None:
    broker = FakeBroker(value())
    running = Running(broker, FakeLog(failures=1_000_000))
    threading.Timer(0.05, running.consumer.stop).start()
    running.run()
    assert broker.stored == {}
    assert broker.closed


def test_a_partition_taken_away_during_a_write_is_not_acknowledged() -> None:
    broker = FakeBroker(value())
    log = FakeLog()
    append = log.append

    def taken_away(changes: Any) -> Any:
        broker.revoke()
        return append(changes)

    log.append = taken_away  # type: ignore[method-assign]
    Running(broker, log).run()
    assert log.offsets == [0]
    assert broker.stored == {}


def test_a_consumer_goes_on_while_a_topic_does_not_exist_yet() -> None:
    broker = FakeBroker(value())
    broker.errors = [Message(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))]
    assert Running(broker).run().log.offsets == [0]


def test_a_consumer_that_is_fenced_leaves_the_group_and_fails() -> None:
    broker = FakeBroker(value())
    broker.errors = [Message(error=KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))]
    with pytest.raises(IntakeFailed, match="fenced"):
        Running(broker).run()
    assert broker.closed


def test_a_defect_ends_the_consumer_without_acknowledging() -> None:
    broker = FakeBroker(value())
    running = Running(broker)
    running.log.append = lambda changes: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    with pytest.raises(ZeroDivisionError):
        running.run()
    assert broker.stored == {}
    assert broker.closed


def test_a_consumer_counts_records_consumed_written_duplicate_and_dead_lettered() -> None:
    broker = FakeBroker(value(), b"rubbish", value())
    running = Running(broker)
    running.log.append([decode(broker.records[2], LIMIT)])
    running.run()
    assert running.metric("consumed_total", topic=TOPIC) == 3
    assert running.metric("written_total") == 1
    assert running.metric("duplicate_total") == 1
    assert running.metric("dead_lettered_total", topic=TOPIC, code="not_json") == 1
    assert running.metric("batch_seconds_count") == 1
    assert running.metric("seconds_since_poll") < 5
    assert running.metric("assigned_partitions") == 1


def test_a_partitions_lag_is_what_the_log_lacks() -> None:
    broker = FakeBroker(*[value()] * 5)
    running = Running(broker, FakeLog(failures=1_000_000))
    threading.Timer(0.05, running.consumer.stop).start()
    running.run()
    assert running.metric("lag", topic=TOPIC, partition="0") == 5


def test_records_that_a_consumer_is_never_given_make_no_lag() -> None:
    broker = FakeBroker(value(), value())
    broker.high = 52
    running = Running(broker)
    broker.at_the_end = lambda: at_the_end(running, 52)
    running.run()
    assert running.metric("lag", topic=TOPIC, partition="0") == 0


def at_the_end(running: Running, end: int) -> None:
    """Tells so, as librdkafka does, and ends when that was heard."""
    eof = KafkaError(KafkaError._PARTITION_EOF)
    running.broker.errors.append(Message(topic=TOPIC, partition=0, offset=end, error=eof))
    running.broker.at_the_end = running.consumer.stop


def test_records_that_are_taken_and_not_logged_yet_are_lag_even_at_the_topics_end() -> None:
    broker = FakeBroker(value(), value())
    running = Running(broker, FakeLog(failures=1_000_000))
    at_the_end(running, 2)
    threading.Timer(0.05, running.consumer.stop).start()
    running.run()
    assert running.metric("lag", topic=TOPIC, partition="0") == 2


def test_records_deleted_unread_are_counted_and_offsets_that_never_held_one_are_not() -> None:
    for low, missed in [(5, 4), (1, 0)]:
        broker = FakeBroker(value(), value())
        broker.records = [record(value(), 0), record(value(), 5)]
        broker.low = low
        running = Running(broker, batch=1).run()
        found = running.registry.get_sample_value(
            "order_service_stock_events_missed_total", {"topic": TOPIC}
        )
        assert (found or 0) == missed


def test_lag_is_kept_when_the_broker_is_away_and_dropped_with_a_revoked_partition() -> None:
    place = {"topic": TOPIC, "partition": "0"}
    broker = FakeBroker(value())
    running = Running(broker)
    told: list[float | None] = []

    def lose_and_revoke() -> None:
        for take_away in (lambda: broker.on_lost(broker, broker.assigned), broker.revoke):
            take_away()
            series = "order_service_stock_events_lag"
            told.append(running.registry.get_sample_value(series, place))
        running.consumer.stop()

    broker.at_the_end = lose_and_revoke
    running.run()
    assert told == [1, None]


def test_a_failed_consumers_lag_is_told_until_the_next_consumer_has_partitions() -> None:
    broker = FakeBroker(value())
    broker.high = 5
    fenced = KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True)
    # As a real consumer does.
    broker.close = broker.revoke  # type: ignore[method-assign]
    running = Running(broker)
    broker.at_the_end = lambda: broker.errors.append(Message(error=fenced))
    with pytest.raises(IntakeFailed):
        running.run()
    assert running.metric("lag", topic=TOPIC, partition="0") == 4
    # A worker elsewhere has that partition now.
    broker.assigned = [TopicPartition(TOPIC, 1)]
    broker.at_the_end = running.consumer.stop
    running.run()
    series = "order_service_stock_events_lag"
    assert running.registry.get_sample_value(series, {"topic": TOPIC, "partition": "0"}) is None
    assert running.metric("lag", topic=TOPIC, partition="1") == 5


def made_anew_at_the_first_write(broker: FakeBroker) -> Running:
    running = Running(broker)
    append = running.log.append
    done: list[bool] = []

    def made_anew_meanwhile(changes: Any) -> Any:
        if not done:
            done.append(True)
            running.sightings.anew = [(TOPIC, time.monotonic())]
        return append(changes)

    running.log.append = made_anew_meanwhile  # type: ignore[method-assign]
    return running.run()


def test_a_topic_made_anew_is_read_from_its_beginning_and_old_records_commit_nothing() -> None:
    broker = FakeBroker(*[value()] * 20)
    broker.seek(TopicPartition(TOPIC, 0, 15))
    running = made_anew_at_the_first_write(broker)
    assert sorted(running.log.offsets) == list(range(20))
    assert broker.stored == {PLACE: 20}
    assert running.metric("topics_made_anew_total", topic=TOPIC) == 1


def test_a_poison_record_read_again_from_a_topic_made_anew_has_one_dead_letter() -> None:
    broker = FakeBroker(*[value()] * 16, b"rubbish", b"rubbish")
    broker.seek(TopicPartition(TOPIC, 0, 15))
    running = made_anew_at_the_first_write(broker)
    assert sorted(running.log.offsets) == list(range(16))
    assert [offset for offset, _ in running.dead_letters.published] == [16, 17]
    assert running.metric("dead_lettered_total", topic=TOPIC, code="not_json") == 2


def test_a_consumer_that_failed_is_run_again_with_a_new_client() -> None:
    broker = FakeBroker(value())
    broker.errors = [Message(error=KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))]
    running = Running(broker)
    with pytest.raises(IntakeFailed):
        running.run()
    assert running.run().log.offsets == [0]
    assert running.intakes == 2


def test_a_consumers_health_tells_a_joined_group_from_a_lost_one() -> None:
    broker = FakeBroker(value())
    running = Running(broker)
    assert not running.consumer.health().joined
    running.run()
    assert running.consumer.health().joined
    broker.on_lost(broker, broker.assigned)
    assert not running.consumer.health().joined
