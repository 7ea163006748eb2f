"""Settings: defaults, sources, and one clear line for what can't be."""

from pathlib import Path
from typing import Any

import pytest
from limits.storage import RedisStorage, storage_from_string

from order_service.infrastructure.mongo import connection
from order_service.interface.http import limits
from order_service.settings import Settings, SettingsError


def reason(**environment: str) -> str:
    """Why the start stops: one line."""
    with pytest.raises(SettingsError) as stopped:
        Settings.load(environment)
    [line] = str(stopped.value).splitlines()
    return line


def test_no_setting_needs_to_be_set() -> None:
    assert Settings.load({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("PORT", "8080", "port", 8080),
        ("STORE_TIMEOUT", "0.5", "store_timeout", 0.5),
        ("INVENTORY_CONTRACT", "conditional", "inventory_contract", "conditional"),
        ("INVENTORY_SERVICE_URL", "https://a.test/b", "inventory_service_url", "https://a.test/b"),
        ("CURRENCY", "EUR", "currency", "EUR"),
        ("KAFKA_BROKER", "a:1,b:2", "kafka_broker", "a:1,b:2"),
        ("KAFKA_STOCK_TOPICS", " a , b,", "kafka_stock_topics", ("a", "b")),
        ("MONGO_URI", "mongodb+srv://a.test", "mongo_uri", "mongodb+srv://a.test"),
    ],
)
def test_a_setting_is_read_from_the_environment(
    name: str, value: str, field: str, expected: Any
) -> None:
    assert getattr(Settings.load({name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URI", "mongodb://shop:p%40ss@a:1,b:2/orders?replicaSet=rs0&authSource=admin"),
        ("MONGO_URI", "mongodb+srv://shop:p@a.test/orders?retryWrites=true&w=majority"),
        ("MONGO_URI", "mongodb+srv://a.test/?authMechanism=MONGODB-X509"),
        ("MONGO_URI", "mongodb://[::1]:27017"),
        ("MONGO_URI", "mongodb://%2Ftmp%2Fmongodb-27017.sock/orders"),
        ("MONGO_URI", "mongodb://a?tls=true"),
        ("REDIS_URL", "redis://shop:p%2Fss@[::1]:6379/3?client_name=orders&protocol=3"),
        ("REDIS_URL", "rediss://a.test?ssl_cert_reqs=none&health_check_interval=30"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("INVENTORY_SERVICE_URL", "http://shop:p%2Fss@[::1]:3200/inventory/"),
        ("INVENTORY_SERVICE_URL", "https://bücher.test"),
        ("KAFKA_BROKER", "[::1]:9092,SASL_SSL://kafka.test:9093"),
        ("KAFKA_GROUP", "the shop's group"),
        ("RATE_LIMIT_WRITES", "10/second; 1000/day"),
        ("RATE_LIMIT_READS", "off"),
        ("SCRIPT_NAME", "/.shop/v1.2"),
        ("KAFKA_STOCK_TOPICS", "a" * 245),
        ("HOST", "ip6-localhost.shop_1.test"),
    ],
)
def test_a_value_that_the_libraries_take_is_taken(name: str, value: str) -> None:
    given = {"AUTH_DISABLED": "true", name: value}
    assert str(getattr(Settings.load(given), name.lower())).strip("(),'") == value


def test_a_key_set_may_be_asked_for_with_a_query() -> None:
    issuer = {"AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}
    url = "https://issuer.test:8443/keys?tenant=shop"
    assert Settings.load(issuer | {"AUTH_JWKS_URL": url}).auth_jwks_url == url


def test_origins_are_kept_as_browsers_send_them() -> None:
    given = "https://Shop.Example:443, http://shop.example:8080,http://[::1]:80"
    origins = Settings.load({"CORS_ORIGINS": given}).cors_origins
    assert origins == ("https://shop.example", "http://shop.example:8080", "http://[::1]")


@pytest.mark.parametrize("url", ["redis://a.test/0", "rediss://a.test/0", "unix:///run/redis.sock"])
def test_the_rate_limiter_takes_each_kind_of_redis_url(url: str) -> None:
    assert Settings.load({"REDIS_URL": url}).redis_url == url
    assert isinstance(storage_from_string(limits._storage(url)), RedisStorage)


@pytest.mark.parametrize(
    ("environment", "database"),
    [
        ({}, "orders"),
        ({"MONGO_DATABASE": "shop"}, "shop"),
        ({"MONGO_URI": "mongodb://a"}, "orders"),
        ({"MONGO_URI": "mongodb://a/"}, "orders"),
        ({"MONGO_URI": "mongodb://a/shop"}, "shop"),
        ({"MONGO_URI": "mongodb://a", "MONGO_DATABASE": "shop"}, "shop"),
        ({"MONGO_URI": "mongodb://a/shop?authSource=admin", "MONGO_DATABASE": "shop"}, "shop"),
    ],
)
def test_the_database_is_that_of_mongo_database_or_of_mongo_uri(
    environment: dict[str, str], database: str
) -> None:
    connected = connection.connect(Settings.load(environment))
    connected.client.close()
    assert connected.name == database


def test_the_environment_goes_before_the_env_file_and_an_empty_value_counts_as_unset(
    tmp_path: Path,
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=1\nWEB_THREADS=7\nWEB_WORKERS=3\n")
    settings = Settings.load({"PORT": "2", "WEB_WORKERS": ""}, dotenv)
    assert (settings.port, settings.web_threads) == (2, 7)
    assert settings.web_workers == Settings().web_workers


def test_an_env_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert Settings.load({}, tmp_path / ".env") == Settings()


def test_a_variable_that_is_no_setting_is_not_looked_at() -> None:
    assert Settings.load({"PATH": "/bin", "PORTS": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("WEB_WORKERS", "0"),
        ("WEB_THREADS", "1000"),
        ("LOG_LEVEL", "LOUD"),
        ("MONGO_URI", "localhost:27017"),
        ("MONGO_DATABASE", "a b"),
        ("STORE_TIMEOUT", "0"),
        ("STORE_TIMEOUT", "soon"),
        ("STORE_TIMEOUT", "nan"),
        ("REQUEST_DEADLINE", "inf"),
        ("INVENTORY_SERVICE_URL", "inventory"),
        ("INVENTORY_SERVICE_URL", "ftp://inventory"),
        ("INVENTORY_CONTRACT", "relative"),
        ("BREAKER_FAILURES", "0"),
        ("IDEMPOTENCY_KEY_HOURS", "23"),
        ("KAFKA_BROKER", "nowhere"),
        ("KAFKA_BROKER", "a:1, b:2"),
        ("KAFKA_STOCK_TOPICS", " , "),
        ("AUTH_DISABLED", "perhaps"),
    ],
)
def test_a_bad_value_of_a_setting_is_refused_in_one_line_that_names_the_setting(
    name: str, value: str
) -> None:
    line = reason(**{name: value})
    assert line.startswith(f"Bad setting: {name}: ")
    assert ".env.example" in line


def test_a_bad_value_of_a_setting_is_not_repeated_as_it_may_hold_a_password() -> None:
    assert "secret" not in reason(MONGO_URI="mongo://root:secret@host")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"LEASE_SECONDS": "7.9"}, ["LEASE_SECONDS", "INVENTORY_READ_TIMEOUT", "8"]),
        ({"REQUEST_DEADLINE": "3"}, ["REQUEST_DEADLINE", "STORE_TIMEOUT", "3"]),
        ({"SETTLE_AFTER": "9"}, ["SETTLE_AFTER", "REQUEST_DEADLINE", "10"]),
        ({"HOST": "0.0.0.0"}, ["HOST", "AUTH_DISABLED"]),
        ({"HOST": "shop.test"}, ["HOST", "AUTH_DISABLED"]),
        ({"HOST": "::"}, ["HOST", "AUTH_DISABLED"]),
    ],
)
def test_settings_that_do_not_fit_together_are_named(
    environment: dict[str, str], named: list[str]
) -> None:
    line = reason(**environment)
    assert [name for name in named if name not in line] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_an_open_service_may_listen_on_loopback(host: str) -> None:
    assert Settings.load({"HOST": host}).host == host


def test_an_open_service_may_listen_elsewhere_when_that_is_meant() -> None:
    assert Settings.load({"HOST": "0.0.0.0", "AUTH_DISABLED": "true"}).auth_disabled is True


def test_any_option_of_librdkafka_can_be_given() -> None:
    settings = Settings.load(
        {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_CONSUMER_FETCH_MIN_BYTES": "10",
            "KAFKA_PRODUCER_LINGER_MS": "5",
            "KAFKA_GROUP": "a group",
        }
    )
    assert settings.kafka_config == {
        "common": {"security.protocol": "SASL_SSL"},
        "consumer": {"fetch.min.bytes": "10"},
        "producer": {"linger.ms": "5"},
    }
    assert settings.kafka_group == "a group"


def test_the_representation_of_the_settings_shows_no_password() -> None:
    settings = Settings.load({"KAFKA_SASL_PASSWORD": "secret"})
    assert "secret" not in repr(settings)
