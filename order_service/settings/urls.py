"""URLs and addresses of other servers, checked with the libraries that will use them. Each function
raises any error for a value that its library can't use, and Refused for one that we don't allow.

Libraries are imported where they are used: a process without the setting is smaller without them.
"""

import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from order_service.settings import addresses, certificates
from order_service.settings.errors import Refused

_PROTOCOLS_OF_KAFKA: Final = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
# Other options would undo what the cache needs: its time-outs, and answers as bytes.
_REDIS_OPTIONS: Final = {
    *("db", "username", "password", "protocol", "client_name", "health_check_interval"),
    *("max_connections", "socket_keepalive", "ssl_cert_reqs", "ssl_check_hostname"),
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"),
}


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


def login_url(url: str) -> None:
    """Browsers send codes there that are worth a token: in the clear to this machine alone."""
    http_url(url)
    parts = urlsplit(url)
    # The origin stands in the Content-Security-Policy, whose parts these characters end.
    if parts.username is not None or re.search(r"[;,'\"\\\s]|[^!-~]", url):
        raise Refused
    if parts.scheme != "https" and not addresses.is_loopback(parts.hostname or ""):
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
    # The library replaces port 0 by its own default.
    if pool.connection_kwargs.get("db", 0) < 0 or (parts.scheme != "unix" and parts.port == 0):
        raise Refused
    # The library reads the files for each connection only, so they are checked here.
    authorities, certificate, key = (
        Path(options[name][0]) if name in options else None
        for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    )
    if authorities:
        certificates.check_authorities(authorities)
    if certificate or key:
        certificates.check_own(certificate or Path(), key)
