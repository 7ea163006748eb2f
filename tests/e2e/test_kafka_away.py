"""What a worker says while its broker is away: that it is so, since when and why, in few lines."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.system import Parts, System
from tests.waiting import until

NO_INVENTORY = "http://127.0.0.1:9"
# What is asked for.
SAID_WITHIN = 15.0
AWAY = 30.0
LINES = 12


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One that nobody else misses."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


def readiness(system: System) -> tuple[int, dict[str, Any]]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{system.worker_urls[0]}/health/ready", timeout=5)
    return answer.status_code, answer.json()["dependencies"]


def said(system: System, after: int = 0) -> list[dict[str, Any]]:
    """The lines of the worker's log."""
    return [json.loads(line) for line in system.worker[0].log().splitlines()[after:]]


def events(lines: list[dict[str, Any]]) -> str:
    return "\n".join(str(line) for line in lines)


def test_a_worker_says_that_its_broker_is_gone_and_back(
    mongo: Mongod, broker: KafkaBroker, tmp_path: Path
) -> None:
    parts = Parts(mongo, broker, NO_INVENTORY)
    make_topic(broker)
    with System(parts, tmp_path, {"LOG_LEVEL": "INFO"}, api_processes=0) as system:
        before = len(said(system))
        broker.kill()
        gone = time.monotonic()
        until(lambda: readiness(system)[0] == 503, "503", SAID_WITHIN)
        _, missing = readiness(system)
        assert "Kafka has not answered since 2" in missing["kafka"]["detail"]
        assert "refused" in missing["kafka"]["detail"]
        assert "127.0.0.1" not in str(missing)
        assert_names_kafka(missing)
        until(lambda: time.monotonic() - gone > AWAY, "the end of the outage", AWAY + 5, 0.5)
        while_away = said(system, before)
        assert len(while_away) <= LINES, events(while_away)
        assert "is Kafka up" in str(while_away[0].get("cause")), events(while_away)

        broker.start()
        until(lambda: readiness(system)[0] == 200, "200", SAID_WITHIN)
        until(lambda: "kafka_connection_troubled_over" in events(said(system, before)), "the end")
        assert len(said(system, before)) <= 2 * LINES, events(said(system, before))
        assert system.worker[0].alive


def test_a_worker_says_that_its_broker_hangs_or_was_stopped_and_is_back(
    mongo: Mongod, broker: KafkaBroker, tmp_path: Path
) -> None:
    """A broker that hangs holds its connections, so that nothing but the silence tells of it."""
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "hangs": (
            lambda: broker.process.signal(signal.SIGSTOP),
            lambda: broker.process.signal(signal.SIGCONT),
        ),
        "is stopped": (broker.stop, broker.start),
    }
    with System(Parts(mongo, broker, NO_INVENTORY), tmp_path, api_processes=0) as system:
        for way, (leave, come_back) in ways.items():
            began = datetime.now(UTC)
            told = seconds(leave, lambda: readiness(system)[0] == 503, f"503 while it {way}")
            _, missing = readiness(system)
            assert_names_kafka(missing)
            since = datetime.fromisoformat(missing["kafka"]["since"])
            # As iso writes it, without the parts of the second in which the broker left.
            assert began - timedelta(seconds=1) < since < datetime.now(UTC)
            back = seconds(come_back, lambda: readiness(system)[0] == 200, f"200 after it {way}")
            print(f"The broker {way}: 503 after {told:.1f} s, 200 {back:.1f} s after its return.")


def seconds(act: Callable[[], object], probe: Callable[[], bool], what: str) -> float:
    """From the end of ``act`` until ``probe`` holds."""
    act()
    began = time.monotonic()
    until(probe, what, SAID_WITHIN)
    return time.monotonic() - began


def assert_names_kafka(missing: dict[str, Any]) -> None:
    """For the consumer too."""
    assert "Kafka has not answered since" in missing["kafka"]["detail"]
    assert missing["consumer"]["detail"] == missing["kafka"]["detail"]
    assert "since" in missing["consumer"]
    assert missing["kafka"]["status"] == "unavailable"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "ssl"}, "TLS failed"),
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
def test_a_worker_that_kafka_does_not_let_in_says_why_in_few_lines(
    mongo: Mongod, broker: KafkaBroker, tmp_path: Path, given: dict[str, str], words: str
) -> None:
    system = System(Parts(mongo, broker, NO_INVENTORY), tmp_path, given, api_processes=0)
    system.migrate()
    system.worker[0].start()
    begun = time.monotonic()
    try:
        until(lambda: words in detail(system), f"the word {words}", SAID_WITHIN)
        until(lambda: time.monotonic() - begun > SAID_WITHIN, "15 s", SAID_WITHIN + 5, 0.5)
        assert len(said(system)) <= LINES, events(said(system))
        assert readiness(system)[0] == 503
    finally:
        system.stop()


def detail(system: System) -> str:
    try:
        return str(readiness(system)[1]["kafka"])
    except requests.RequestException:
        return ""


def make_topic(broker: KafkaBroker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic("stock-updates", 4)])["stock-updates"].result()
