"""Every setting: its name in the environment, its default, its unit and its bounds.

Values come from the environment, then from ``.env``; a secret value may stand in a file that one of
the two names. Fields are the environment's names in lower case; they stand in the sections and in
the order of ``.env.example``, which explains each. A bad value raises SettingsError, whose text
names the variable and the remedy in one line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from order_service.settings import addresses, variables
from order_service.settings.errors import SettingsError
from order_service.settings.rules import RULES
from order_service.settings.types import (
    NO_LIMIT,
    BaseUrl,
    Brokers,
    Currency,
    DatabaseName,
    Host,
    HttpUrl,
    LoginUrl,
    MongoUri,
    Origins,
    PathText,
    Port,
    RateLimit,
    RedisUrl,
    Seconds,
    Text,
    Topic,
    Topics,
)
from order_service.settings.variables import Variables

__all__ = ["LONGEST_HOLD", "Settings", "SettingsError"]

# A longer time is as good as for ever, and counted back it could leave the calendar.
_HOURS_OF_TEN_YEARS: Final = 87_600
_COLLECTORS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# Fields that hold variables whose names are others' to choose.
_OPEN_ENDED: Final = {"kafka_config", "otel"}
# Seconds: a year.
LONGEST_HOLD: Final = 31_536_000


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # --- The API ---
    host: Host = "127.0.0.1"
    port: Port = 3100
    web_workers: Annotated[int, Field(ge=1, le=64)] = 2
    web_threads: Annotated[int, Field(ge=1, le=256)] = 32
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    request_deadline: Seconds = 10
    idempotency_key_hours: Annotated[int, Field(ge=24, le=_HOURS_OF_TEN_YEARS)] = 24
    metrics_port: Port = 0

    # --- Held orders ---
    max_hold_seconds: Annotated[int, Field(ge=1, le=LONGEST_HOLD)] = 86_400
    max_holds_per_caller: Annotated[int, Field(ge=1, le=10_000)] = 20

    # --- The cache of orders ---
    cache_ttl_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    cache_max_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 2048
    redis_url: RedisUrl | None = Field(default=None, repr=False)

    # --- Who may use the API ---
    auth_jwks_url: HttpUrl | None = Field(default=None, repr=False)
    auth_ca_file: PathText | None = None
    auth_jwks_file: PathText | None = None
    auth_issuer: Text | None = None
    auth_audience: Text | None = None
    auth_leeway: Annotated[float, Field(ge=0, le=300)] = 30
    auth_jwks_cooldown: Seconds = 30
    auth_jwks_max_age: Seconds = 300
    auth_disabled: bool = False
    rate_limit_writes: RateLimit | None = None
    rate_limit_reads: RateLimit | None = None
    cors_origins: Origins = ()
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    # Clients remove . and .. from a path before they send the path.
    script_name: Annotated[
        str, Field(max_length=255, pattern=r"^(/\.?[A-Za-z0-9_~@-][A-Za-z0-9._~@-]*)*$")
    ] = ""
    stop_delay: Annotated[float, Field(ge=0, le=15)] = 0

    # --- The console ---
    console: bool = True
    console_login_url: LoginUrl | None = None
    console_token_url: LoginUrl | None = None
    console_client_id: Text = "order-service-console"

    # --- MongoDB ---
    mongo_uri: MongoUri = Field(default="mongodb://127.0.0.1:27017", repr=False)
    mongo_database: DatabaseName = "orders"
    store_timeout: Seconds = 3
    mongo_pool_size: Annotated[int, Field(ge=1, le=1000)] = 64

    # --- The Inventory Service ---
    inventory_service_url: BaseUrl = Field(default="http://127.0.0.1:3200", repr=False)
    inventory_ca_file: PathText | None = None
    inventory_client_cert: PathText | None = None
    inventory_client_key: PathText | None = None
    inventory_contract: Literal["absolute", "conditional"] = "absolute"
    currency: Currency | None = None
    inventory_connect_timeout: Seconds = 1
    inventory_read_timeout: Seconds = 3
    breaker_failures: Annotated[int, Field(ge=1)] = 10
    breaker_reset: Seconds = 5
    lease_seconds: Seconds = 10

    # --- Kafka ---
    kafka_broker: Brokers = "127.0.0.1:9092"
    kafka_group: Text = "order-service-group"
    kafka_stock_topics: Topics = ("stock-updates", "stock_updates")
    kafka_order_topic: Topic = "order-events"
    kafka_config: Mapping[str, Mapping[str, str]] = Field(
        default_factory=dict,
        repr=False,
        description="librdkafka settings: {common, consumer, producer}",
    )

    # --- The worker ---
    worker_port: Port = 3101
    consumer_batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    stock_event_max_bytes: Annotated[int, Field(ge=256, le=8_388_608)] = 65_536
    # MongoDB keeps the expiry of an index as seconds in 31 bits.
    stock_change_retention_days: Annotated[int, Field(ge=0, le=24_855)] = 0
    settle_after: Seconds = 12
    settle_interval: Seconds = 2

    # --- Traces ---
    otel: Mapping[str, str] = Field(
        default_factory=dict, repr=False, description="OpenTelemetry's variables, by their names"
    )

    @property
    def has_issuer(self) -> bool:
        return self.auth_jwks_url is not None or self.auth_jwks_file is not None

    @property
    def is_traced(self) -> bool:
        """Whether OpenTelemetry's variables name an exporter of traces, or where to export to."""
        is_off = self.otel.get("OTEL_SDK_DISABLED", "").lower() == "true"
        exporter = self.otel.get("OTEL_TRACES_EXPORTER")
        if is_off or exporter == "none":
            return False
        return exporter is not None or not self.otel.keys().isdisjoint(_COLLECTORS)

    @property
    def on_loopback(self) -> bool:
        return addresses.is_loopback(self.host)

    @property
    def has_console(self) -> bool:
        """Beyond loopback the page for people asks for tokens, or is not there."""
        return self.console and (self.has_issuer or self.on_loopback)

    @property
    def inventory_pool_size(self) -> int:
        """How many connections to the inventory a process keeps at most."""
        return 4 * self.web_threads

    @property
    def rate_limit_of_writes(self) -> str | None:
        """In Flask-Limiter's notation; None for no limit."""
        return self._limit(self.rate_limit_writes, "600 per minute")

    @property
    def rate_limit_of_reads(self) -> str | None:
        """In Flask-Limiter's notation; None for no limit."""
        return self._limit(self.rate_limit_reads, "6000 per minute")

    def _limit(self, given: str | None, default: str) -> str | None:
        if given is not None:
            return None if given == NO_LIMIT else given
        # Without tokens callers are known by address, and all callers behind a proxy share one.
        return default if self.has_issuer and not self.on_loopback else None

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        for check in RULES:
            check(self)
        return self

    @classmethod
    def load(cls, environment: Mapping[str, str], dotenv: Path | None = None) -> Self:
        """Read the environment, then the file ``dotenv`` where it exists.

        An empty value counts as not set.
        """
        return cls.of(variables.read(environment, dotenv, cls.names(), cls.secrets()))

    @classmethod
    def of(cls, given: Variables) -> Self:
        """Raises SettingsError."""
        known = {name.lower(): given.values[name] for name in cls.names() & given.values.keys()}
        options = variables.librdkafka_options(given.values, cls.names())
        otel = variables.otel_variables(given.values)
        try:
            return cls.model_validate({**known, "kafka_config": options, "otel": otel})
        except ValidationError as error:
            raise SettingsError(_one_line(error)) from None

    @classmethod
    def names(cls) -> set[str]:
        """The names of the variables, without librdkafka's and OpenTelemetry's."""
        return {field.upper() for field in cls.model_fields if field not in _OPEN_ENDED}

    @classmethod
    def secrets(cls) -> set[str]:
        """Those of ``names`` whose values may hold a password, and are shown nowhere."""
        shown = {name.upper() for name, field in cls.model_fields.items() if field.repr}
        return cls.names() - shown


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"Bad setting: {reason}."
    return f"Bad setting: {str(first['loc'][0]).upper()}: {reason}. See .env.example."
