"""The types of the settings: how a value is written, its bounds, and the reason of a refusal."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from order_service.settings import addresses, store_uri, urls
from order_service.settings.errors import Refused

NO_LIMIT: Final = "off"

_LONGEST_PERIOD: Final = 366 * 24 * 3600


def _printable(value: Any) -> Any:
    if isinstance(value, str) and (not value.isprintable() or value != value.strip()):
        raise ValueError("begins or ends with a blank, or holds what can't be printed")
    return value


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _checked(check: Callable[[Any], object], reason: str) -> AfterValidator:
    """``reason``: the text for every error of ``check`` but a Refused with a text of its own."""

    def validate(value: Any) -> Any:
        try:
            check(value)
        except Exception as error:  # noqa: BLE001  (libraries have no list of what they raise)
            own = str(error) if isinstance(error, Refused) else ""
            raise ValueError(own or reason) from None
        return value

    return AfterValidator(validate)


def _origin(origin: str) -> str:
    """The origin as browsers write it, because origins are compared as texts."""
    try:
        parts = urlsplit(origin)
        default = {"http": 80, "https": 443}[parts.scheme]
        host, port = addresses.in_url(parts.hostname or ""), parts.port
    except (ValueError, KeyError):
        host = ""
    # A * would match no origin: no browser sends a *.
    if not host or "*" in host or parts.username or parts.path or parts.query or parts.fragment:
        raise ValueError("must be origins like https://shop.example:8443, with commas between")
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def _rate_limit(notation: str) -> None:
    # Imported here: a process without limits is smaller without the library.
    import limits

    if notation == NO_LIMIT:
        return
    each = limits.parse_many(notation)
    if any(limit.amount < 1 or limit.get_expiry() > _LONGEST_PERIOD for limit in each):
        raise Refused


Text = Annotated[str, BeforeValidator(_printable), Field(min_length=1, max_length=255)]
PathText = Annotated[Path, BeforeValidator(_printable)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="as Kafka has it")]
Topics = Annotated[tuple[Topic, ...], BeforeValidator(_split), Field(min_length=1)]
Host = Annotated[str, AfterValidator(addresses.written)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_split)]

_ENCODED = "with : / ? # [ ] @ % in a user's name and password encoded (%3A for a colon)"
_URL = Annotated[str, BeforeValidator(_printable), Field(pattern=r"^https?://\S+$")]
HttpUrl = Annotated[
    _URL,
    _checked(
        urls.http_url,
        f"is no URL like https://host:port/path, its port from 1 to 65535, {_ENCODED}",
    ),
]
BaseUrl = Annotated[
    _URL,
    _checked(
        urls.base_url,
        "is no URL like https://host:port/path, its port from 1 to 65535, without ? and #, "
        f"{_ENCODED}",
    ),
]
LoginUrl = Annotated[
    _URL,
    _checked(
        urls.login_url,
        "is no URL of a page that browsers are sent to, like https://login.example/authorize: "
        "https://, or http:// on this machine alone, without a user, a password or #",
    ),
]
RedisUrl = Annotated[
    str,
    Field(pattern=r"^(rediss?|unix)://\S+$"),
    BeforeValidator(_printable),
    _checked(
        urls.redis_url,
        "is no URL like redis://user:password@host:port/0, rediss:// or unix:///path, "
        f"{_ENCODED}, and with no options but those in .env.example",
    ),
]
MongoUri = Annotated[
    str,
    Field(pattern=r"^mongodb(\+srv)?://\S+$"),
    BeforeValidator(_printable),
    AfterValidator(store_uri.allowed),
    _checked(
        store_uri.check,
        "is no URI like mongodb://user:password@host:port/database?option=value that MongoDB's "
        f"driver takes, {_ENCODED}",
    ),
]
DatabaseName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,38}$"),
    _checked(store_uri.check_database, "can't be used"),
]
Brokers = Annotated[
    str,
    Field(pattern=r"^\S+$"),
    BeforeValidator(_printable),
    _checked(
        urls.brokers,
        "must be host:port with commas between and no blanks, ports from 1 to 65535",
    ),
]
# ISO 4217. The list of currencies changes, so any code of that form is taken.
Currency = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$", description="three capital letters, as ISO 4217 has them")
]
RateLimit = Annotated[
    str,
    BeforeValidator(_printable),
    _checked(
        _rate_limit,
        'must be like "100 per minute", for a year at most, or off',
    ),
]
