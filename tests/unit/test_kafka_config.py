"""Any librdkafka setting passes; unknown ones and ours are refused in one line, secrets kept."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from structlog.testing import capture_logs

from order_service.infrastructure.kafka import build, config
from order_service.settings import Settings, SettingsError

NOBODY = {"KAFKA_BROKER": "127.0.0.1:1"}


def settings(environment: Mapping[str, str]) -> Settings:
    return Settings.load({**NOBODY, **environment})


def refusal(environment: Mapping[str, str], make: Any = build.event_publisher) -> str:
    with pytest.raises(SettingsError) as refused:
        make(settings(environment))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_consumer_setting_reaches_the_consumer_alone() -> None:
    given = settings({"KAFKA_CONSUMER_FETCH_MIN_BYTES": "7", "KAFKA_PRODUCER_LINGER_MS": "9"})
    assert config.consumer_config(given)["fetch.min.bytes"] == "7"
    assert "linger.ms" not in config.consumer_config(given)
    assert config.producer_config(given)["linger.ms"] == "9"
    assert "fetch.min.bytes" not in config.producer_config(given)


def test_a_common_setting_reaches_both_and_the_narrower_one_goes_before() -> None:
    given = settings(
        {"KAFKA_SOCKET_TIMEOUT_MS": "5000", "KAFKA_PRODUCER_SOCKET_TIMEOUT_MS": "6000"}
    )
    assert config.consumer_config(given)["socket.timeout.ms"] == "5000"
    assert config.producer_config(given)["socket.timeout.ms"] == "6000"
    assert config.admin_config(given)["socket.timeout.ms"] == "6000"


def test_a_default_of_ours_can_be_changed() -> None:
    given = settings({"KAFKA_CONSUMER_AUTO_OFFSET_RESET": "latest"})
    assert config.consumer_config(settings({}))["auto.offset.reset"] == "earliest"
    assert config.consumer_config(given)["auto.offset.reset"] == "latest"


@pytest.mark.parametrize("name", ["KAFKA_GROUP_PROTOCOL", "KAFKA_CONSUMER_GROUP_PROTOCOL"])
def test_the_brokers_own_assignment_is_one_setting_away(name: str) -> None:
    classic, by_broker = settings({}), settings({name: "consumer"})
    strategy = "partition.assignment.strategy"
    assert config.consumer_config(classic)[strategy] == "cooperative-sticky"
    assert strategy not in config.consumer_config(by_broker)
    for given in (classic, by_broker):
        config.build(Consumer, config.consumer_config(given), given).close()
        config.build(Producer, config.producer_config(given), given)


@pytest.mark.parametrize(
    "environment",
    [
        {"KAFKA_SSL_CA_LOCATION": "/etc/ssl/certs/ca-certificates.crt"},
        {"KAFKA_ENABLE_SSL_CERTIFICATE_VERIFICATION": "false"},
        {"KAFKA_SASL_OAUTHBEARER_CONFIG": "principal=admin"},
        {"KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://127.0.0.1/token"},
        {"KAFKA_CONSUMER_SESSION_TIMEOUT_MS": "10000"},
        {"KAFKA_PRODUCER_COMPRESSION_TYPE": "zstd"},
    ],
)
def test_names_are_librdkafkas_with_underscores_for_dots(environment: Mapping[str, str]) -> None:
    given = settings(environment)
    config.build(Consumer, config.consumer_config(given), given).close()
    config.build(Producer, config.producer_config(given), given)


def test_an_unknown_setting_is_refused_by_its_name_in_the_environment() -> None:
    line = refusal({"KAFKA_PRODUCER_LINGER": "5"})
    assert line.startswith("Bad setting: KAFKA_PRODUCER_LINGER: ")
    assert 'No such configuration property: "linger"' in line


def test_an_invalid_value_is_refused() -> None:
    line = refusal({"KAFKA_SECURITY_PROTOCOL": "carrier-pigeon"})
    assert line.startswith("Bad setting: KAFKA_SECURITY_PROTOCOL: ")


def test_a_setting_of_the_bindings_that_is_no_text_is_refused() -> None:
    assert "KAFKA_DEFAULT_TOPIC_CONFIG" in refusal({"KAFKA_DEFAULT_TOPIC_CONFIG": "x"})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKER"),
        ("KAFKA_METADATA_BROKER_LIST", "KAFKA_BROKER"),
        ("KAFKA_CONSUMER_GROUP_ID", "KAFKA_GROUP"),
        ("KAFKA_CONSUMER_ENABLE_AUTO_OFFSET_STORE", "promises"),
        ("KAFKA_CONSUMER_ENABLE_AUTO_COMMIT", "promises"),
        ("KAFKA_PRODUCER_ACKS", "promises"),
        ("KAFKA_PRODUCER_ENABLE_IDEMPOTENCE", "promises"),
        ("KAFKA_PRODUCER_TRANSACTIONAL_ID", "promises"),
    ],
)
def test_what_the_service_decides_itself_is_refused_with_the_remedy(name: str, remedy: str) -> None:
    make = config.consumer_config if "CONSUMER" in name else config.producer_config
    line = refusal({name: "1"}, make)
    assert line.startswith(f"Bad setting: {name}: ")
    assert remedy in line


def test_a_secret_is_in_no_message_and_in_no_representation() -> None:
    secret = "hunter2"
    given = {
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "KAFKA_SASL_PASSWORD": secret,
        # By mistake in the wrong place too, from where librdkafka repeats it.
        "KAFKA_SASL_MECHANISM": secret,
    }
    line = refusal(given)
    assert secret not in line
    assert "<sasl.password>" in line
    assert secret not in repr(settings(given))


def test_librdkafkas_words_reach_the_log_without_its_remarks_on_common_settings() -> None:
    logger = config.producer_config(settings({}))["logger"]
    with capture_logs() as logs:
        logger.warning(
            "Configuration property x is a consumer property and will be ignored by this"
        )
        logger.warning("Connect to 127.0.0.1:1 failed")
    assert [(each["said"], each["log_level"]) for each in logs] == [
        ("Connect to 127.0.0.1:1 failed", "warning")
    ]
    assert isinstance(logger, logging.Logger)
