"""The answers to requests that never reach the application: problems, as everywhere."""

import json
import os
from http import HTTPStatus
from typing import Any, Final

from gunicorn import SERVER
from gunicorn.http import errors
from gunicorn.util import http_date
from werkzeug.exceptions import HTTPException, default_exceptions

from order_service.interface.http import problems
from order_service.interface.http.server.connection import Disputed


class HeadTooLong(Exception):
    pass


class BodyTooLong(Exception):
    pass


# By the nearest class. gunicorn's own texts are not shown: they repeat bytes of the request.
_STATUS: Final[dict[type[Exception], tuple[int, str]]] = {
    errors.LimitRequestLine: (414, "The request line is too long."),
    errors.LimitRequestHeaders: (431, "There are too many header fields, or one is too long."),
    HeadTooLong: (431, "The header fields are too long together."),
    BodyTooLong: (413, "The body is too long."),
    errors.UnsupportedTransferCoding: (501, "The only transfer coding understood is chunked."),
    errors.ExpectationFailed: (417, "The only expectation understood is 100-continue."),
    errors.ForbiddenProxyRequest: (403, "This proxy may not speak for others."),
    # SCRIPT_NAME is set, and the path does not begin with it.
    errors.ConfigurationProblem: (404, "The service has nothing under this path."),
    errors.InvalidRequestLine: (400, "The request line is malformed."),
    errors.InvalidRequestMethod: (400, "The request's method is malformed."),
    errors.InvalidHTTPVersion: (400, "The request's version of HTTP is not supported."),
    errors.InvalidHeader: (400, "A header field is malformed, or contradicts another."),
    errors.InvalidHeaderName: (400, "The name of a header field is malformed."),
    errors.ObsoleteFolding: (400, "A header field is folded onto a second line."),
    errors.ParseException: (400, "The request is malformed."),
    errors.NoMoreData: (400, "The request breaks off."),
    Disputed: (400, "The end of the request is ambiguous."),
}
TOO_SLOW: Final = (408, "The request did not arrive whole in time.")
BUSY: Final = (503, "The service is busy with too many requests. Try again in a second.")


def status_of(error: BaseException) -> tuple[int, str] | None:
    """Status and detail; None when the error is a defect of the service."""
    if isinstance(error, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        return None
    return next((_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS), None)


def answer(status: int, detail: str, named: str) -> bytes:
    """The whole answer, head and body, with the request id ``named``."""
    body = problems.defect_body() if status == 500 else problems.body_of(_as_http(status, detail))
    content = json.dumps({**body, "requestId": named}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Server: {SERVER}\r\n"
        f"Date: {http_date()}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-Id: {named}\r\n"
        f"{'Retry-After: 1' + chr(13) + chr(10) if status == 503 else ''}\r\n"
    )
    return head.encode() + content


def new_id() -> str:
    return os.urandom(16).hex()


def _as_http(status: int, detail: str) -> HTTPException:
    error: Any = default_exceptions[status](detail)
    return error  # type: ignore[no-any-return]
