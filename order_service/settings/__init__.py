"""Every setting: its name in the environment, its default, its unit and its bounds.

Values come from the environment, then from ``.env``. Fields are the environment's names in lower
case. A bad value raises SettingsError, whose text names the variable and the remedy in one line.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from order_service.settings import certificates, variables
from order_service.settings import checks as setting_checks
from order_service.settings.error import SettingsError
from order_service.settings.http import HttpSettings
from order_service.settings.types import (
    BaseUrl,
    Brokers,
    DatabaseName,
    MongoUri,
    PathText,
    Port,
    Seconds,
    Text,
    Topic,
    Topics,
)
from order_service.settings.variables import Variables

__all__ = ["Settings", "SettingsError"]

# What is longer is for ever, and the calendar that it is counted back in has a beginning.
_HOURS_OF_TEN_YEARS: Final = 87_600


class Settings(HttpSettings):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    mongo_uri: MongoUri = Field(default="mongodb://127.0.0.1:27017", repr=False)
    mongo_database: DatabaseName = "orders"
    store_timeout: Seconds = 3
    mongo_pool_size: Annotated[int, Field(ge=1, le=1000)] = 64

    inventory_service_url: BaseUrl = Field(default="http://127.0.0.1:3200", repr=False)
    inventory_ca_file: PathText | None = None
    inventory_client_cert: PathText | None = None
    inventory_client_key: PathText | None = None
    inventory_contract: Literal["absolute", "conditional"] = "absolute"
    inventory_connect_timeout: Seconds = 1
    inventory_read_timeout: Seconds = 3
    breaker_failures: Annotated[int, Field(ge=1)] = 10
    breaker_reset: Seconds = 5

    request_deadline: Seconds = 10
    lease_seconds: Seconds = 10
    settle_after: Seconds = 12
    settle_interval: Seconds = 2
    idempotency_key_hours: Annotated[int, Field(ge=24, le=_HOURS_OF_TEN_YEARS)] = 24

    kafka_broker: Brokers = "127.0.0.1:9092"
    kafka_group: Text = "order-service-group"
    kafka_stock_topics: Topics = ("stock-updates", "stock_updates")
    kafka_order_topic: Topic = "order-events"
    kafka_config: Mapping[str, Mapping[str, str]] = Field(
        default_factory=dict,
        repr=False,
        description="librdkafka settings: {common, consumer, producer}",
    )
    consumer_batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    stock_event_max_bytes: Annotated[int, Field(ge=256, le=8_388_608)] = 65_536
    worker_port: Port = 3101
    # The seconds of an index that expires have 31 bits.
    stock_change_retention_days: Annotated[int, Field(ge=0, le=24_855)] = 0

    @property
    def inventory_pool_size(self) -> int:
        """How many connections to the inventory a process keeps at most."""
        return 4 * self.web_threads

    @model_validator(mode="after")
    def _inventory_can_be_trusted(self) -> Self:
        files = {
            "INVENTORY_CA_FILE": self.inventory_ca_file,
            "INVENTORY_CLIENT_CERT": self.inventory_client_cert,
            "INVENTORY_CLIENT_KEY": self.inventory_client_key,
        }
        given = [name for name, path in files.items() if path is not None]
        if given and not self.inventory_service_url.startswith("https://"):
            raise ValueError(f"{given[0]} is set, but INVENTORY_SERVICE_URL is no https:// URL")
        if self.inventory_client_key and not self.inventory_client_cert:
            raise ValueError("INVENTORY_CLIENT_KEY is set without INVENTORY_CLIENT_CERT")
        if self.inventory_ca_file:
            with _named("INVENTORY_CA_FILE"):
                certificates.check_authorities(self.inventory_ca_file)
        if self.inventory_client_cert:
            with _named("INVENTORY_CLIENT_CERT"):
                certificates.check_own(self.inventory_client_cert, self.inventory_client_key)
        return self

    @model_validator(mode="after")
    def _database_is_named_once(self) -> Self:
        if "mongo_uri" not in self.model_fields_set:
            return self
        with _named("MONGO_URI"):
            named = setting_checks.mongo_database(self.mongo_uri)
        if named and "mongo_database" in self.model_fields_set and named != self.mongo_database:
            raise ValueError(
                "MONGO_DATABASE: MONGO_URI names another database: name it in one of them only "
                "(where the user's password is kept is said by MONGO_URI's option authSource)"
            )
        return self

    @model_validator(mode="after")
    def _pool_has_room(self) -> Self:
        if setting_checks.smallest_pool(self.mongo_uri) > self.mongo_pool_size:
            raise ValueError(
                f"MONGO_URI: its option minPoolSize is more than MONGO_POOL_SIZE "
                f"({self.mongo_pool_size})"
            )
        return self

    @model_validator(mode="after")
    def _topics_can_be_used(self) -> Self:
        setting_checks.usable_topics(self.kafka_stock_topics, self.kafka_order_topic)
        return self

    @model_validator(mode="after")
    def _times_fit_together(self) -> Self:
        longest = self.inventory_connect_timeout + self.inventory_read_timeout
        if self.lease_seconds < 2 * longest:
            raise ValueError(
                f"LEASE_SECONDS must be at least twice INVENTORY_CONNECT_TIMEOUT + "
                f"INVENTORY_READ_TIMEOUT ({2 * longest:g}), or a lease could end under a request"
            )
        if self.request_deadline <= self.store_timeout:
            raise ValueError(
                f"REQUEST_DEADLINE must be more than STORE_TIMEOUT ({self.store_timeout:g}), "
                "which an order's last write may take"
            )
        if self.settle_after < self.request_deadline:
            raise ValueError(
                f"SETTLE_AFTER must be at least REQUEST_DEADLINE ({self.request_deadline:g})"
            )
        return self

    @classmethod
    def load(cls, environment: Mapping[str, str], dotenv: Path | None = None) -> Self:
        """From the environment, then from the file ``dotenv`` where it exists.

        An empty value counts as not set.
        """
        return cls.of(variables.read(environment, dotenv, cls.names()))

    @classmethod
    def of(cls, given: Variables) -> Self:
        """Raises SettingsError."""
        known = {name.lower(): given.values[name] for name in cls.names() & given.values.keys()}
        options = variables.librdkafka_options(given.values, cls.names())
        try:
            return cls.model_validate({**known, "kafka_config": options})
        except ValidationError as error:
            raise SettingsError(_one_line(error)) from None

    @classmethod
    def names(cls) -> set[str]:
        """Of the variables, but for librdkafka's options."""
        return {field.upper() for field in cls.model_fields if field != "kafka_config"}


@contextmanager
def _named(variable: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"Bad setting: {reason}."
    return f"Bad setting: {str(first['loc'][0]).upper()}: {reason}. See .env.example."
