"""What the settings' values are checked with: the libraries that will use them. Each function
raises anything at all for a value that its library can't use, and Refused with a reason of ours.

Libraries are imported where they are used: a process without such a setting is smaller without it.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from order_service.settings import certificates

DEAD_LETTER_SUFFIX: Final = "-dlt"


class Refused(ValueError):
    """Says why in words of our own, which repeat nothing of the value."""


_LONGEST_PERIOD: Final = 366 * 24 * 3600
_LARGEST_KEY_SET: Final = 256 * 1024
_LONGEST_DATABASE_NAME: Final = 63
_LONGEST_TOPIC: Final = 249
_PROTOCOLS_OF_KAFKA: Final = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
_DATABASES_OF_MONGODB: Final = {"admin", "config", "local"}
# Others would undo what the cache stands on: the time-outs, and answers as bytes.
_REDIS_OPTIONS: Final = {
    *("db", "username", "password", "protocol", "client_name", "health_check_interval"),
    *("max_connections", "socket_keepalive", "ssl_cert_reqs", "ssl_check_hostname"),
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"),
}


def said(reason: object, values: Mapping[str, str], known: str = "") -> str:
    """What a library says, in one line, without the values, which may be secret.

    ``values``: by name, which stands for a value that is repeated whole; of a part that is repeated
    no word is left but ``known`` ones.
    """
    line = " ".join(str(reason).split())
    for name, value in values.items():
        line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"<{name}>", line)
    secret = set[str]().union(*map(_words, values.values())) - _words(" ".join([known, *values]))
    return re.sub(r"\w+", lambda word: "…" if word[0].lower() in secret else word[0], line)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", f"{text} {unquote(text)}".lower()))


def http_url(url: str) -> None:
    import requests
    from urllib3.util import parse_url

    requests.Request("GET", url).prepare()
    parts = parse_url(url)
    if parts.scheme not in {"http", "https"} or not parts.host or parts.port == 0 or "#" in url:
        raise Refused
    parts.host.encode("idna")


def base_url(url: str) -> None:
    http_url(url)
    if "?" in url:
        raise Refused


def brokers(value: str) -> None:
    for broker in value.split(","):
        protocol, _, address = broker.rpartition("://")
        parts = urlsplit("//" + address)
        if not (parts.hostname and parts.port) or "@" in broker or parts.path or parts.query:
            raise Refused
        if protocol and protocol.upper() not in _PROTOCOLS_OF_KAFKA:
            raise Refused
        parts.hostname.encode("idna")


def redis_url(url: str) -> None:
    import redis

    parts = urlsplit(url)
    options = parse_qs(parts.query, keep_blank_values=True)
    path = r"/.+" if parts.scheme == "unix" else r"/?\d*"
    if not re.fullmatch(path, parts.path) or "#" in url or not options.keys() <= _REDIS_OPTIONS:
        raise Refused
    pool = redis.Redis.from_url(url).connection_pool
    pool.make_connection()
    pool.connection_kwargs.get("host", "").encode("idna")
    # Of port 0 the library makes its own default.
    if pool.connection_kwargs.get("db", 0) < 0 or (parts.scheme != "unix" and parts.port == 0):
        raise Refused
    # The files are read for each connection only.
    authorities, certificate, key = (
        Path(options[name][0]) if name in options else None
        for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    )
    if authorities:
        certificates.check_authorities(authorities)
    if certificate or key:
        certificates.check_own(certificate or Path(), key)


def mongo_uri(uri: str) -> None:
    """Asks no name server: a mongodb+srv:// name is looked up when the store is."""
    from pymongo import MongoClient, common, uri_parser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if "?" in uri:
                # The client warns of an option's bad value, where this raises.
                uri_parser.split_options(uri.partition("?")[2])
            MongoClient(uri, connect=False).close()
    except Exception as error:  # noqa: BLE001  (there is no list of what it raises)
        known = " ".join(["mongodb", "srv", *common.URI_OPTIONS_VALIDATOR_MAP])
        reason = said(error, {"MONGO_URI": uri}, known)
        raise Refused(f"MongoDB's driver says: {reason}") from None


def mongo_database(uri: str) -> str | None:
    """What the URI's path names. Raises Refused for a name that orders can't be kept under."""
    from pymongo import uri_parser

    _, _, rest = uri.partition("://")
    named = uri_parser.parse_uri("mongodb://" + rest.partition("?")[0])
    if named["collection"]:
        raise Refused("names a collection behind the database: leave out the dot and what follows")
    database: str | None = named["database"]
    if database is not None:
        usable_database(database)
    return database


def smallest_pool(uri: str) -> int:
    """The URI's minPoolSize."""
    from pymongo import uri_parser

    options = uri.partition("?")[2]
    return int(uri_parser.split_options(options).get("minpoolsize") or 0) if options else 0


def usable_database(name: str) -> None:
    if name.lower() in _DATABASES_OF_MONGODB:
        raise Refused(
            "the database is one of MongoDB's own: name another (where the user's password is "
            "kept is said by MONGO_URI's option authSource)"
        )
    if len(name.encode()) > _LONGEST_DATABASE_NAME:
        raise Refused(f"the database's name is longer than {_LONGEST_DATABASE_NAME} bytes")


def usable_topics(stock: Sequence[str], order: str) -> None:
    """None is Kafka's own, and they differ as Kafka sees them: to its metrics . and _ are one, so
    that it refuses the second of such topics.

    Raises ValueError, which names the variable."""
    letters = [topic + DEAD_LETTER_SUFFIX for topic in stock]
    if any(len(topic) > _LONGEST_TOPIC for topic in letters):
        raise ValueError(
            f"KAFKA_STOCK_TOPICS: with {DEAD_LETTER_SUFFIX} behind it, for its dead letters, a "
            f"name is longer than {_LONGEST_TOPIC} characters"
        )
    seen = set[str]()
    for variable, topic in [
        *(("KAFKA_STOCK_TOPICS", topic) for topic in (*stock, *letters)),
        ("KAFKA_ORDER_TOPIC", order),
    ]:
        if topic in {".", ".."}:
            raise ValueError(f"{variable}: . and .. are no names of topics")
        if topic.startswith("__"):
            raise ValueError(f"{variable}: topics whose names begin with __ are Kafka's own")
        if topic.replace(".", "_") in seen:
            raise ValueError(
                f"{variable}: a topic's name is used twice (to Kafka . and _ are one, and "
                f"<topic>{DEAD_LETTER_SUFFIX} is where a stock topic's dead letters go)"
            )
        seen.add(topic.replace(".", "_"))


def rate_limit(notation: str) -> None:
    import limits

    each = limits.parse_many(notation)
    if any(limit.amount < 1 or limit.get_expiry() > _LONGEST_PERIOD for limit in each):
        raise Refused


def key_set_file(path: Path) -> None:
    """Whether its keys are of use is told by readiness: they may be others tomorrow.

    Raises ValueError, which names the variable."""
    try:
        certificates.require_file(path)
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST_KEY_SET + 1))
        is_key_set = isinstance(content, dict) and isinstance(content.get("keys"), list)
    except Exception:  # noqa: BLE001  (what stands in a file may make a parser raise anything)
        is_key_set = False
    if not is_key_set:
        raise ValueError("AUTH_JWKS_FILE: is no file with a JSON Web Key Set that can be read")
