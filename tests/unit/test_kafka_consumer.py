"""The consumer's promise: acknowledged after the write, and nothing skipped."""

import threading
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message
from prometheus_client import CollectorRegistry

from order_service.application.record_stock_changes import RecordStockChanges
from order_service.infrastructure.kafka import consumer as consumer_module
from order_service.infrastructure.kafka.consumer import StockConsumer
from order_service.infrastructure.kafka.dead_letters import DeadLetterPublisher
from order_service.infrastructure.kafka.decoding import decode
from order_service.infrastructure.kafka.intake import Intake, IntakeFailed
from order_service.infrastructure.kafka.membership import Membership
from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from tests.unit.kafka_fakes import TOPIC, FakeBroker, FakeDeadLetters, FakeLog, value

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
        self.consumer = StockConsumer(
            Intake(client, membership, [TOPIC], batch, metrics),
            RecordStockChanges(self.log),
            DeadLetterPublisher(cast(Any, self.dead_letters), admin),
            metrics,
            LIMIT,
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


def test_every_record_is_logged_in_batches_and_then_acknowledged() -> None:
    running = Running(FakeBroker(*[value()] * 250)).run()
    assert running.log.offsets == list(range(250))
    assert running.log.batches == [100, 100, 50]
    assert running.broker.stored == {PLACE: 250}
    assert running.broker.closed


def test_poison_goes_to_the_dead_letters_and_the_rest_to_the_log() -> None:
    running = Running(FakeBroker(value(), b"rubbish", value(), None)).run()
    assert running.log.offsets == [0, 2]
    assert running.dead_letters.published == [(1, "not_json"), (3, "tombstone")]
    assert running.broker.stored == {PLACE: 4}


def test_what_the_log_refuses_for_good_is_a_dead_letter() -> None:
    running = Running(FakeBroker(value(), value()), FakeLog(refuses={1: "not_storable"})).run()
    assert running.log.offsets == [0]
    assert running.dead_letters.published == [(1, "not_storable")]
    assert running.broker.stored == {PLACE: 2}


def test_a_contradictory_change_is_logged_and_marked() -> None:
    running = Running(FakeBroker(value(), value(changeAmount=3), value(newStock=102))).run()
    marks = [change.contradictory for change in running.log.changes.values()]
    assert marks == [False, True, True]


def test_while_the_store_is_down_it_polls_paused_and_then_loses_nothing() -> None:
    broker = FakeBroker(*[value()] * 5)
    paused_polls: list[bool] = []
    poll = broker.poll

    def watched(timeout: float) -> Message | None:
        paused_polls.append(broker.paused)
        return poll(timeout)

    broker.poll = watched  # type: ignore[method-assign]
    running = Running(broker, FakeLog(failures=3)).run()
    assert paused_polls.count(True) >= 3
    assert running.log.offsets == [0, 1, 2, 3, 4]
    assert not broker.paused
    assert running.metric("paused") == 0


def test_nothing_is_acknowledged_while_a_dead_letter_can_not_be_published() -> None:
    broker = FakeBroker(b"rubbish", value())
    seen: list[dict[tuple[str, int], int]] = []
    dead_letters = FakeDeadLetters(failures=2)
    deliver = dead_letters.deliver

    def watched(records: Any) -> Any:
        seen.append(dict(broker.stored))
        return deliver(records)

    dead_letters.deliver = watched  # type: ignore[method-assign]
    running = Running(broker, dead_letters=dead_letters).run()
    assert seen == [{}, {}, {}]
    assert dead_letters.published == [(0, "not_json")]
    assert broker.stored == {PLACE: 2}
    assert running.log.batches == [1]


def test_told_to_stop_while_the_store_is_down_it_leaves_the_batch_unacknowledged() -> None:
    broker = FakeBroker(value())
    running = Running(broker, FakeLog(failures=1_000_000))
    threading.Timer(0.05, running.consumer.stop).start()
    running.run()
    assert broker.stored == {}
    assert broker.closed


def test_a_partition_taken_away_meanwhile_is_not_acknowledged() -> None:
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


def test_a_topic_that_is_not_there_yet_is_no_reason_to_stop() -> None:
    broker = FakeBroker(value())
    broker.errors = [Message(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))]
    assert Running(broker).run().log.offsets == [0]


def test_being_shut_out_for_good_ends_it_after_leaving_the_group() -> None:
    broker = FakeBroker(value())
    broker.errors = [Message(error=KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))]
    with pytest.raises(IntakeFailed, match="fenced"):
        Running(broker).run()
    assert broker.closed


def test_a_defect_ends_it_without_acknowledging() -> None:
    broker = FakeBroker(value())
    running = Running(broker)
    running.log.append = lambda changes: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    with pytest.raises(ZeroDivisionError):
        running.run()
    assert broker.stored == {}
    assert broker.closed


def test_it_counts_what_it_does() -> None:
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


def test_lag_is_what_the_log_lacks() -> None:
    broker = FakeBroker(*[value()] * 5)
    running = Running(broker, FakeLog(failures=1_000_000))
    threading.Timer(0.05, running.consumer.stop).start()
    running.run()
    assert running.metric("lag", topic=TOPIC, partition="0") == 5


def test_health_tells_joined_from_lost() -> None:
    broker = FakeBroker(value())
    running = Running(broker)
    assert not running.consumer.health().joined
    running.run()
    assert running.consumer.health().joined
    broker.on_lost(broker, broker.assigned)
    assert not running.consumer.health().joined
