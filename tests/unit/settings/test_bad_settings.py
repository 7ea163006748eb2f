"""Whatever a setting is given, the start goes on or stops with one line that names it, and what may
hold a password is in no such line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from hypothesis import HealthCheck, example, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from order_service.infrastructure.kafka import build, config
from order_service.settings import Settings, SettingsError

SECRET = "hunter2"
ISSUER = {"AUTH_ISSUER": "https://issuer.test", "AUTH_AUDIENCE": "orders"}
HTTPS = {"INVENTORY_SERVICE_URL": "https://inventory.test"}
MONGO = f"mongodb://shop:{SECRET}@mongo.test"
REDIS = f"redis://:{SECRET}@redis.test"
HTTP = f"http://shop:{SECRET}@inventory.test"

BAD: list[tuple[str, str] | tuple[str, str, Mapping[str, str]]] = [
    ("HOST", "::1%eth0"),
    ("HOST", "127.0.0.1:3100"),
    ("HOST", "unix:/run/orders.sock"),
    ("HOST", "*"),
    ("HOST", "http://shop.test"),
    ("HOST", "[::1"),
    ("HOST", "0.0.0.0"),
    ("PORT", "eighty"),
    ("PORT", "65536"),
    ("PORT", "9" * 5000),
    ("WEB_WORKERS", "0"),
    ("WEB_THREADS", "2.5"),
    ("METRICS_PORT", "3100"),
    ("LOG_LEVEL", "info"),
    ("STOP_DELAY", "-1"),
    ("TRUSTED_PROXIES", "all"),
    ("SCRIPT_NAME", "//evil.example"),
    ("SCRIPT_NAME", "/shop/.."),
    ("CORS_ORIGINS", "shop.example"),
    ("CORS_ORIGINS", "https://shop.example/"),
    ("CORS_ORIGINS", "https://*.shop.example"),
    ("CORS_ORIGINS", "https://shop.example:port"),
    ("CORS_ORIGINS", f"https://shop:{SECRET}@shop.example"),
    ("RATE_LIMIT_WRITES", "often"),
    ("RATE_LIMIT_WRITES", "0 per minute"),
    ("RATE_LIMIT_READS", "5 per 10000000000 years"),
    ("CACHE_TTL_SECONDS", "nan"),
    ("CACHE_MAX_ORDERS", "0"),
    ("REDIS_URL", "redis.test:6379"),
    ("REDIS_URL", f"redis://:{SECRET}/x@redis.test/0"),
    ("REDIS_URL", f"redis://:12#{SECRET}@redis.test/0"),
    ("REDIS_URL", f"{REDIS}:99999/0"),
    ("REDIS_URL", f"{REDIS}:0/0"),
    ("REDIS_URL", f"{REDIS}/orders"),
    ("REDIS_URL", f"{REDIS}/0?bogus=1"),
    ("REDIS_URL", f"{REDIS}/0?decode_responses=true"),
    ("REDIS_URL", f"{REDIS}/0?socket_timeout=60"),
    ("REDIS_URL", f"{REDIS}/0?connection_class=x"),
    ("REDIS_URL", f"{REDIS}/?db=-1"),
    ("REDIS_URL", f"{REDIS}/0?protocol=9"),
    ("REDIS_URL", f"{REDIS}/0?ssl_cert_reqs=none"),
    ("REDIS_URL", f"redis://:{SECRET}@{'a' * 64}.test/0"),
    ("REDIS_URL", "rediss://redis.test/0?ssl_ca_certs=/absent.pem"),
    ("REDIS_URL", "rediss://redis.test/0?ssl_keyfile=/absent.pem"),
    ("REDIS_URL", f"redis://:{SECRET}@%2e%2e/0"),
    ("REDIS_URL", "unix://"),
    ("AUTH_JWKS_URL", f"https://issuer.test:port/keys?key={SECRET}", ISSUER),
    ("AUTH_JWKS_URL", f"https://issuer.test:99999/keys?key={SECRET}", ISSUER),
    ("AUTH_JWKS_URL", f"http://[::1/keys?key={SECRET}", ISSUER),
    ("AUTH_JWKS_URL", f"https://a..b/{SECRET}", ISSUER),
    ("AUTH_JWKS_FILE", "/absent.json", ISSUER),
    ("AUTH_JWKS_FILE", "/", ISSUER),
    ("AUTH_JWKS_FILE", __file__, ISSUER),
    ("AUTH_CA_FILE", "/absent.pem", ISSUER | {"AUTH_JWKS_URL": "https://issuer.test/keys"}),
    ("AUTH_ISSUER", " issuer.test"),
    ("AUTH_AUDIENCE", "orders\n"),
    ("AUTH_LEEWAY", "-1"),
    ("AUTH_JWKS_COOLDOWN", "0"),
    ("AUTH_JWKS_MAX_AGE", "never"),
    ("AUTH_DISABLED", "perhaps"),
    ("CONSOLE", "perhaps"),
    ("CONSOLE_LOGIN_URL", "http://login.test/authorize"),
    ("CONSOLE_LOGIN_URL", f"https://shop:{SECRET}@login.test/authorize"),
    ("CONSOLE_LOGIN_URL", "https://login.test/authorize#here"),
    ("CONSOLE_TOKEN_URL", "https://login.test;script-src/token"),
    ("CONSOLE_TOKEN_URL", "https://login.test:port/token"),
    ("CONSOLE_CLIENT_ID", "console\n"),
    ("MONGO_URI", "mongo.test:27017"),
    ("MONGO_URI", f"mongodb://shop:p@{SECRET}@mongo.test/orders"),
    ("MONGO_URI", f"mongodb://shop:%{SECRET}@mongo.test/orders"),
    ("MONGO_URI", f"mongodb://shop:p?{SECRET}@mongo.test/orders"),
    ("MONGO_URI", f"mongodb://shop:p/{SECRET}@mongo.test/orders"),
    ("MONGO_URI", f"{MONGO}\n"),
    ("MONGO_URI", f"{MONGO}:99999/orders"),
    ("MONGO_URI", f"{MONGO}/orders?bogus=1"),
    ("MONGO_URI", f"{MONGO}/orders?timeoutMS=soon"),
    ("MONGO_URI", f"{MONGO},other.test/orders?directConnection=true"),
    ("MONGO_URI", f"{MONGO}/orders?tls=true&tlsCAFile=/absent.pem"),
    ("MONGO_URI", f"{MONGO}/orders?authMechanism=none"),
    ("MONGO_URI", f"mongodb+srv://shop:{SECRET}@mongo.test:27017/orders"),
    ("MONGO_URI", f"mongodb+srv://shop:{SECRET}@mongo.test/orders?bogus=1"),
    ("MONGO_URI", f"{MONGO}/admin"),
    ("MONGO_URI", f"{MONGO}/local"),
    ("MONGO_URI", f"mongodb+srv://shop:{SECRET}@mongo.test/Config?tls=true"),
    ("MONGO_URI", f"{MONGO}/orders.orders"),
    ("MONGO_URI", f"{MONGO}/{'a' * 64}"),
    ("MONGO_URI", f"{MONGO}/orders?minPoolSize=65"),
    ("MONGO_URI", f"{MONGO}/orders?tls=true&minpoolsize=9", {"MONGO_POOL_SIZE": "8"}),
    ("MONGO_DATABASE", "a b"),
    ("MONGO_DATABASE", "admin"),
    ("MONGO_DATABASE", "shop", {"MONGO_URI": f"{MONGO}/orders"}),
    ("STORE_TIMEOUT", "soon"),
    ("MONGO_POOL_SIZE", "0"),
    ("INVENTORY_SERVICE_URL", "inventory"),
    ("INVENTORY_SERVICE_URL", f"{HTTP}:port"),
    ("INVENTORY_SERVICE_URL", f"{HTTP}:65536/"),
    ("INVENTORY_SERVICE_URL", f"{HTTP}:0"),
    ("INVENTORY_SERVICE_URL", f"http://shop:p/{SECRET}@inventory.test"),
    ("INVENTORY_SERVICE_URL", f"{HTTP}/?version=1"),
    ("INVENTORY_SERVICE_URL", f"{HTTP}/#top"),
    ("INVENTORY_SERVICE_URL", "http://*.inventory.test"),
    ("INVENTORY_SERVICE_URL", f"http://inventory..test/{SECRET}"),
    ("INVENTORY_SERVICE_URL", f"http://☃:{SECRET}@inventory.test"),
    ("INVENTORY_CA_FILE", "/absent.pem", HTTPS),
    ("INVENTORY_CA_FILE", f"-----BEGIN {SECRET}", HTTPS),
    ("INVENTORY_CLIENT_CERT", __file__, HTTPS),
    ("INVENTORY_CLIENT_KEY", "/absent.pem", HTTPS),
    ("INVENTORY_CONTRACT", "relative"),
    ("CURRENCY", "eur"),
    ("CURRENCY", "EURO"),
    ("CURRENCY", "€"),
    ("CURRENCY", "EUR\n"),
    ("INVENTORY_CONNECT_TIMEOUT", "0"),
    ("INVENTORY_READ_TIMEOUT", "1e400"),
    ("BREAKER_FAILURES", "0"),
    ("BREAKER_RESET", "inf"),
    ("REQUEST_DEADLINE", "3"),
    ("LEASE_SECONDS", "7.9"),
    ("SETTLE_AFTER", "9"),
    ("SETTLE_INTERVAL", """ 1 s"""),
    ("IDEMPOTENCY_KEY_HOURS", "23"),
    ("IDEMPOTENCY_KEY_HOURS", "99999999"),
    ("MAX_HOLD_SECONDS", "0"),
    ("MAX_HOLD_SECONDS", "900.5"),
    ("MAX_HOLD_SECONDS", "31536001"),
    ("MAX_HOLDS_PER_CALLER", "0"),
    ("MAX_HOLDS_PER_CALLER", "10001"),
    ("KAFKA_BROKER", "nowhere"),
    ("KAFKA_BROKER", "a:1, b:2"),
    ("KAFKA_BROKER", "a:65536"),
    ("KAFKA_BROKER", "a:1,,b:2"),
    ("KAFKA_BROKER", "[::1:9092"),
    ("KAFKA_BROKER", "tcp://10.0.0.7:9092"),
    ("KAFKA_BROKER", "a:1,ssl://b:2,kafka://c:3"),
    ("KAFKA_GROUP", "orders\x00"),
    ("KAFKA_STOCK_TOPICS", " , "),
    ("KAFKA_STOCK_TOPICS", "a,a"),
    ("KAFKA_STOCK_TOPICS", "a.b,a_b"),
    ("KAFKA_STOCK_TOPICS", "a,a-dlt"),
    ("KAFKA_STOCK_TOPICS", "."),
    ("KAFKA_STOCK_TOPICS", "stock-updates,__consumer_offsets"),
    ("KAFKA_STOCK_TOPICS", "^stock.*"),
    ("KAFKA_STOCK_TOPICS", "stock updates"),
    ("KAFKA_STOCK_TOPICS", "a" * 246),
    ("KAFKA_ORDER_TOPIC", ".."),
    ("KAFKA_ORDER_TOPIC", "__consumer_offsets"),
    ("KAFKA_ORDER_TOPIC", "stock-updates"),
    ("KAFKA_ORDER_TOPIC", "stock-updates-dlt"),
    ("KAFKA_ORDER_TOPIC", "a" * 250),
    ("CONSUMER_BATCH_SIZE", "0"),
    ("STOCK_EVENT_MAX_BYTES", "255"),
    ("WORKER_PORT", "3101/tcp"),
    ("STOCK_CHANGE_RETENTION_DAYS", "-1"),
    ("STOCK_CHANGE_RETENTION_DAYS", "24856"),
]


def refusal(environment: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.load(environment)
    [line] = str(refused.value).splitlines()
    return line


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]}={bad[1][:60]}")
def test_a_bad_value_is_one_line_that_names_the_variable_and_keeps_the_secret(bad: Any) -> None:
    name, value, *others = bad
    line = refusal({**(others[0] if others else {}), name: value})
    assert line.startswith("Bad setting: ")
    assert name in line
    assert SECRET not in line


def test_every_setting_has_a_bad_value_in_these_tests() -> None:
    assert {bad[0] for bad in BAD} == Settings.names()


# --- librdkafka's options, which the worker gives it before anything else

OPTIONS = [
    {"KAFKA_SECURITY_PROTOCOL": SECRET},
    {"KAFKA_SASL_MECHANISM": SECRET, "KAFKA_SECURITY_PROTOCOL": "sasl_ssl"},
    {"KAFKA_SSL_KEY_PEM": SECRET, "KAFKA_SECURITY_PROTOCOL": "ssl"},
    {"KAFKA_SSL_CA_LOCATION": f"/absent/{SECRET}.pem", "KAFKA_SECURITY_PROTOCOL": "ssl"},
    {"KAFKA_SSL_KEYSTORE_LOCATION": f"/{SECRET}", "KAFKA_SECURITY_PROTOCOL": "ssl"},
    {"KAFKA_CONSUMER_FETCH_MIN_BYTES": "many"},
    {"KAFKA_CONSUMER_FETCH_MIN_BYTES": "-1"},
    {"KAFKA_CONSUMER_SESSION_TIMEOUT_MS": "99999999999"},
    {"KAFKA_PRODUCER_COMPRESSION_TYPE": "zip"},
    {"KAFKA_PRODUCER_PARTITIONER": "mine"},
    {"KAFKA_PRODUCER_LINGER_MS": "5000", "KAFKA_PRODUCER_DELIVERY_TIMEOUT_MS": "1"},
    {"KAFKA_DEBUG": "everything"},
    {"KAFKA_SASL_PASSWORD": f"{SECRET}\udc80"},
    {"KAFKA_PLUGIN_LIBRARY_PATHS": "/absent"},
    {"KAFKA_DEFAULT_TOPIC_CONFIG": "x"},
    {"KAFKA_SECURTY_PROTOCOL": "SSL"},
    {"KAFKA_SSL_CA": "/etc/ca.pem"},
    {"KAFKA_SASL_PASS": SECRET},
    {"KAFKA_CONSUMER_FETCH_MIN": "5"},
    {"KAFKA_PRODUCER_LINGR_MS": "5"},
    {"KAFKA_CONSUMER_PASSWORD": SECRET},
    {"KAFKA_GROUP_ID": "orders"},
    {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"},
]


def start_worker(settings: Settings) -> None:
    config.build(Consumer, config.consumer_config(settings), settings).close()
    build.event_publisher(settings)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
def test_an_option_that_librdkafka_refuses_is_one_line_without_the_secret(
    options: Mapping[str, str],
) -> None:
    with pytest.raises(SettingsError) as refused:
        start_worker(Settings.load({"KAFKA_BROKER": "127.0.0.1:1", **options}))
    [line] = str(refused.value).splitlines()
    assert line.startswith("Bad setting: KAFKA_")
    assert next(iter(options)) in line
    assert SECRET not in line


# --- any text for any variable

NAMES = sorted(Settings.names())
PIECES = st.sampled_from(
    [
        *(
            "mongodb://",
            "mongodb+srv://",
            "redis://",
            "rediss://",
            "unix://",
            "https://",
            "http://",
        ),
        *(
            "://",
            ":",
            "/",
            "?",
            "#",
            "[",
            "]",
            "@",
            "%",
            "%41",
            "&",
            "=",
            ",",
            ".",
            "..",
            "-",
            "\\",
        ),
        *("h", "shop.test", "::1", "0", "1", "99999", "9" * 25, "1e999", "nan", "off", " per "),
        *("minute", "orders", "admin", "bogus=1", "tls=true", "w=many", "db=x", "authSource="),
        *("decode_responses=true", "\n", " ", "\t", "\x00", "é", "☃", "\udc80", "true", SECRET),
    ]
)
VALUES = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.tuples(st.text(max_size=20), st.text(max_size=20)).map(SECRET.join),
    st.floats().map(str),
    st.integers().map(str),
)


def loaded(environment: Mapping[str, str], dotenv: Path | None = None) -> Settings | None:
    """None where the start stops as it should; what it says then holds no secret."""
    try:
        return Settings.load(environment, dotenv)
    except SettingsError as error:
        [line] = str(error).splitlines()
        assert line.startswith("Bad setting: ")
        # Where it listens is no secret, and told.
        assert SECRET not in line or "HOST" in environment
        return None


@tries(max_examples=400, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), VALUES)
@example("MONGO_URI", f"mongodb://{SECRET}")
def test_any_text_for_any_setting_is_taken_or_refused_in_one_line(name: str, value: str) -> None:
    settings = loaded({name: value})
    assert SECRET not in repr(settings) or name not in {"MONGO_URI", "REDIS_URL"}


@tries(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
def test_any_texts_for_several_settings_are_taken_or_refused_in_one_line(
    environment: dict[str, str],
) -> None:
    loaded(environment)


@tries(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    *NAMES,
                    "WEB_WORKER",
                    "KAFKA_HOME",
                    "=",
                    "\n",
                    "'",
                    '"',
                    "#",
                    "${",
                    "}",
                    "export ",
                    "\r\n",
                    "\ufeff",
                    SECRET,
                    " ",
                    ":",
                    "\\",
                    "1",
                ]
            ),
            max_size=15,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_any_bytes_in_the_env_file_are_taken_or_refused_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(content)
    loaded({}, dotenv)
