"""Refuse what a page of another site would do through somebody's browser.

A browser sends a page's request from wherever the browser is: within the network that an open
service trusts. It also says where the page is from, which no page can change: by
``Sec-Fetch-Site`` (Fetch Metadata), which it leaves out when it came by http:// from another
machine, and else by ``Origin`` (RFC 6454). Programs say neither, and are let through.

A site may point its own name at the address 127.0.0.1 (DNS rebinding), and its pages are then of
the same origin as the service on that machine, which they can read too. What they can't change is
the name, which their requests bear as ``Host``.
"""

from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.exceptions import MisdirectedRequest

from order_service.domain.errors import CrossSite
from order_service.interface.http import problems
from order_service.settings import addresses

_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Another origin of the same site is somebody else too: another port of this host, or another
# subdomain. "none" is the person at the browser.
_OWN: Final = frozenset({"same-origin", "none"})
_NOT_HERE: Final = (
    "This service asks for no tokens, so it answers to the names of its own machine alone: "
    "localhost, 127.0.0.1, [::1]. To be called by another name it needs an issuer of tokens "
    "(AUTH_JWKS_URL), or AUTH_DISABLED=true if it is to be open to whoever reaches it."
)


def guard(
    app: WSGIApplication, origins: Collection[str], *, only_as_loopback: bool
) -> WSGIApplication:
    """``origins``: whose pages may send any request. ``only_as_loopback``: refuses every request
    that calls the service by the name of another machine (RFC 9110, section 15.5.20). It stands
    within Edge, which answers for the refusals too."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if only_as_loopback and not _names_loopback(environ.get("HTTP_HOST")):
            return problems.of_http(MisdirectedRequest(_NOT_HERE))(environ, start_response)
        if _is_foreign(environ) and environ.get("HTTP_ORIGIN") not in origins:
            return problems.answer_to(CrossSite())(environ, start_response)
        return app(environ, start_response)

    return guarded


def _is_foreign(environ: WSGIEnvironment) -> bool:
    if environ["REQUEST_METHOD"] in _CHANGES_NOTHING:
        return False
    if site := environ.get("HTTP_SEC_FETCH_SITE"):
        return site not in _OWN
    origin = environ.get("HTTP_ORIGIN", "")
    return bool(origin) and origin.partition("://")[2] != environ.get("HTTP_HOST")


def _names_loopback(host: str | None) -> bool:
    """No browser leaves the host out. Browsers ask no name server for names below localhost."""
    if host is None:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return addresses.is_loopback(name) or name.endswith(".localhost")
