"""Rules that several settings must keep together, or the files that settings name.

Each rule raises ValueError, whose text names the variable.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from order_service.settings import certificates, store_uri, topics

if TYPE_CHECKING:
    from order_service.settings import Settings

_LARGEST_KEY_SET: Final = 256 * 1024


def _issuer_is_complete(settings: "Settings") -> None:
    """Half the settings of an issuer must not leave the service open."""
    if settings.auth_jwks_url and settings.auth_jwks_file:
        raise ValueError("AUTH_JWKS_URL and AUTH_JWKS_FILE are both set: keep one of them")
    named = {"AUTH_ISSUER": settings.auth_issuer, "AUTH_AUDIENCE": settings.auth_audience}
    missing = [name for name, value in named.items() if not value]
    if settings.has_issuer and missing:
        raise ValueError(f"{missing[0]} must be set where a key set of an issuer is")
    if len(missing) < len(named) and not settings.has_issuer:
        raise ValueError(
            "AUTH_ISSUER or AUTH_AUDIENCE is set, but nothing to check tokens with: set "
            "AUTH_JWKS_URL or AUTH_JWKS_FILE"
        )
    if settings.has_issuer and settings.auth_disabled:
        raise ValueError(
            "AUTH_DISABLED is true and an issuer is configured (AUTH_JWKS_URL or "
            "AUTH_JWKS_FILE): drop one of the two"
        )


def _key_set_can_be_read(settings: "Settings") -> None:
    """Readiness says whether the file's keys can be used: the keys may change at any time."""
    if settings.auth_jwks_file and not _holds_key_set(settings.auth_jwks_file):
        raise ValueError("AUTH_JWKS_FILE: is no file with a JSON Web Key Set that can be read")


def _holds_key_set(path: Path) -> bool:
    try:
        certificates.require_file(path)
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST_KEY_SET + 1))
        return isinstance(content, dict) and isinstance(content.get("keys"), list)
    except Exception:  # noqa: BLE001  (what stands in a file may make a parser raise anything)
        return False


def _issuer_can_be_trusted(settings: "Settings") -> None:
    if settings.auth_ca_file is None:
        return
    if not (settings.auth_jwks_url or "").startswith("https://"):
        raise ValueError("AUTH_CA_FILE is set, but AUTH_JWKS_URL is no https:// URL")
    with _named("AUTH_CA_FILE"):
        certificates.check_authorities(settings.auth_ca_file)


def _metrics_have_a_port_of_their_own(settings: "Settings") -> None:
    if settings.metrics_port and settings.metrics_port == settings.port:
        raise ValueError(f"METRICS_PORT is PORT ({settings.port}): set another, or 0 for none")


def _open_service_stays_on_loopback(settings: "Settings") -> None:
    if not (settings.auth_disabled or settings.has_issuer or settings.on_loopback):
        raise ValueError(
            f"HOST is {settings.host}, and anybody who reaches it could order: no issuer is "
            "configured. Set AUTH_JWKS_URL, AUTH_DISABLED=true if that is meant, or "
            "HOST=127.0.0.1"
        )


def _console_can_log_in(settings: "Settings") -> None:
    urls = {
        "CONSOLE_LOGIN_URL": settings.console_login_url,
        "CONSOLE_TOKEN_URL": settings.console_token_url,
    }
    missing = [name for name, url in urls.items() if not url]
    if len(missing) == 1:
        raise ValueError(
            f"{missing[0]} must be set too: a login sends the browser to CONSOLE_LOGIN_URL, and "
            "has the token from CONSOLE_TOKEN_URL"
        )
    if not missing and not settings.has_issuer:
        raise ValueError(
            "CONSOLE_LOGIN_URL is set, but nothing to check tokens with: set AUTH_JWKS_URL or "
            "AUTH_JWKS_FILE"
        )


def _inventory_can_be_trusted(settings: "Settings") -> None:
    files = {
        "INVENTORY_CA_FILE": settings.inventory_ca_file,
        "INVENTORY_CLIENT_CERT": settings.inventory_client_cert,
        "INVENTORY_CLIENT_KEY": settings.inventory_client_key,
    }
    given = [name for name, path in files.items() if path is not None]
    if given and not settings.inventory_service_url.startswith("https://"):
        raise ValueError(f"{given[0]} is set, but INVENTORY_SERVICE_URL is no https:// URL")
    if settings.inventory_client_key and not settings.inventory_client_cert:
        raise ValueError("INVENTORY_CLIENT_KEY is set without INVENTORY_CLIENT_CERT")
    if settings.inventory_ca_file:
        with _named("INVENTORY_CA_FILE"):
            certificates.check_authorities(settings.inventory_ca_file)
    if settings.inventory_client_cert:
        with _named("INVENTORY_CLIENT_CERT"):
            certificates.check_own(settings.inventory_client_cert, settings.inventory_client_key)


def _database_is_named_once(settings: "Settings") -> None:
    if "mongo_uri" not in settings.model_fields_set:
        return
    with _named("MONGO_URI"):
        named = store_uri.named_database(settings.mongo_uri)
    if named and "mongo_database" in settings.model_fields_set and named != settings.mongo_database:
        raise ValueError(
            "MONGO_DATABASE: MONGO_URI names another database: name it in one of them only "
            "(MONGO_URI's option authSource names the database that keeps the user's password)"
        )


def _pool_has_room(settings: "Settings") -> None:
    if store_uri.smallest_pool(settings.mongo_uri) > settings.mongo_pool_size:
        raise ValueError(
            f"MONGO_URI: its option minPoolSize is more than MONGO_POOL_SIZE "
            f"({settings.mongo_pool_size})"
        )


def _topics_can_be_used(settings: "Settings") -> None:
    topics.check(settings.kafka_stock_topics, settings.kafka_order_topic)


def _times_fit_together(settings: "Settings") -> None:
    longest = settings.inventory_connect_timeout + settings.inventory_read_timeout
    if settings.lease_seconds < 2 * longest:
        raise ValueError(
            f"LEASE_SECONDS must be at least twice INVENTORY_CONNECT_TIMEOUT + "
            f"INVENTORY_READ_TIMEOUT ({2 * longest:g}), or a lease could end under a request"
        )
    if settings.request_deadline <= settings.store_timeout:
        raise ValueError(
            f"REQUEST_DEADLINE must be more than STORE_TIMEOUT ({settings.store_timeout:g}), "
            "which an order's last write may take"
        )
    if settings.settle_after < settings.request_deadline:
        raise ValueError(
            f"SETTLE_AFTER must be at least REQUEST_DEADLINE ({settings.request_deadline:g})"
        )


@contextmanager
def _named(variable: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


# In this order: the error names the first rule that is broken.
RULES: Final[Sequence[Callable[["Settings"], None]]] = (
    _issuer_is_complete,
    _key_set_can_be_read,
    _issuer_can_be_trusted,
    _metrics_have_a_port_of_their_own,
    _open_service_stays_on_loopback,
    _console_can_log_in,
    _inventory_can_be_trusted,
    _database_is_named_once,
    _pool_has_room,
    _topics_can_be_used,
    _times_fit_together,
)
