"""Talking to the Inventory Service: one pooled session, bounded times, a circuit breaker, and
every way a request can end told apart.

| how it ended                                    | what is raised                         |
|--------------------------------------------------|----------------------------------------|
| refused, no name, connect time-out, breaker open | InventoryUnavailable: it was not sent  |
| answered                                         | nothing: the caller reads the answer   |
| sent, and unanswered                             | OutcomeUnknown(in_flight=True)         |
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
from circuitbreaker import CircuitBreaker
from requests import PreparedRequest, Request
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NameResolutionError, NewConnectionError

from order_service.domain.errors import InventoryUnavailable, ItemNotFound, OutcomeUnknown
from order_service.domain.stock import StockReading
from order_service.settings import Settings

_MAX_PRICE = Decimal(10**12)
_MAX_DIGITS = 18
# A gateway answers these for a server that may still be working on the request.
_ANSWERED_BY_A_GATEWAY = {502, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """``body``: the JSON object that was answered, {} where it was anything else."""

    status: int
    body: dict[str, Any]


class InventoryHttp:
    def __init__(self, settings: Settings) -> None:
        self._base = settings.inventory_service_url.rstrip("/")
        self._timeouts = (settings.inventory_connect_timeout, settings.inventory_read_timeout)
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_maxsize=settings.web_threads, max_retries=0)
        self._session.mount(self._base, adapter)
        self._without_body = self._session.prepare_request(Request("GET", self._base))
        self._with_body = self._session.prepare_request(Request("POST", self._base, json={}))
        self._breaker = CircuitBreaker(
            failure_threshold=settings.breaker_failures,
            recovery_timeout=settings.breaker_reset,
            expected_exception=(InventoryUnavailable, OutcomeUnknown),
        )

    @property
    def longest(self) -> float:
        """Seconds after which a request that is sent now has ended."""
        return sum(self._timeouts)

    def available(self) -> bool:
        return not self._breaker.opened

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self._guarded(self._request, method, path, body)

    def get_item(self, path: str, item_id: str) -> Answer:
        """A read is safe to repeat, so one lost answer is asked for again."""
        try:
            answer = self._guarded(self._read, path)
        except OutcomeUnknown:
            try:
                answer = self._guarded(self._read, path)
            except OutcomeUnknown:
                raise InventoryUnavailable("The inventory did not answer.") from None
        if answer.status == 404:
            raise ItemNotFound(item_id)
        if answer.status != 200:
            raise InventoryUnavailable("The inventory can't serve requests.")
        return answer

    def _guarded(self, send: Callable[..., Answer], *args: Any) -> Answer:
        # The breaker's own call() counts, but does not hold back.
        if self._breaker.opened:
            raise InventoryUnavailable("The inventory is left alone for a moment.")
        answer: Answer = self._breaker.call(send, *args)
        return answer

    def _read(self, path: str) -> Answer:
        """A failing read counts against the inventory. A failing write does not: the existing
        service answers 500 for each one that it saved while its broker is down."""
        answer = self._request("GET", path, None)
        if answer.status >= 500:
            raise InventoryUnavailable("The inventory can't serve requests.")
        return answer

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        try:
            response = self._session.send(
                self._prepared(method, path, body), timeout=self._timeouts, allow_redirects=False
            )
        except requests.RequestException as error:
            if _was_not_sent(error):
                raise InventoryUnavailable("The inventory can't be reached.") from error
            raise OutcomeUnknown("The inventory did not answer.", in_flight=True) from error
        if response.status_code in _ANSWERED_BY_A_GATEWAY:
            raise OutcomeUnknown("A gateway answered for the inventory.", in_flight=True)
        return Answer(response.status_code, _json_object(response.content))

    def _prepared(self, method: str, path: str, body: dict[str, Any] | None) -> PreparedRequest:
        """A copy of one that requests has prepared: preparing costs a third of a call."""
        prepared = (self._without_body if body is None else self._with_body).copy()
        prepared.method = method
        # Ids have been checked: nothing in the path needs quoting.
        prepared.url = self._base + path
        if body is not None:
            prepared.body = json.dumps(body).encode()
            prepared.headers["Content-Length"] = str(len(prepared.body))
        return prepared


def _was_not_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(cause, NewConnectionError | NameResolutionError)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content, parse_float=Decimal)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def read_stock(body: dict[str, Any]) -> int:
    """The answer's stock. Raises InventoryUnavailable unless it is a whole number from 0."""
    stock = body.get("stock")
    if type(stock) is not int or not 0 <= stock < 2**63:
        raise InventoryUnavailable("The inventory answered no usable stock.")
    return stock


def read_reading(body: dict[str, Any]) -> StockReading:
    """Stock and price. Raises InventoryUnavailable unless the price is a number from 0 with at
    most 18 digits: more could not be multiplied exactly."""
    price = body.get("price")
    if type(price) is int:
        price = Decimal(price)
    if not isinstance(price, Decimal) or not price.is_finite() or not 0 <= price <= _MAX_PRICE:
        raise InventoryUnavailable("The inventory answered no usable price.")
    if len(price.as_tuple().digits) > _MAX_DIGITS:
        raise InventoryUnavailable("The inventory answered a price with too many digits.")
    return StockReading(read_stock(body), price)
