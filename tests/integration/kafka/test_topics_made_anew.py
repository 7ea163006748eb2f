"""A topic is deleted and made again under the worker, time after time. Its new records have places
that the log knows other records by: each is logged or one dead letter, and once all are replayed
each is logged once."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, Message, Producer

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.application.stock_log.dead_letters import DeadLetterQuery
from order_service.application.stock_log.read_dead_letters import ReadDeadLetters
from order_service.application.stock_log.replay_dead_letters import (
    ReplayDeadLetters,
    ReplayOptions,
    ReplayReport,
)
from order_service.infrastructure.kafka.build import dead_letter_box
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until

PARTITIONS = 4
TIMES = 5
# The fourth that a new topic holds is poison whatever the log knows.
POISON = range(3, 100, 25)

Event = tuple[int, int]


@pytest.fixture(params=["classic", "consumer"])
def stage(request: pytest.FixtureRequest, mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    given = {"KAFKA_CONSUMER_GROUP_PROTOCOL": request.param}
    # As it is by default: the consumer's own view of its topics is seconds old.
    given["KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS"] = "5000"
    with Stage(mongo.uri, kafka.bootstrap, **given) as stage:
        yield stage


def test_each_record_of_a_topic_made_anew_is_logged_once_or_is_one_dead_letter(
    stage: Stage,
) -> None:
    sent = {(time, n) for time in range(TIMES) for n in range(100)}
    with RunningConsumer(stage) as running:
        for time in range(TIMES):
            fill_anew(stage, running, time)
        dead = Counter(map(event, letters(stage)))
        assert [each for each, number in dead.items() if number > 1] == []
        assert set(logged(stage)) | set(dead) == sent
        assert set(logged(stage)) & set(dead) == set()

        replayed = replay(stage)
        assert len(replayed.replayed) == len(dead)
        good = {each for each in sent if each[1] not in POISON}
        until(lambda: set(logged(stage)) == good, "each good event in the log", 40)
        again = replay(stage)
        assert {event_of(each.value) for each in again.replayed} == sent - good
    assert set(logged(stage).values()) == {1}


def test_a_record_with_several_dead_letters_is_logged_once_whichever_is_replayed(
    stage: Stage,
) -> None:
    """As a worker leaves them that dies between a letter and its commit."""
    stage.create_topic(stage.topic, 1)
    stage.send(value(note="old"))
    with RunningConsumer(stage):
        until(lambda: stage.committed() == 1, "the old record")
    stage.make_topic_anew(stage.topic)
    stage.send(value(note="new"))
    for _ in range(2):
        with RunningConsumer(stage):
            until(lambda: stage.committed() == 1, "the dead letter")
        stage.admin.delete_consumer_groups([stage.settings.kafka_group])[
            stage.settings.kafka_group
        ].result()
    first, second = letters(stage)
    for letter in (first, second, first):
        place = f"{letter.topic()}/{letter.partition()}/{letter.offset()}"
        replay(stage, DeadLetterQuery(ids=frozenset([place])))
    with RunningConsumer(stage):
        until(lambda: stage.committed() == len(stage.read(stage.topic)), "the replays", 20)
    assert [e["payload"]["note"] for e in stage.entries()] == ["old", "new"]


def fill_anew(stage: Stage, running: RunningConsumer, time: int) -> None:
    """Returns once all of it is dealt with, and nothing is left to be read again."""
    make_anew(stage)
    produce(stage, time)
    until(lambda: dealt_with(stage, time), "all that was sent", 40)
    until(lambda: seen(running) == time, "the new topic to be seen as one")
    until(lambda: stage.committed() == 100, "its end to be committed", 20)


def make_anew(stage: Stage) -> None:
    if stage.topic in stage.admin.list_topics(timeout=10).topics:
        stage.admin.delete_topics([stage.topic])[stage.topic].result()
    until(lambda: made(stage), "the new topic")


def made(stage: Stage) -> bool:
    try:
        stage.create_topic(stage.topic, PARTITIONS)
    except KafkaException:
        return False
    return True


def produce(stage: Stage, time: int) -> None:
    """With a producer of its own, which knows no older topic."""
    producer = Producer({"bootstrap.servers": stage.bootstrap})
    for n in range(100):
        fields = {"changeType": "stolen"} if n in POISON else {}
        producer.produce(stage.topic, value(time=time, n=n, **fields), partition=n * 7 % PARTITIONS)
    assert producer.flush(20) == 0


def seen(running: RunningConsumer) -> float:
    return sum(
        sample.value
        for metric in running.registry.collect()
        for sample in metric.samples
        if sample.name == "order_service_stock_events_topics_made_anew_total"
    )


def dealt_with(stage: Stage, time: int) -> bool:
    found = [*logged(stage), *map(event, letters(stage))]
    return len({n for at, n in found if at == time}) == 100


def logged(stage: Stage) -> Counter[Event]:
    return Counter((e["payload"]["time"], e["payload"]["n"]) for e in stage.entries())


def letters(stage: Stage) -> list[Message]:
    try:
        return stage.read(f"{stage.topic}-dlt")
    except (KeyError, KafkaException):
        # Not there, or just being made.
        return []


def event(letter: Message) -> Event:
    return event_of(letter.value())


def event_of(content: bytes | None) -> Event:
    said = json.loads(content or b"{}")
    return said["time"], said["n"]


def replay(stage: Stage, query: DeadLetterQuery | None = None) -> ReplayReport:
    box = dead_letter_box(stage.settings)
    read = ReadDeadLetters(box, MongoStockChangeLog(stage.database))
    return ReplayDeadLetters(box, read)(query or DeadLetterQuery(), ReplayOptions())
