"""The settings: the environment, then ``.env``. An empty value counts as not set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from devstack.errors import DevstackError
from devstack.ports import LOOPBACK, free_port

_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared with, not bound to

_ISSUERS = ("AUTH_JWKS_URL", "AUTH_JWKS_URL_FILE", "AUTH_JWKS_FILE")


@dataclass(frozen=True)
class Configuration:
    """The settings that decide which parts are started; the service reads the rest itself."""

    mongo_uri: str | None
    kafka_broker: str | None
    inventory_url: str | None
    contract: str
    asks_for_tokens: bool
    host: str
    port: int
    worker_port: int

    @classmethod
    def load(cls, environment: Mapping[str, str], folder: Path) -> "Configuration":
        """Raises DevstackError for a malformed port."""
        merged = {**dotenv_values(folder / ".env"), **environment}
        given = {name: value for name, value in merged.items() if value}
        return cls(
            mongo_uri=_secret("MONGO_URI", given, folder),
            kafka_broker=given.get("KAFKA_BROKER"),
            inventory_url=_secret("INVENTORY_SERVICE_URL", given, folder),
            contract=given.get("INVENTORY_CONTRACT", "absolute"),
            asks_for_tokens=any(given.get(name) for name in _ISSUERS),
            host=given.get("HOST", LOOPBACK),
            port=_port("PORT", given.get("PORT", "3100")) or free_port(),
            worker_port=_port("WORKER_PORT", given.get("WORKER_PORT", "3101")),
        )

    @property
    def reachable_host(self) -> str:
        """The host at which a client on this machine reaches the API."""
        return _WILDCARDS.get(self.host, self.host)

    @property
    def api_url(self) -> str:
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def _secret(name: str, given: Mapping[str, str], folder: Path) -> str | None:
    """The value, or the text of the file that NAME_FILE names; the service judges both."""
    if name in given or f"{name}_FILE" not in given:
        return given.get(name)
    try:
        return (folder / given[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise DevstackError(f"{name}_FILE can't be read.") from None


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise DevstackError(f"{name} must be a whole number from 0 to 65535, not {text!r}.")
    return int(text)
