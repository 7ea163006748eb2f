"""What trusted proxies say of a request: who sent it, how, and under which path.

A proxy passes on what it was told itself. What can be no address, scheme or path is not believed,
and the request is then taken as it came. No URL that the service writes names a host, so that
nobody's word on the host is needed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.proxy_fix import ProxyFix

_SCHEMES: Final = ("http", "https")
# One slash before each name: two at the begin would make a host of the first name.
_PREFIX: Final = re.compile(r"((?:/(?:[A-Za-z0-9._~@-]|%[0-9A-Fa-f]{2})+)*)/?")
# Azure's gateways write the port too.
_ADDRESS: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+):\d+|([0-9A-Fa-f:.]+)")


def believe(app: WSGIApplication, hops: int) -> WSGIApplication:
    """``hops``: how many proxies are trusted; what was written before theirs counts for nothing."""

    def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        before: Mapping[str, str] = environ["werkzeug.proxy_fix.orig"]
        for name, meant in _MEANT.items():
            if environ[name] != before[name]:
                told = meant(environ[name])
                environ[name] = before[name] if told is None else told
        return app(environ, start_response)

    return ProxyFix(checked, x_for=hops, x_proto=hops, x_prefix=hops)


def mount(app: WSGIApplication, prefix: str) -> WSGIApplication:
    """All is under ``prefix``, for proxies that cut nothing off, and where it is without: probes
    come by no proxy."""

    def mounted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["SCRIPT_NAME"] = prefix
            environ["PATH_INFO"] = path.removeprefix(prefix)
        return app(environ, start_response)

    return mounted


def _address(told: str) -> str | None:
    found = _ADDRESS.fullmatch(told)
    try:
        # In one spelling, for limits are counted by it.
        return str(ip_address(next(filter(None, found.groups())))) if found else None
    except ValueError:
        return None


def _scheme(told: str) -> str | None:
    return told.lower() if told.lower() in _SCHEMES else None


def _prefix(told: str) -> str | None:
    found = _PREFIX.fullmatch(told)
    # Of a path with . or .. in it, encoded or not, clients and proxies make another one.
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
