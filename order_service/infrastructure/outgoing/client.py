"""One foreign server, asked within a total time for an answer of bounded length.

| how a call ended                                     | what is raised                        |
|------------------------------------------------------|---------------------------------------|
| no byte of the request was sent                      | NotSent                               |
| answered, whole, and by one answer                   | nothing: the caller reads the answer  |
| anything else                                        | Unanswered                            |

Built on requests, whose own time-outs are for each address and each read. Redirects are not
followed, cookies not kept, and nothing is sent twice.
"""

import ssl
import time
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import structlog
from requests import PreparedRequest, Request, Response, Session, codes
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import PoolManager, ProxyManager
from urllib3.connectionpool import HTTPConnectionPool

from order_service.infrastructure.outgoing.causes import cause_of
from order_service.infrastructure.outgoing.connections import Call, Interim, TooLong, making
from order_service.infrastructure.outgoing.resting import HttpPool, HttpsPool

# Beside the body.
_MOST_OF_HEAD: Final = 64 * 1024
# Seconds without connections that are kept, after one on which more was sent than asked for.
_DISTRUST: Final = 60.0

_log = structlog.get_logger()


class NotSent(Exception):
    """Its text is the cause, for the log."""


class Unanswered(Exception):
    """The server may have carried out the request, or may yet. Its text is the cause."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``connect``: seconds to look the name up, to reach one of its addresses and to agree on TLS;
    ``answer``: seconds to send and to have the whole answer; ``most``: bytes of its body."""

    connect: float
    answer: float
    most: int = 256 * 1024

    @property
    def total(self) -> float:
        return self.connect + self.answer


@dataclass(frozen=True, slots=True)
class Answer:
    """``body``: empty where it came encoded, which was not asked for: it could expand."""

    status: int
    body: bytes


class Client:
    """``base``: a URL of the server. ``connections``: how many it keeps. ``context``: for TLS."""

    def __init__(
        self,
        base: str,
        bounds: Bounds,
        *,
        connections: int = 1,
        context: ssl.SSLContext | None = None,
        proxies: dict[str, str] | None = None,
    ) -> None:
        self._bounds = bounds
        self._proxies = proxies or {}
        proxy = select_proxy(base, self._proxies)
        manager = ProxyManager(proxy) if proxy else PoolManager()
        manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
        options = {"maxsize": connections, "ssl_context": context}
        self._adapter = _Adapter(manager.connection_from_url(base, options))
        self._distrusted_until = -inf

    def send(self, request: PreparedRequest, until: float = inf) -> Answer:
        """Ends within ``bounds.total``, and by ``until`` (monotonic seconds)."""
        now, bounds = time.monotonic(), self._bounds
        call = Call(
            connect_by=now + bounds.connect,
            answer_time=bounds.answer,
            until=min(until, now + bounds.total),
            most=bounds.most + _MOST_OF_HEAD,
            keeps=now >= self._distrusted_until,
        )
        try:
            with making(call):
                answer = self._answer(request)
        except Exception as error:
            raise (Unanswered if call.sent else NotSent)(cause_of(error)) from error
        finally:
            if call.stray:
                self._distrust()
        if call.doubtful:
            raise Unanswered("more than one answer came")
        return answer

    def _answer(self, request: PreparedRequest) -> Answer:
        response = self._adapter.send(
            request, stream=True, timeout=self._bounds.total, proxies=self._proxies
        )
        try:
            body = self._body(response)
        finally:
            response.close()
        return Answer(response.status_code, body)

    def _body(self, response: Response) -> bytes:
        if response.status_code < codes.ok:
            raise Interim("only an interim answer came")
        if (response.raw.length_remaining or 0) > self._bounds.most:
            raise TooLong(f"the answer is longer than {self._bounds.most} bytes")
        body: bytes = response.raw.read(decode_content=False)
        if len(body) > self._bounds.most:
            raise TooLong(f"the answer is longer than {self._bounds.most} bytes")
        return body if response.headers.get("Content-Encoding", "identity") == "identity" else b""

    def _distrust(self) -> None:
        now = time.monotonic()
        # Each connection that is still there may have one.
        if now >= self._distrusted_until:
            _log.warning("stray_answer", connections_not_kept_for=_DISTRUST)
        self._distrusted_until = now + _DISTRUST


def prepare(method: str, url: str) -> PreparedRequest:
    """Without the environment's passwords."""
    with Session() as session:
        session.trust_env = False
        # What is not compressed can't expand.
        session.headers["Accept-Encoding"] = "identity"
        return session.prepare_request(Request(method, url))


class _Adapter(HTTPAdapter):
    """Of one server, whose pool knows how to trust it."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__(max_retries=0)
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_: Any) -> None:
        """By the pool's context, which asks for a certificate and for the server's name in it."""
