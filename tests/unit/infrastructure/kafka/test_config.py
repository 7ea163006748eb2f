"""Any librdkafka setting passes; unknown ones and ours are refused in one line, secrets kept."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from structlog.testing import capture_logs

from order_service.infrastructure.kafka import build, config, options, outages
from order_service.settings import Settings, SettingsError

NOBODY = {"KAFKA_BROKER": "127.0.0.1:1"}


def settings(environment: Mapping[str, str]) -> Settings:
    return Settings.load({**NOBODY, **environment})


def refusal(environment: Mapping[str, str], make: Any = build.event_publisher) -> str:
    with pytest.raises(SettingsError) as refused:
        make(settings(environment))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_kafka_consumer_setting_reaches_the_consumer_alone() -> None:
    given = settings({"KAFKA_CONSUMER_FETCH_MIN_BYTES": "7", "KAFKA_PRODUCER_LINGER_MS": "9"})
    assert config.consumer_config(given)["fetch.min.bytes"] == "7"
    assert "linger.ms" not in config.consumer_config(given)
    assert config.producer_config(given)["linger.ms"] == "9"
    assert "fetch.min.bytes" not in config.producer_config(given)


def test_a_common_kafka_setting_reaches_all_clients_and_a_narrower_one_goes_before() -> None:
    given = settings(
        {"KAFKA_SOCKET_TIMEOUT_MS": "5000", "KAFKA_PRODUCER_SOCKET_TIMEOUT_MS": "6000"}
    )
    assert config.consumer_config(given)["socket.timeout.ms"] == "5000"
    assert config.producer_config(given)["socket.timeout.ms"] == "6000"
    assert config.admin_config(given)["socket.timeout.ms"] == "6000"


def test_a_kafka_default_of_ours_can_be_changed() -> None:
    given = settings({"KAFKA_CONSUMER_AUTO_OFFSET_RESET": "latest"})
    assert config.consumer_config(settings({}))["auto.offset.reset"] == "earliest"
    assert config.consumer_config(given)["auto.offset.reset"] == "latest"


@pytest.mark.parametrize("name", ["KAFKA_GROUP_PROTOCOL", "KAFKA_CONSUMER_GROUP_PROTOCOL"])
def test_kafka_group_protocol_consumer_leaves_the_assignment_to_the_broker(name: str) -> None:
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
def test_kafka_settings_have_librdkafkas_names_with_underscores_for_dots(
    environment: Mapping[str, str],
) -> None:
    given = settings(environment)
    config.build(Consumer, config.consumer_config(given), given).close()
    config.build(Producer, config.producer_config(given), given)


def test_an_unknown_kafka_setting_is_refused_by_its_name_in_the_environment() -> None:
    line = refusal({"KAFKA_PRODUCER_LINGER": "5"})
    assert line.startswith("Bad setting: KAFKA_PRODUCER_LINGER: ")
    assert 'No such configuration property: "linger"' in line


def test_an_invalid_value_of_a_kafka_setting_is_refused() -> None:
    line = refusal({"KAFKA_SECURITY_PROTOCOL": "carrier-pigeon"})
    assert line.startswith("Bad setting: KAFKA_SECURITY_PROTOCOL: ")


def test_a_kafka_setting_of_the_bindings_that_is_no_text_is_refused() -> None:
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
def test_a_kafka_setting_that_the_service_decides_is_refused_with_the_remedy(
    name: str, remedy: str
) -> None:
    make = config.consumer_config if "CONSUMER" in name else config.producer_config
    line = refusal({name: "1"}, make)
    assert line.startswith(f"Bad setting: {name}: ")
    assert remedy in line


def test_a_kafka_secret_is_in_no_message_and_in_no_representation() -> None:
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


def test_librdkafkas_errors_reach_the_log_without_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outages, "CONNECTIONS", outages.Connections())
    given = settings(
        {"KAFKA_SASL_OAUTHBEARER_CONFIG": "scope=hunter2 x", "KAFKA_SASL_PASSWORD": "p"}
    )
    made = config.consumer_config(given)
    with capture_logs() as logs:
        made["error_cb"](
            KafkaError(KafkaError._AUTHENTICATION, "Unrecognized config at: hunter2 x")
        )
        made["logger"].warning("Unrecognized sasl.oauthbearer.config beginning at: hunter2 x")
    told = str(logs)
    assert len(logs) == 2
    assert "hunter2" not in told
    assert "beginning at" in told


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "OPTS", "HEAP_OPTS", "LOG4J_OPTS", "JMX_OPTS", "JMX_PORT", "GC_LOG_OPTS"),
        *("LOG_DIRS", "LISTENERS", "ADVERTISED_LISTENERS", "NODE_ID", "PROCESS_ROLES", "VERSION"),
        *("CFG_LISTENERS", "ZOOKEEPER_CONNECT", "SCHEMA_REGISTRY_URL", "URL", "PORT"),
    ],
)
def test_another_programs_kafka_variable_is_logged_once_and_not_used(name: str) -> None:
    options.is_used.cache_clear()
    given = settings({f"KAFKA_{name}": "-Xmx1G", "KAFKA_CLIENT_RACK": "a"})
    with capture_logs() as logs:
        made = [config.consumer_config(given), config.producer_config(given)]
        config.build(Producer, made[1], given)
    told = [each for each in logs if each["event"] == "variable_is_no_setting"]
    assert [each["name"] for each in told] == [f"KAFKA_{name}"]
    assert all(each["client.rack"] == "a" for each in made)
    assert "-Xmx1G" not in str(made)


def test_a_kafka_variable_that_is_nearly_a_setting_of_ours_is_logged_with_that_setting() -> None:
    options.is_used.cache_clear()
    with capture_logs() as logs:
        config.consumer_config(settings({"KAFKA_STOCK_TOPIC": "stock"}))
    assert [each["meant"] for each in logs] == ["KAFKA_STOCK_TOPICS"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_SECURTY_PROTOCOL", "KAFKA_SECURITY_PROTOCOL"),
        ("KAFKA_SASL_MECHANIZM", "KAFKA_SASL_MECHANISM"),
        ("KAFKA_PRODUCER_LINGER", "KAFKA_PRODUCER_LINGER_MS"),
        ("KAFKA_CONSUMER_SASL_USER", "KAFKA_CONSUMER_SASL_USERNAME"),
    ],
)
def test_a_misspelt_kafka_setting_is_refused_with_the_name_that_is_meant(
    name: str, meant: str
) -> None:
    make = config.consumer_config if "CONSUMER" in name else config.producer_config
    assert f"Is {meant} meant?" in refusal({name: "SSL"}, make)


def test_librdkafka_itself_says_whether_a_name_is_an_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = options._NAMES
    monkeypatch.setattr(options, "_NAMES", [])
    assert [each for each in listed if not options._is_option(each)] == []
    assert not options._is_option("heap.opts")


def test_kafka_client_id_sets_the_name_that_brokers_see() -> None:
    assert config.producer_config(settings({}))["client.id"] == "order-service"
    for make in (config.consumer_config, config.producer_config, config.admin_config):
        assert make(settings({"KAFKA_CLIENT_ID": "orders-7"}))["client.id"] == "orders-7"
