"""The consumer against the real broker and the real store, in both group protocols."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.application.stock_log.changes import AppendResult, StockChange
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until

CLASSIC, BY_BROKER = "classic", "consumer"


@pytest.fixture(params=[CLASSIC, BY_BROKER])
def stage(request: pytest.FixtureRequest, mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    protocol = {"KAFKA_CONSUMER_GROUP_PROTOCOL": request.param}
    with Stage(mongo.uri, kafka.bootstrap, **protocol) as stage:
        yield stage


@pytest.fixture
def classic(mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    """For what has nothing to do with the group's protocol."""
    with Stage(mongo.uri, kafka.bootstrap) as stage:
        yield stage


class FailingLog(MongoStockChangeLog):
    """The real log, that can't be reached while ``down``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.down = True
        self.refusals = 0

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        write = super().ready(changes)

        def unless_down() -> AppendResult:
            if self.down:
                self.refusals += 1
                raise StoreUnavailable("The order store can't be reached.")
            return write()

        return unless_down


def places(entries: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(entry["source"].values()) for entry in entries]  # type: ignore[attr-defined]


def test_each_event_of_both_topics_is_logged_once_and_then_committed(stage: Stage) -> None:
    for topic in (stage.topic, stage.other_topic):
        stage.create_topic(topic)
        stage.send_good(500, topic)
    with RunningConsumer(stage):
        entries = stage.await_entries(1000)
    assert len(set(places(entries))) == len(entries) == 1000
    assert (stage.committed(), stage.committed(stage.other_topic)) == (500, 500)

    with RunningConsumer(stage, joined=True) as again:
        stage.send_good(10)
        stage.await_entries(1010)
    assert again.metric("duplicate_total") == 0


def test_each_partitions_order_is_kept_in_the_log(classic: Stage) -> None:
    classic.create_topic(classic.topic)
    classic.send_good(1000)
    with RunningConsumer(classic):
        entries = classic.await_entries(1000)
    for partition in range(4):
        sources = [entry["source"] for entry in entries]
        offsets = [each["offset"] for each in sources if each["partition"] == partition]
        assert offsets == sorted(offsets)


def test_a_topic_that_appears_later_is_read_from_its_beginning(classic: Stage) -> None:
    with RunningConsumer(classic, joined=True):
        classic.create_topic(classic.topic)
        classic.send_good(20)
        assert len(classic.await_entries(20)) == 20


def test_partitions_added_while_the_consumer_runs_are_read(classic: Stage) -> None:
    classic.create_topic(classic.topic, 1)
    with RunningConsumer(classic, joined=True):
        classic.send(value())
        classic.await_entries(1)
        classic.add_partitions(classic.topic, 3)
        classic.send(value(), partition=1)
        classic.send(value(), partition=2)
        entries = classic.await_entries(3)
    assert sorted(entry["source"]["partition"] for entry in entries) == [0, 1, 2]


def test_no_event_is_lost_or_logged_twice_while_workers_come_and_go(
    stage: Stage,
) -> None:
    stage.create_topic(stage.topic)
    with RunningConsumer(stage, joined=True) as first:
        stage.send_good(500)
        with RunningConsumer(stage, joined=True) as second:
            until(lambda: second.metric("assigned_partitions"), "partitions for both", 20)
            stage.send_good(500)
            stage.await_entries(1000)
        until(lambda: first.metric("assigned_partitions") == 4, "all partitions back", 20)
        stage.send_good(500)
        entries = stage.await_entries(1500)
    assert len(set(places(entries))) == len(entries) == 1500
    assert stage.committed() == 1500


def test_a_worker_for_whom_no_partition_is_left_joins_the_group(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1)
    with RunningConsumer(stage, joined=True), RunningConsumer(stage, joined=True):
        stage.send(value())
        assert len(stage.await_entries(1)) == 1


def test_a_consumer_keeps_its_place_while_the_store_is_down_and_loses_nothing(stage: Stage) -> None:
    stage.create_topic(stage.topic)
    stage.send_good(300)
    log = FailingLog(stage.database)
    with RunningConsumer(stage, log) as running:
        until(lambda: log.refusals > 3, "several tries")
        assert running.consumer.health().paused
        assert running.consumer.health().joined
        until(lambda: running.metric("lag", topic=stage.topic, partition="0") > 0, "lag")
        stage.send_good(300)
        assert stage.committed() == 0
        log.down = False
        entries = stage.await_entries(600)
        until(lambda: not running.consumer.health().paused, "fetching again")
    assert len(entries) == 600
    assert stage.committed() == 600


def test_a_rebalance_commits_no_record_that_was_not_written(classic: Stage) -> None:
    classic.create_topic(classic.topic)
    classic.send_good(100)
    log = FailingLog(classic.database)
    with RunningConsumer(classic, log) as running:
        until(lambda: log.refusals > 1, "a batch in hand")
        with RunningConsumer(classic, log) as second:
            until(lambda: second.metric("assigned_partitions"), "a rebalance", 20)
        assert classic.committed() == 0
        running.consumer.stop()
    assert classic.committed() == 0
    with RunningConsumer(classic):
        assert len(classic.await_entries(100)) == 100


def test_a_poison_record_lands_in_its_topics_dead_letters_with_all_that_it_had(
    classic: Stage,
) -> None:
    classic.create_topic(classic.topic)
    headers = [("trace", b"\x00\xff"), ("empty", None), ("trace", b"again")]
    classic.send(b"rubbish", key=b"k", headers=headers, partition=2, timestamp=1_700_000_000_123)
    with RunningConsumer(classic) as running:
        until(lambda: classic.committed() == 1, "the offset after the dead letter")
        assert running.metric("dead_lettered_total", topic=classic.topic, code="not_json") == 1
    (letter,) = classic.read(f"{classic.topic}-dlt")
    assert (letter.key(), letter.value()) == (b"k", b"rubbish")
    sent = letter.headers()
    assert isinstance(sent, list)
    assert sent[:3] == headers
    assert dict(sent[3:]) == {
        "dead-letter.topic": classic.topic.encode(),
        "dead-letter.partition": b"2",
        "dead-letter.offset": b"0",
        "dead-letter.timestamp": b"1700000000123",
        "dead-letter.code": b"not_json",
        "dead-letter.reason": b"Not JSON: expected value at line 1 column 1.",
    }


def test_a_poison_record_as_large_as_the_broker_takes_has_room_in_the_dead_letters(
    classic: Stage,
) -> None:
    largest = b"x" * 1_000_000
    classic.send(largest, headers=[("more", b"y" * 40_000)])
    with RunningConsumer(classic):
        until(lambda: classic.committed() == 1, "the offset after the dead letter")
    (letter,) = classic.read(f"{classic.topic}-dlt")
    assert letter.value() == largest


def test_a_consumer_waits_until_its_dead_letter_topic_takes_the_letter(classic: Stage) -> None:
    """A dead-letter topic that somebody made too small even for a letter that holds nothing of the
    record, and then mends."""
    dead_letters = f"{classic.topic}-dlt"
    classic.create_topic(dead_letters, 1, max_message_bytes="100")
    classic.create_topic(classic.topic, 1)
    classic.send(b"x" * 5000, value())
    with RunningConsumer(classic) as running:
        until(lambda: running.consumer.health().paused, "waiting")
        assert classic.committed() == 0
        classic.configure_topic(dead_letters, "max.message.bytes", "100000")
        until(lambda: classic.committed() == 2, "both records dealt with", 20)
    assert len(classic.read(dead_letters)) == 1
    assert len(classic.entries()) == 1
