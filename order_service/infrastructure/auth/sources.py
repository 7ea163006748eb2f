"""Where a key set comes from: the issuer's URL, or a file."""

from pathlib import Path
from typing import Any, Final

from requests import codes
from requests.utils import get_environ_proxies

from order_service.infrastructure.outgoing import bounded_json, tls
from order_service.infrastructure.outgoing.client import (
    Bounds,
    Client,
    NotSent,
    Unanswered,
    prepare,
)

_BOUNDS: Final = Bounds(connect=2.0, answer=2.0)


class IssuersUrl:
    """A call answers the parsed key set within seconds. Raises ValueError."""

    def __init__(self, url: str, authorities: Path | None = None, bounds: Bounds = _BOUNDS) -> None:
        context = tls.make_context(authorities) if url.lower().startswith("https:") else None
        # An issuer, unlike the inventory, may be reached through the environment's proxy.
        self._client = Client(url, bounds, context=context, proxies=get_environ_proxies(url))
        self._request = prepare("GET", url)

    def __call__(self) -> Any:
        try:
            answer = self._client.send(self._request)
        except (NotSent, Unanswered) as error:
            raise ValueError(f"the issuer can't be asked: {error}") from error
        # A redirect is not followed: it could lead to a key set that anybody can write.
        if answer.status != codes.ok:
            raise ValueError(f"the issuer answered {answer.status}")
        return bounded_json.parse(answer.body)


class KeyFile:
    """A call answers the parsed key set. Raises OSError, ValueError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Any:
        with self._path.open("rb") as file:
            content = file.read(_BOUNDS.most + 1)
        if len(content) > _BOUNDS.most:
            raise ValueError(f"the key set is longer than {_BOUNDS.most} bytes")
        return bounded_json.parse(content)
