"""The settings of the REST API: where it listens, and who may use it. Read by ``settings``."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from order_service.settings import addresses, certificates
from order_service.settings import checks as setting_checks
from order_service.settings.types import (
    NO_LIMIT,
    Host,
    HttpUrl,
    Origins,
    PathText,
    Port,
    RateLimit,
    RedisUrl,
    Seconds,
    Text,
)


class HttpSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Host = "127.0.0.1"
    port: Port = 3100
    web_workers: Annotated[int, Field(ge=1, le=64)] = 2
    web_threads: Annotated[int, Field(ge=1, le=256)] = 32
    metrics_port: Port = 0

    redis_url: RedisUrl | None = Field(default=None, repr=False)
    cache_ttl_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    cache_max_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 2048

    auth_jwks_url: HttpUrl | None = Field(default=None, repr=False)
    auth_jwks_file: PathText | None = None
    auth_ca_file: PathText | None = None
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
    # Clients take . and .. out of a path before they ask for it.
    script_name: Annotated[
        str, Field(max_length=255, pattern=r"^(/\.?[A-Za-z0-9_~@-][A-Za-z0-9._~@-]*)*$")
    ] = ""
    stop_delay: Annotated[float, Field(ge=0, le=15)] = 0

    @property
    def rate_limit_of_writes(self) -> str | None:
        """In Flask-Limiter's notation; None for no limit."""
        return self._limit(self.rate_limit_writes, "600 per minute")

    @property
    def rate_limit_of_reads(self) -> str | None:
        return self._limit(self.rate_limit_reads, "6000 per minute")

    def _limit(self, given: str | None, default: str) -> str | None:
        if given is not None:
            return None if given == NO_LIMIT else given
        # Without tokens callers are told apart by address, and all behind a proxy share one.
        return default if self.has_issuer and not self.on_loopback else None

    @property
    def has_issuer(self) -> bool:
        return self.auth_jwks_url is not None or self.auth_jwks_file is not None

    @property
    def on_loopback(self) -> bool:
        return addresses.is_loopback(self.host)

    @model_validator(mode="after")
    def _issuer_is_complete(self) -> Self:
        """Half an issuer must not end in a service that is open."""
        if self.auth_jwks_url and self.auth_jwks_file:
            raise ValueError("AUTH_JWKS_URL and AUTH_JWKS_FILE are both set: keep one of them")
        named = {"AUTH_ISSUER": self.auth_issuer, "AUTH_AUDIENCE": self.auth_audience}
        missing = [name for name, value in named.items() if not value]
        if self.has_issuer and missing:
            raise ValueError(f"{missing[0]} must be set where a key set of an issuer is")
        if len(missing) < len(named) and not self.has_issuer:
            raise ValueError(
                "AUTH_ISSUER or AUTH_AUDIENCE is set, but nothing to check tokens with: set "
                "AUTH_JWKS_URL or AUTH_JWKS_FILE"
            )
        if self.has_issuer and self.auth_disabled:
            raise ValueError(
                "AUTH_DISABLED is true and an issuer is configured (AUTH_JWKS_URL or "
                "AUTH_JWKS_FILE): drop one of the two"
            )
        return self

    @model_validator(mode="after")
    def _key_set_can_be_read(self) -> Self:
        if self.auth_jwks_file is not None:
            setting_checks.key_set_file(self.auth_jwks_file)
        return self

    @model_validator(mode="after")
    def _issuer_can_be_trusted(self) -> Self:
        if self.auth_ca_file is None:
            return self
        if not (self.auth_jwks_url or "").startswith("https://"):
            raise ValueError("AUTH_CA_FILE is set, but AUTH_JWKS_URL is no https:// URL")
        try:
            certificates.check_authorities(self.auth_ca_file)
        except ValueError as error:
            raise ValueError(f"AUTH_CA_FILE: {error}") from None
        return self

    @model_validator(mode="after")
    def _metrics_have_a_port_of_their_own(self) -> Self:
        if self.metrics_port and self.metrics_port == self.port:
            raise ValueError(f"METRICS_PORT is PORT ({self.port}): set another, or 0 for none")
        return self

    @model_validator(mode="after")
    def _open_service_stays_on_loopback(self) -> Self:
        if not (self.auth_disabled or self.has_issuer or self.on_loopback):
            raise ValueError(
                f"HOST is {self.host}, and anybody who reaches it could order: no issuer is "
                "configured. Set AUTH_JWKS_URL, AUTH_DISABLED=true if that is meant, or "
                "HOST=127.0.0.1"
            )
        return self
