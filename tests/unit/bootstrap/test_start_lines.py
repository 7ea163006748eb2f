"""What API and worker say of themselves when they start."""

from importlib.metadata import version

import pytest

from order_service.bootstrap.start_lines import of_api, of_worker
from order_service.settings import Settings

SECRET = "hunter2"
SETTINGS = Settings(
    mongo_uri=f"mongodb://shop:{SECRET}@a.example:1,[::1]:2/orders?replicaSet=x&authSource={SECRET}",
    inventory_service_url=f"https://shop:{SECRET}@stock.example/base",
    redis_url=f"redis://:{SECRET}@cache.example:6379/0",
    kafka_broker="k1.example:9092,k2.example:9092",
    worker_port=3101,
)


def test_the_apis_start_line_says_what_it_is_and_what_it_talks_to_without_a_secret() -> None:
    line = of_api(SETTINGS, [("127.0.0.1", 3100), ("::1", 3100, 0, 0), "/run/api.sock"])
    assert SECRET not in str(line)
    assert line == {
        "version": version("order-service"),
        "store": "a.example:1,[::1]:2",
        "inventory": "stock.example",
        "contract": "absolute",
        "redis": "cache.example:6379",
        "open_to": "everybody",
        "addresses": ["127.0.0.1:3100", "[::1]:3100", "/run/api.sock"],
        "metrics_port": None,
        "processes": 2,
    }


def test_the_workers_start_line_names_its_broker_group_and_topics() -> None:
    line = of_worker(SETTINGS)
    assert SECRET not in str(line)
    assert line["broker"] == "k1.example:9092,k2.example:9092"
    assert line["group"] == "order-service-group"
    assert line["topics"] == ("stock-updates", "stock_updates")
    assert line["addresses"] == ["127.0.0.1:3101"]


def test_a_start_line_names_the_issuer_whose_callers_may_use_the_api() -> None:
    settings = Settings(
        auth_jwks_url=f"https://keys.example/set?key={SECRET}",
        auth_issuer="https://issuer.example",
        auth_audience="orders",
    )
    line = of_api(settings, [])
    assert line["open_to"] == "https://issuer.example"
    assert SECRET not in str(line)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("unix:///run/redis.sock?password=hunter2", "/run/redis.sock"),
        ("unix://shop:hunter2@/run/redis.sock", "/run/redis.sock"),
        (None, None),
    ],
)
def test_a_start_line_names_the_redis_that_is_set(url: str | None, shown: str | None) -> None:
    assert of_api(Settings(redis_url=url), [])["redis"] == shown
