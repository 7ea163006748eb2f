"""What trusted proxies say of a request: the client's address, the scheme, and the path's prefix.

A proxy may pass on a header of its client. A value that can be no address, scheme or prefix is
ignored, and the request keeps its own value. No URL that the service writes names a host, so no
proxy has to say the host.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.proxy_fix import ProxyFix

_SCHEMES: Final = ("http", "https")
# One slash before each name: two at the beginning would make the first name a host.
_PREFIX: Final = re.compile(r"((?:/(?:[A-Za-z0-9._~@-]|%[0-9A-Fa-f]{2})+)*)/?")
# Azure's gateways write the port too.
_ADDRESS: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+):\d+|([0-9A-Fa-f:.]+)")


def believe(app: WSGIApplication, hops: int) -> WSGIApplication:
    """``hops``: how many proxies are trusted; values from before these proxies are ignored."""

    def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        before: Mapping[str, str] = environ["werkzeug.proxy_fix.orig"]
        for name, meant in _MEANT.items():
            if environ[name] != before[name]:
                value = meant(environ[name])
                environ[name] = before[name] if value is None else value
        return app(environ, start_response)

    return ProxyFix(checked, x_for=hops, x_proto=hops, x_prefix=hops)


def mount(app: WSGIApplication, prefix: str) -> WSGIApplication:
    """Serves all paths under ``prefix``, for proxies that do not cut the prefix off, and without
    the prefix too, for probes, which come by no proxy."""

    def mounted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["SCRIPT_NAME"] = prefix
            environ["PATH_INFO"] = path.removeprefix(prefix)
        return app(environ, start_response)

    return mounted


def _address(value: str) -> str | None:
    found = _ADDRESS.fullmatch(value)
    try:
        # In one spelling, because rate limits count by address.
        return str(ip_address(next(filter(None, found.groups())))) if found else None
    except ValueError:
        return None


def _scheme(value: str) -> str | None:
    return value.lower() if value.lower() in _SCHEMES else None


def _prefix(value: str) -> str | None:
    found = _PREFIX.fullmatch(value)
    # Clients and proxies turn a path with . or .. in it, encoded or not, into another path.
    if found is None or any(_leads_elsewhere(unquote(name)) for name in found[1].split("/")):
        return None
    return found[1]


def _leads_elsewhere(name: str) -> bool:
    return name in {".", ".."} or not name.isprintable() or "/" in name or "\\" in name


_MEANT: Final[Mapping[str, Callable[[str], str | None]]] = {
    "REMOTE_ADDR": _address,
    "wsgi.url_scheme": _scheme,
    "SCRIPT_NAME": _prefix,
}
