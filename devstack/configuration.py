"""The settings: the environment, then ``.env``. An empty value counts as not set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from devstack.errors import DevstackError
from devstack.ports import LOOPBACK, free_port

_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared with, not bound to


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
            mongo_uri=given.get("MONGO_URI"),
            kafka_broker=given.get("KAFKA_BROKER"),
            inventory_url=given.get("INVENTORY_SERVICE_URL"),
            contract=given.get("INVENTORY_CONTRACT", "absolute"),
            asks_for_tokens=bool(given.get("AUTH_JWKS_URL") or given.get("AUTH_JWKS_FILE")),
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


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise DevstackError(f"{name} must be a whole number from 0 to 65535, not {text!r}.")
    return int(text)
