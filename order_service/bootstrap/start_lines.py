"""What a process says of itself when it starts: what it is, and what it talks to. No user, no
password and no option of a URL is in it."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from order_service.settings import Settings


def of_api(settings: Settings, addresses: Iterable[Any]) -> dict[str, Any]:
    """``addresses``: as the sockets have them that the API listens on."""
    return {
        **_common(settings),
        "redis": _hosts(settings.redis_url) if settings.redis_url else None,
        "open_to": _who_may(settings),
        "addresses": [_shown(each) for each in addresses],
        "metrics_port": settings.metrics_port or None,
        "processes": settings.web_workers,
    }


def of_worker(settings: Settings) -> dict[str, Any]:
    listens = [_shown((settings.host, settings.worker_port))] if settings.worker_port else []
    return {
        **_common(settings),
        "broker": settings.kafka_broker,
        "group": settings.kafka_group,
        "topics": settings.kafka_stock_topics,
        "addresses": listens,
    }


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "version": version("order-service"),
        "store": _hosts(settings.mongo_uri),
        "inventory": _hosts(settings.inventory_service_url),
        "contract": settings.inventory_contract,
    }


def _hosts(url: str) -> str:
    """``a:1,b:2`` of ``mongodb://user:password@a:1,b:2/database?options``; of a Unix socket its
    path."""
    login_and_hosts, _, path = url.partition("://")[2].partition("?")[0].partition("/")
    return login_and_hosts.rpartition("@")[2] or f"/{path}"


def _who_may(settings: Settings) -> str:
    return settings.auth_issuer or "" if settings.has_issuer else "everybody"


def _shown(address: Any) -> str:
    """Of a Unix socket its path."""
    if not isinstance(address, tuple):
        return str(address)
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"
