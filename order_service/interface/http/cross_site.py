"""Refuse what a page of another site would change through somebody's browser.

A browser sends a page's request from wherever the browser is: within the network that an open
service trusts. It also says where the page is from (Fetch Metadata, ``Sec-Fetch-Site``), which no
page can change. Programs and older browsers do not say, and are let through; nor does any browser
that came by http:// from another machine. What such a page can send then has no body of JSON, which
browsers ask about before.
"""

from collections.abc import Collection, Iterable
from typing import Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from order_service.domain.errors import CrossSite
from order_service.interface.http import problems

_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Another origin of the same site is somebody else too: another port of this host, or another
# subdomain. "none" is the person at the browser.
_OWN: Final = frozenset({"", "same-origin", "none"})


def guard(app: WSGIApplication, origins: Collection[str]) -> WSGIApplication:
    """``origins``: whose pages may send any request. It stands within Edge, which answers for the
    refusals too."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _is_foreign(environ) and environ.get("HTTP_ORIGIN") not in origins:
            return problems.answer_to(CrossSite())(environ, start_response)
        return app(environ, start_response)

    return guarded


def _is_foreign(environ: WSGIEnvironment) -> bool:
    if environ["REQUEST_METHOD"] in _CHANGES_NOTHING:
        return False
    return environ.get("HTTP_SEC_FETCH_SITE", "") not in _OWN
