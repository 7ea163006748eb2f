"""The API's dead letters while their broker is away, hangs and is back, and the API's few lines."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Producer

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.system import Parts, System
from tests.waiting import until

NO_INVENTORY = "http://127.0.0.1:9"
PATH = "/api/dead-letters"
LETTERS = "stock-updates-dlt"
# Seconds within which a request is answered: 2 to wait for its turn, 5 to read, 6 to send.
LIMIT = 15
SETTINGS = {"WEB_WORKERS": "1", "LOG_LEVEL": "INFO"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One that nobody else misses."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as kafka:
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        for topic in ("stock-updates", LETTERS):
            producer.produce(topic, b"rubbish", partition=0)
        assert producer.flush(20) == 0
        yield kafka


@pytest.fixture
def system(mongo: Mongod, broker: KafkaBroker, tmp_path: Path) -> Iterator[System]:
    with System(Parts(mongo, broker, NO_INVENTORY), tmp_path, SETTINGS, workers=0) as system:
        yield system


def ask(system: System, path: str = PATH) -> requests.Response:
    return system.request("GET", path, timeout=LIMIT)


def replay(system: System) -> requests.Response:
    body = {"ids": [f"{LETTERS}/0/0"]}
    return system.request("POST", f"{PATH}/replay", json=body, timeout=LIMIT)


def server(system: System) -> Path:
    """What is known of gunicorn's process that serves."""
    master = system.api[0].pid
    [child] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return Path("/proc") / child


def has_loaded_kafka(system: System) -> bool:
    return "rdkafka" in (server(system) / "maps").read_text()


def threads_of_kafka(system: System) -> list[str]:
    names = [each.read_text() for each in (server(system) / "task").glob("*/comm")]
    return [name for name in names if name.startswith("rdk")]


def told(system: System) -> list[dict[str, Any]]:
    """The lines of the API's log, but those of the requests and gunicorn's own."""
    lines = [line for line in system.api[0].log().splitlines() if line.startswith("{")]
    return [each for each in map(json.loads, lines) if each["event"] != "request"]


def test_kafka_is_loaded_when_it_is_first_asked_for_and_nothing_of_a_request_stays(
    system: System,
) -> None:
    assert system.request("GET", "/api/stuck-orders").status_code == 200
    assert not has_loaded_kafka(system)
    answer = ask(system)
    assert (answer.status_code, len(answer.json()["deadLetters"])) == (200, 1)
    assert has_loaded_kafka(system)
    assert ask(system, f"{PATH}/{LETTERS}/0/0").json()["deadLetter"]["value"] == "rubbish"
    assert replay(system).json()["replayed"] == [f"{LETTERS}/0/0"]
    until(lambda: threads_of_kafka(system) == [], "the end of Kafka's threads")


def test_requests_for_dead_letters_at_one_time_are_all_answered(system: System) -> None:
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: ask(system), range(4)))
    # On a slow machine some may have waited for too long.
    assert {each.status_code for each in answers} <= {200, 503}
    assert any(each.status_code == 200 for each in answers)
    assert {each.json()["code"] for each in answers if each.status_code == 503} <= {"busy"}


def test_without_its_broker_each_request_is_a_503_and_the_log_has_few_lines(
    system: System, broker: KafkaBroker
) -> None:
    before = len(told(system))
    broker.kill()
    try:
        requested = [ask(system), ask(system, f"{PATH}/{LETTERS}/0/0"), replay(system)] * 2
    finally:
        broker.start()
    for answer in requested:
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert "127.0.0.1" not in answer.text
    assert "refused" in requested[0].json()["detail"]
    assert [each["event"] for each in told(system)[before:]] == ["kafka_connection_troubled"]
    assert ask(system).status_code == 200
    assert told(system)[-1]["event"] == "kafka_connection_troubled_over"
    until(lambda: threads_of_kafka(system) == [], "the end of Kafka's threads")


def test_a_broker_that_hangs_is_a_503_in_time_and_another_request_does_not_wait_for_it(
    system: System, broker: KafkaBroker
) -> None:
    before = len(told(system))
    broker.process.signal(signal.SIGSTOP)
    stat = Path(f"/proc/{broker.pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the broker's stop")
    try:
        with ThreadPoolExecutor(2) as clients:
            both = list(clients.map(lambda _: ask(system), range(2)))
        last = replay(system)
    finally:
        broker.process.signal(signal.SIGCONT)
    assert {each.status_code for each in (*both, last)} == {503}
    assert {each.json()["code"] for each in both} == {"broker_unavailable", "busy"}
    assert last.json()["code"] == "broker_unavailable"
    assert "no answer in time" in last.json()["detail"]
    assert [each["event"] for each in told(system)[before:]] == ["kafka_connection_troubled"]
    until(lambda: ask(system).status_code == 200, "the list", 20)
    assert told(system)[-1]["event"] == "kafka_connection_troubled_over"
    until(lambda: threads_of_kafka(system) == [], "the end of Kafka's threads")
