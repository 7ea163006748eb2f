"""What is said of Kafka while it is away, and why it is."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from order_service.domain.errors import BrokerUnavailable
from order_service.infrastructure.kafka import outages, watch
from order_service.infrastructure.kafka.causes import cause, telling
from order_service.infrastructure.kafka.metrics import tell_whether_up
from order_service.infrastructure.kafka.outages import Connections
from order_service.infrastructure.kafka.watch import KafkaWatch
from tests.unit.passing_time import Time

REFUSED = "h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms)"
GONE = KafkaError(KafkaError._TRANSPORT)
UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for module in (outages, watch):
        monkeypatch.setattr(module, "time", time)
    monkeypatch.setattr("order_service.application.outage.time", time)
    return time


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (REFUSED, "refused"),
        ("ssl://sasl.host:9/bootstrap: Connect to x failed: Connection refused", "refused"),
        ("h:1/bootstrap: Failed to resolve 'h:1': Name or service not known", "host is not known"),
        ("sasl_ssl://h:1/1: SASL authentication error: Authentication failed", "authentication"),
        ("ssl://h:1/1: SSL handshake failed: certificate verify failed", "TLS failed"),
        ("h:1/1: Disconnected while requesting ApiVersion: security.protocol", "port speaks"),
        ("h:1/1: ApiVersionRequest failed: Local: Timed out: probably due to", "no answer in time"),
        ("h:1/1: 3 request(s) timed out: disconnect (after 9ms in state UP)", "no answer in time"),
        ("h:1/1: Disconnected (after 9ms in state APIVERSION_QUERY)", "connection broke"),
        ("", "connection broke"),
    ],
)
def test_the_cause_of_a_kafka_outage_is_named_without_a_host(said: str, words: str) -> None:
    told = cause(said)
    assert words in told
    assert told.endswith((".", "?"))
    assert "h:1" not in told


def test_of_several_causes_of_an_outage_the_one_that_explains_the_others_is_named() -> None:
    assert "authentication" in telling([REFUSED, "h:1/1: SASL failed", "h:1/1: Disconnected"])


def test_an_outage_with_ten_complaints_a_second_is_three_lines_in_a_minute_and_a_half(
    time: Time,
) -> None:
    connections = Connections()
    with capture_logs() as lines:
        for _ in range(900):
            time.now += 0.1
            connections.complain(REFUSED)
            connections.unanswered()
        connections.answered()
        # Another client is a little late.
        connections.complain(REFUSED)
    assert [line["event"] for line in lines] == [
        "kafka_connection_troubled",
        "kafka_connection_troubled",
        "kafka_connection_troubled_over",
    ]
    assert "refused" in lines[0]["cause"]
    assert lines[1]["seconds"] == 60
    assert lines[2]["times"] == 1800


def test_what_fails_while_kafka_is_away_or_just_back_is_a_part_of_that_outage(time: Time) -> None:
    connections = Connections()
    assert not connections.troubled
    connections.unanswered()
    assert connections.troubled
    connections.answered()
    time.now += 14
    assert connections.troubled
    time.now += 2
    assert not connections.troubled


def test_trouble_with_one_broker_of_several_is_over_once_no_client_complains(time: Time) -> None:
    connections = Connections()
    with capture_logs() as lines:
        connections.complain(REFUSED)
        connections.answered()
        assert len(lines) == 1
        time.now += 36
        connections.answered()
    assert lines[-1]["event"] == "kafka_connection_troubled_over"


class Admin:
    """``answers``: a topic's id, or the error that is told of it."""

    def __init__(self, **answers: str | KafkaError) -> None:
        self.answers = answers
        self.settings: dict[str, str | KafkaError] = {}
        self.described = 0

    def list_topics(self, timeout: float) -> None:
        if all(answer is GONE for answer in self.answers.values()):
            raise KafkaException(GONE)

    def describe_topics(self, topics: Any, request_timeout: float) -> dict[str, Future[Any]]:
        self.described += 1
        return {topic: self._answer(topic) for topic in topics.topic_names}

    def describe_configs(self, asked: Any, request_timeout: float) -> dict[Any, Future[Any]]:
        return {each: self._setting(self.settings.get(each.name, GONE)) for each in asked}

    def _setting(self, found: str | KafkaError) -> "Future[Any]":
        future: Future[Any] = Future()
        if isinstance(found, str):
            future.set_result({"compression.type": SimpleNamespace(value=found)})
        else:
            future.set_exception(KafkaException(found))
        return future

    def poll(self, timeout: float) -> None: ...

    def _answer(self, topic: str) -> "Future[Any]":
        future: Future[Any] = Future()
        answer = self.answers[topic]
        if isinstance(answer, str):
            future.set_result(SimpleNamespace(topic_id=answer))
        else:
            future.set_exception(KafkaException(answer))
        return future


DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)


def watching(admin: Admin) -> KafkaWatch:
    return KafkaWatch(lambda: cast(Any, admin), list(admin.answers), Connections())


def test_kafka_is_away_when_it_has_not_answered_for_a_few_seconds(time: Time) -> None:
    admin = Admin(a="1")
    seen = watching(admin)
    registry = CollectorRegistry()
    tell_whether_up(registry, seen.check)
    with pytest.raises(BrokerUnavailable):
        seen.check()
    assert registry.get_sample_value("order_service_kafka_up") == 0
    seen.look()
    seen.check()
    admin.answers["a"] = GONE
    seen.look()
    seen.check()
    time.now += 6
    seen.look()
    with pytest.raises(BrokerUnavailable, match=r"has not answered since 2\d{3}-.*Z: no answer"):
        seen.check()
    assert registry.get_sample_value("order_service_kafka_up") == 0
    admin.answers["a"] = "1"
    seen.look()
    seen.check()
    assert registry.get_sample_value("order_service_kafka_up") == 1


def test_topics_are_described_only_by_a_broker_that_answers(time: Time) -> None:
    admin = Admin(a=GONE)
    seen = watching(admin)
    for _ in range(3):
        seen.look()
    assert admin.described == 0
    admin.answers["a"] = "1"
    seen.look()
    assert admin.described == 1


def test_kafka_is_away_when_a_question_to_it_hangs(time: Time) -> None:
    seen = watching(Admin(a="1"))
    seen.look()
    time.now += 9
    seen.check()
    time.now += 2
    with pytest.raises(BrokerUnavailable, match="has not answered since 2"):
        seen.check()


def test_a_missing_topic_is_a_problem_only_if_no_other_topic_exists() -> None:
    admin = Admin(a=UNKNOWN, b=UNKNOWN)
    seen = watching(admin)
    with capture_logs() as lines:
        seen.look()
        seen.look()
        assert "(a, b): check the spelling" in str(seen.topics_problem)
        admin.answers["b"] = "1"
        seen.look()
        assert seen.topics_problem is None
    told = [line["event"] for line in lines if line["event"] != "topic_settings_unknown"]
    assert told == ["no_stock_topic_exists", "stock_topics_missing"]


def test_each_topic_whose_records_may_expand_without_bound_is_logged_once() -> None:
    admin = Admin(a="1", b="1", c="1", d="1", e="1")
    settings = ("producer", "lz4", "uncompressed", "zstd")
    admin.settings = dict(zip("abcd", settings, strict=True)) | {"e": DENIED}
    seen = watching(admin)
    with capture_logs() as lines:
        seen.look()
        seen.look()
        admin.answers["b"] = "2"
        seen.look()
    told = [(line["log_level"], line["event"].split("_")[0], line["topic"]) for line in lines]
    warned = [("warning", "records", topic) for topic in "ab"]
    assert told == [*warned, ("info", "topic", "e"), ("warning", "records", "b")]
    assert "compression.type to uncompressed" in lines[0]["remedy"]


def test_a_topic_with_another_id_was_made_anew() -> None:
    admin = Admin(a="1", b="1")
    seen = watching(admin)
    seen.look()
    admin.answers["a"] = UNKNOWN
    seen.look()
    assert seen.made_anew() == []
    admin.answers["a"] = "2"
    seen.look()
    assert [topic for topic, _ in seen.made_anew()] == ["a"]
    assert seen.made_anew() == []


def test_a_remark_on_the_settings_that_each_client_repeats_is_one_line() -> None:
    remark = "CONFWARN [order-service#consumer-%d] [thrd:app]: `%s` is not what you want"
    with capture_logs() as logged:
        for number in range(3):
            logger = outages.logger({"sasl.password": "secret"})
            logger.warning(remark % (number, "a test's own secret"))
    assert [each["said"] for each in logged] == [
        "`a test's own <sasl.password>` is not what you want"
    ]
