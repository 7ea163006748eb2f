"""What strangers and their programs put on the topics, on the real broker: each record ends in the
log or among the dead letters, no partition stands still, and nothing is lost without a word."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.bootstrap.commands import Commands
from order_service.interface.cli.dead_letters import dead_letters
from order_service.settings import Settings
from tests.integration.kafka.raw_records import RawHeader, send_raw
from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.system import Parts, System
from tests.unit.infrastructure.kafka.fakes import value
from tests.unit.infrastructure.kafka.hostile_records import (
    HEADER_VALUES,
    KEYS,
    RAW_NAMES,
    TIMESTAMPS,
    VALUES,
)
from tests.waiting import until

GENERATED = 200
NO_INVENTORY = "http://127.0.0.1:9"
UNBOUNDED = "records_may_expand_without_bound"
# A worker that had to expand it would need twice as much. So does the broker, of its 256 MB.
EXPANDED = 64_000_000


@pytest.fixture
def stage(mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    with Stage(mongo.uri, kafka.bootstrap) as stage:
        yield stage


def command(stage: Stage, *words: str) -> str:
    with ExitStack() as stack:
        commands = Commands(stage.settings, stack)
        result = CliRunner().invoke(dead_letters, words, obj=commands)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def dealt_with(stage: Stage) -> set[tuple[int, int]]:
    """The partitions and offsets that are in the log or among the dead letters."""
    logged = {(e["source"]["partition"], e["source"]["offset"]) for e in stage.entries()}
    try:
        letters = stage.read(f"{stage.topic}-dlt")
    except KeyError:
        letters = []
    return logged | {original(letter) for letter in letters}


def original(letter: Message) -> tuple[int, int]:
    sent: dict[str, Any] = dict(letter.headers() or [])
    return int(sent["dead-letter.partition"]), int(sent["dead-letter.offset"])


@dataclass
class Generated:
    """All that Hypothesis makes up in one test, to go through the broker together."""

    raw: list[tuple[bytes, list[RawHeader]]]
    plain: list[tuple[bytes | None, bytes | None, int]]


def generate(number: int) -> Generated:
    made = Generated([], [])

    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(VALUES, KEYS, TIMESTAMPS, st.lists(st.tuples(RAW_NAMES, HEADER_VALUES), max_size=6))
    def make(content: bytes | None, key: bytes | None, at: int, sent: list[RawHeader]) -> None:
        made.raw.append((content or b"", sent))
        made.plain.append((content, key, at))

    make()
    return made


# Kafka takes no record of the future unless it is told to.
ANY_TIME = {"message_timestamp_after_max_ms": str(2**63 - 1)}


def test_each_of_hundreds_of_generated_records_is_logged_or_a_dead_letter(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1, **ANY_TIME)
    generated = generate(GENERATED)
    for content, sent in generated.raw[:GENERATED]:
        send_raw(stage.bootstrap, stage.topic, content, sent)
    for plain, key, at in generated.plain[:GENERATED]:
        stage.send(plain, key=key, timestamp=at if 0 < at < 2**62 else 0)
    stage.send(value(note="last"))
    total = len(stage.read(stage.topic))
    assert total == 2 * GENERATED + 1
    with RunningConsumer(stage) as running:
        until(lambda: stage.committed() == total, "the topic's end", 60)
        assert running.metric("consumed_total", topic=stage.topic) == total
    places = {(0, n) for n in range(total)}
    assert places <= dealt_with(stage)
    assert stage.entries()[-1]["payload"]["note"] == "last"
    listed = json.loads(command(stage, "list", "--json", "--limit", "10000"))
    assert len(listed) == len(stage.read(f"{stage.topic}-dlt"))
    assert "Traceback" not in command(stage, "show", "--limit", "10000")


def test_a_header_whose_name_is_not_utf8_stops_nothing(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1)
    odd: list[RawHeader] = [(b"tr\xe4ce", b"1"), (b"n\x00ul", None), (b"\xff", b"\xff")]
    # The interpreter treats a call otherwise that it has seen often.
    stage.send(*[value()] * 100, headers=[("trace", b"1")])
    send_raw(stage.bootstrap, stage.topic, value(note="sound"), odd)
    send_raw(stage.bootstrap, stage.topic, b"rubbish", odd)
    stage.send(value(note="after"))
    with RunningConsumer(stage):
        until(lambda: stage.committed() == 103, "all of them")
    assert [e["payload"]["note"] for e in stage.entries()[100:]] == ["sound", "after"]
    (letter,) = stage.read(f"{stage.topic}-dlt")
    assert letter.value() == b"rubbish"
    assert dict(letter.headers() or [])["dead-letter.cut"] == b"headers"
    assert "in part  headers" in command(stage, "show")


def large(stage: Stage, size: int, codec: str) -> Any:
    """One record of so many bytes that are few on the way; answers what the broker has against
    it."""
    producer = Producer(
        {
            "bootstrap.servers": stage.bootstrap,
            "compression.type": codec,
            "message.max.bytes": 1_000_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "batch.size": 2_000_000_000,
        }
    )
    outcomes: list[Any] = []
    producer.produce(stage.topic, bytes(size), on_delivery=lambda error, _: outcomes.append(error))
    assert producer.flush(60) == 0
    (outcome,) = outcomes
    return outcome


@pytest.mark.parametrize(
    ("codec", "size", "code", "cut"),
    [
        ("gzip", 8_000_000, b"too_large", None),
        ("gzip", 16_777_216, b"too_large", b"value"),
        ("lz4", 60_000_000, b"too_large", b"value"),
        # More than librdkafka expands: it fetches the batch again for ever.
        ("zstd", 120_000_000, b"unreadable", b"headers,key,value"),
    ],
)
def test_a_record_that_is_small_on_the_way_and_large_when_expanded_holds_up_nothing(
    stage: Stage, codec: str, size: int, code: bytes, cut: bytes | None
) -> None:
    """Where the broker does not look how large it becomes."""
    stage.create_topic(stage.topic, 1, compression_type="producer")
    assert large(stage, size, codec) is None
    stage.send(value())
    with RunningConsumer(stage):
        until(lambda: stage.committed() == 2, "both records dealt with", 30)
    assert len(stage.entries()) == 1
    (letter,) = stage.read(f"{stage.topic}-dlt")
    told = dict(letter.headers() or [])
    assert told["dead-letter.code"] == code
    assert told.get("dead-letter.cut") == cut
    assert told["dead-letter.offset"] == b"0"
    if cut == b"value":
        assert told["dead-letter.value-bytes"] == str(size).encode()
    if cut:
        letter_id = f"{stage.topic}-dlt/{letter.partition()}/{letter.offset()}"
        refused = command(stage, "replay")
        assert f"Refused 1 dead letter ({letter_id}), kept in part: " in refused


@pytest.mark.parametrize("codec", ["gzip", "lz4"])
def test_a_record_that_expands_beyond_its_topics_limit_never_reaches_a_worker(
    mongo: Mongod, kafka: KafkaBroker, stage: Stage, tmp_path: Path, codec: str
) -> None:
    stage.create_topic(stage.topic, 1)
    stage.create_topic(stage.other_topic, 1, compression_type="producer")
    system = System(
        Parts(mongo, kafka, NO_INVENTORY),
        tmp_path,
        {**stage.environment, "LOG_LEVEL": "INFO"},
        api_processes=0,
    )
    with system:
        stage.send(value(n=0))
        stage.await_entries(1)
        before = largest(system)
        refused = large(stage, EXPANDED, codec)
        assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
        stage.send(value(n=1))
        assert [e["payload"]["n"] for e in stage.await_entries(2)] == [0, 1]
        assert largest(system) - before < EXPANDED
        told = [line for line in system.logs()["worker 0"].splitlines() if UNBOUNDED in line]
    assert len(told) == 1
    for word in (stage.other_topic, '"producer"', "compression.type to uncompressed"):
        assert word in told[0]


def largest(system: System) -> int:
    """The most bytes that the worker ever had in memory."""
    status = Path(f"/proc/{system.worker[0].pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


LIES: list[tuple[str, bytes | None]] = [
    ("replay.count", b"9" * 5000),
    ("dead-letter.offset", b"9223372036854775808"),
    ("dead-letter.timestamp", b"1795629600000000"),
    ("dead-letter.topic", b"payments"),
    ("dead-letter.partition", None),
    ("dead-letter.code", b"\x1b[2J" * 100),
    ("dead-letter.reason", b"x" * 50_000),
    ("\n\x07", b"\xff"),
]


def test_an_odd_letter_does_not_end_the_list_of_dead_letters(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1)
    letters = f"{stage.topic}-dlt"
    stage.create_topic(letters, 1, **ANY_TIME)
    deep = b"[" * 900 + b"]" * 900
    stage.send(b"strange", topic=letters, headers=LIES, timestamp=1_795_629_600_000_000)
    send_raw(stage.bootstrap, letters, b"raw", [(b"tr\xe4ce", b"1")])
    stage.send(deep, b'{"a": 1e999}', b'{"a": NaN}', b'"\\ud800"', None, topic=letters)
    stage.send(value(), topic=letters)
    assert len(command(stage, "list").splitlines()) == 9
    assert len(json.loads(command(stage, "list", "--json"))) == 8
    page = command(stage, "show", "--limit", "100")
    assert "buried   unknown" in page
    assert "\x1b" not in page
    assert "Replayed 8 dead letters." in command(stage, "replay")
    # To the letters' own topic, whatever a stranger named.
    assert len(stage.read(stage.topic)) == 8


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_topic_that_is_made_anew_while_it_is_read_is_read_from_its_beginning(
    mongo: Mongod, kafka: KafkaBroker, protocol: str
) -> None:
    given = {"KAFKA_CONSUMER_GROUP_PROTOCOL": protocol}
    # As it is by default: the consumer's own view of its topics is seconds old.
    given["KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS"] = "5000"
    with Stage(mongo.uri, kafka.bootstrap, **given) as stage:
        stage.create_topic(stage.topic, 1)
        stage.send(*[value(old=n) for n in range(15)])
        with RunningConsumer(stage) as running:
            stage.await_entries(15)
            until(lambda: stage.committed() == 15, "the commit")
            stage.admin.delete_topics([stage.topic])[stage.topic].result()
            until(lambda: made(stage), "the new topic")
            fresh = Producer({"bootstrap.servers": stage.bootstrap})
            for n in range(100):
                fresh.produce(stage.topic, value(new=n), partition=0)
            assert fresh.flush(20) == 0
            news = until(lambda: whole(stage), "all of the hundred, logged or as dead letters", 30)
            assert running.metric("topics_made_anew_total", topic=stage.topic) == 1
            until(lambda: stage.committed() == 100, "the commit")
    assert news == set(range(100))


def made(stage: Stage) -> bool:
    try:
        stage.create_topic(stage.topic, 1)
    except KafkaException:
        return False
    return True


def whole(stage: Stage) -> set[int]:
    """The numbers of the new events that were dealt with, once all hundred are."""
    found = {e["payload"]["new"] for e in stage.entries() if "new" in e["payload"]}
    try:
        letters = stage.read(f"{stage.topic}-dlt")
    except (KeyError, KafkaException):
        # Just being made.
        return set()
    for letter in letters:
        found.add(json.loads(letter.value() or b"{}")["new"])
    return found if len(found) == 100 else set()


def test_records_that_their_topic_deleted_unread_are_counted(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1)
    stage.send(value(n=0))
    with RunningConsumer(stage):
        until(lambda: stage.committed() == 1, "the first")
    stage.send(*[value(n=n) for n in range(1, 21)])
    stage.delete_before(stage.topic, 11)
    stage.send(value(n=21))
    with RunningConsumer(stage) as running:
        until(lambda: running.metric("missed_total", topic=stage.topic) == 10, "the count", 20)
        assert len(stage.await_entries(12)) == 12


def test_lag_is_none_behind_transactions_that_were_aborted(stage: Stage) -> None:
    stage.create_topic(stage.topic, 1)
    stage.send(value())
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": stage.topic})
    producer.init_transactions(20)
    for _ in range(20):
        producer.begin_transaction()
        producer.produce(stage.topic, value())
        producer.flush(20)
        producer.abort_transaction(20)
    lag = {"topic": stage.topic, "partition": "0"}
    with RunningConsumer(stage) as running:
        until(lambda: stage.committed() == 1, "the one that counts")
        series = "order_service_stock_events_lag"
        until(lambda: running.registry.get_sample_value(series, lag) == 0, "no lag", 15)


def test_a_topic_that_does_not_exist_is_named_until_it_exists(stage: Stage) -> None:
    with RunningConsumer(stage, joined=True) as running:
        problem = until(lambda: running.watch.topics_problem, "a word of it")
        assert stage.topic in str(problem)
        running.watch.check()
        stage.create_topic(stage.other_topic, 1)
        until(lambda: running.watch.topics_problem is None, "no problem any more")
        stage.send(value(), topic=stage.other_topic)
        stage.await_entries(1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"KAFKA_BROKER": "127.0.0.1:9"}, "refused"),
        ({"KAFKA_BROKER": "no-such-host.invalid:9092"}, "host is not known"),
        ({"KAFKA_SECURITY_PROTOCOL": "ssl"}, "TLS failed|closes the connection"),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "sasl_plaintext",
                "KAFKA_SASL_MECHANISM": "PLAIN",
                "KAFKA_SASL_USERNAME": "shop",
                "KAFKA_SASL_PASSWORD": "wrong",
            },
            "authentication failed",
        ),
    ],
)
def test_the_reason_why_dead_letters_can_not_be_read_is_named_soon(
    stage: Stage, given: dict[str, str], words: str
) -> None:
    stage.settings = Settings.load({**stage.environment, **given})
    begun = time.monotonic()
    with pytest.raises(Exception, match=f"The dead letters can't be read: .*({words})"):
        command(stage, "list")
    assert time.monotonic() - begun < 9
