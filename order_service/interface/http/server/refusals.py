"""What is answered to a request that never reaches the application: a problem, as everywhere."""

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


# By the nearest class. gunicorn's own words are not shown: they repeat what was sent.
_STATUS: Final[dict[type[Exception], tuple[int, str]]] = {
    errors.LimitRequestLine: (414, "The request line is too long."),
    errors.LimitRequestHeaders: (431, "There are too many header fields, or one is too long."),
    HeadTooLong: (431, "The header fields are too long together."),
    BodyTooLong: (413, "The body is too long."),
    errors.UnsupportedTransferCoding: (501, "Of transfer codings only chunked is understood."),
    errors.ExpectationFailed: (417, "Of expectations only 100-continue can be met."),
    errors.ForbiddenProxyRequest: (403, "This proxy may not speak for others."),
    # SCRIPT_NAME is set, and the path does not begin with it.
    errors.ConfigurationProblem: (404, "Nothing is here."),
    errors.InvalidRequestLine: (400, "The request line is malformed."),
    errors.InvalidRequestMethod: (400, "The request's method is malformed."),
    errors.InvalidHTTPVersion: (400, "The request's version of HTTP is not spoken here."),
    errors.InvalidHeader: (400, "A header field is malformed, or contradicts another."),
    errors.InvalidHeaderName: (400, "The name of a header field is malformed."),
    errors.ObsoleteFolding: (400, "A header field goes on in a second line."),
    errors.ParseException: (400, "The request is malformed."),
    errors.NoMoreData: (400, "The request breaks off."),
    Disputed: (400, "Where the request ends can't be told."),
}
TOO_SLOW: Final = (408, "The request did not arrive whole in time.")
BUSY: Final = (503, "As many requests as can be are being served. Try again in a second.")


def status_of(error: BaseException) -> tuple[int, str] | None:
    """Status and detail; None when the defect is ours."""
    if isinstance(error, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        return None
    return next((_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS), None)


def answer(status: int, detail: str, named: str) -> bytes:
    """The whole answer, head and body, with the request id ``named``."""
    body = problems.defect_body() if status == 500 else problems.body_of(_as_http(status, detail))
    told = json.dumps({**body, "requestId": named}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Server: {SERVER}\r\n"
        f"Date: {http_date()}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(told)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-Id: {named}\r\n"
        f"{'Retry-After: 1' + chr(13) + chr(10) if status == 503 else ''}\r\n"
    )
    return head.encode() + told


def new_id() -> str:
    return os.urandom(16).hex()


def _as_http(status: int, detail: str) -> HTTPException:
    error: Any = default_exceptions[status](detail)
    return error  # type: ignore[no-any-return]
