"""The body of a request: whole, uncoded, and JSON that has one meaning."""

import json
from collections import Counter
from math import inf
from typing import Any, Final, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.domain.errors import InvalidValue
from order_service.interface.http.schemas import MOST_OF_A_NAME

_AS_IT_IS: Final = "identity"


class UnsupportedCoding(UnsupportedMediaType):
    """The answer names the codings that are accepted (RFC 9110, section 12.5.3): none."""

    description = "Send the body as it is, without a Content-Encoding."

    def get_headers(self, *arguments: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*arguments), ("Accept-Encoding", _AS_IT_IS)]


def json_body(request: Request) -> dict[str, Any]:
    """Raises UnsupportedMediaType, RequestEntityTooLarge, InvalidValue."""
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    if (request.content_encoding or _AS_IT_IS).lower() != _AS_IT_IS:
        raise UnsupportedCoding
    data = request.get_data()
    if request.content_length is None and len(data) >= (request.max_content_length or inf):
        # Werkzeug cuts a body that is too long and whose length was not sent beforehand.
        raise RequestEntityTooLarge
    body = _read(data)
    if not isinstance(body, dict):
        raise InvalidValue("body", "must be a JSON object")
    return body


def _read(data: bytes) -> Any:
    try:
        return _DECODER.decode(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidValue("body", "is not JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a name that is given twice, because one of its values would be ignored."""
    named = dict(pairs)
    if len(named) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise InvalidValue(twice[:MOST_OF_A_NAME], "must be given once")
    return named


def _no_json(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python takes for JSON."""
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_json)
