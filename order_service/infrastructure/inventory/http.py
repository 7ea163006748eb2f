"""Talking to the Inventory Service: pooled connections, bounded calls, a circuit breaker, and every
way a request can end told apart.

| how it ended                                                  | what is raised                  |
|---------------------------------------------------------------|---------------------------------|
| breaker open, no name, refused, not reached in time: not sent | InventoryUnavailable            |
| answered                                                      | nothing: the caller reads it    |
| sent, at least in part, and not answered whole in time        | OutcomeUnknown(in_flight=True)  |
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import wraps
from math import inf
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from requests import PreparedRequest

from order_service.domain.errors import (
    InventoryUnavailable,
    ItemNotFound,
    OrderServiceError,
    OutcomeUnknown,
)
from order_service.domain.price import MAX_PRICE, has_few_digits, is_in_range
from order_service.domain.stock import StockReading
from order_service.infrastructure.inventory.guard import Guard
from order_service.infrastructure.outgoing import bounded_json, tls
from order_service.infrastructure.outgoing.client import (
    Bounds,
    Client,
    NotSent,
    Unanswered,
    prepare,
)
from order_service.infrastructure.telemetry.correlation import LogCorrelation
from order_service.settings import Settings

# What JSON's numbers carry exactly everywhere; and with every order of a commit added to it, it
# still is a number that the store can hold.
_MAX_STOCK = 2**53 - 1
_ITEM_ID = re.compile("[0-9a-fA-F]{24}")
# A gateway answers these for a server that may still be working on the request.
_ANSWERED_BY_A_GATEWAY = {502, 504}
# With these the inventory does what it is asked for, or says why not.
_SERVED = {200, 404, 409, 412}

P = ParamSpec("P")
R = TypeVar("R")


class CallListener(Protocol):
    def called(self, operation: str, outcome: str, seconds: float, available: bool) -> None:
        """A call of the inventory is over; the outcome is ok, or the code of the error.
        ``available``: whether the breaker lets the next call through."""
        ...

    def saw(self, available: bool) -> None:
        """Whether the breaker lets calls through."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """``body``: the JSON object that was answered, {} where it was anything else."""

    status: int
    body: dict[str, Any]


class InventoryHttp:
    def __init__(self, settings: Settings, correlation: LogCorrelation | None = None) -> None:
        self._correlation = correlation or LogCorrelation()
        self._base = settings.inventory_service_url.rstrip("/")
        bounds = Bounds(settings.inventory_connect_timeout, settings.inventory_read_timeout)
        # Seconds after which a request that is asked for now has ended.
        self.longest = bounds.total
        self._client = _client(self._base, bounds, settings)
        self._prepared_once = prepare("GET", self._base)
        self._guard = Guard(settings.breaker_failures, settings.breaker_reset)

    @property
    def missing_since(self) -> datetime | None:
        return self._guard.missing_since

    def available(self) -> bool:
        return self._guard.available()

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, until: float = inf
    ) -> Answer:
        """``until``: the monotonic second from which on nothing of it may be sent."""
        answer = self._guard.call(self._request, method, path, body, until)
        if answer.status in _SERVED:
            self._guard.served()
        return answer

    def get_item(self, path: str, item_id: str) -> Answer:
        """A read is safe to repeat, so one lost answer is asked for again in the time left."""
        until = time.monotonic() + self.longest
        try:
            answer = self._guard.call(self._read, path, until)
        except OutcomeUnknown:
            try:
                answer = self._guard.call(self._read, path, until)
            except OutcomeUnknown:
                raise InventoryUnavailable("The inventory did not answer.") from None
        if answer.status not in (200, 404):
            self._guard.failed(f"answered {answer.status}")
            raise InventoryUnavailable("The inventory can't serve requests.")
        self._guard.served()
        if answer.status == 404:
            raise ItemNotFound(item_id)
        return answer

    def _read(self, path: str, until: float) -> Answer:
        """A failing read counts against the inventory. A failing write does not: the existing
        service answers 500 for each one that it saved while its broker is down."""
        answer = self._request("GET", path, None, until)
        if answer.status >= 500:
            self._guard.failed(f"answered {answer.status}")
            raise InventoryUnavailable("The inventory can't serve requests.")
        return answer

    def _request(self, method: str, path: str, body: dict[str, Any] | None, until: float) -> Answer:
        prepared = self._prepared(method, path, body)
        try:
            with self._correlation.calling(method, path) as call:
                prepared.headers.update(call.headers)
                answer = self._client.send(prepared, until)
                call.status = answer.status
        except NotSent as error:
            self._guard.failed(error, sent=False)
            raise InventoryUnavailable("The inventory can't be reached.") from error
        except Unanswered as error:
            self._guard.failed(error, sent=True)
            raise OutcomeUnknown("The inventory did not answer.", in_flight=True) from error
        if answer.status in _ANSWERED_BY_A_GATEWAY:
            self._guard.failed(f"a gateway answered {answer.status}", sent=True)
            raise OutcomeUnknown("A gateway answered for the inventory.", in_flight=True)
        return Answer(answer.status, _json_object(answer.body))

    def _prepared(self, method: str, path: str, body: dict[str, Any] | None) -> PreparedRequest:
        """A copy of one that requests has prepared: anew it costs 3 % of the CPU of an order."""
        prepared = self._prepared_once.copy()
        prepared.method = method
        # Ids have been checked: nothing in the path needs quoting.
        prepared.url = self._base + path
        if body is not None:
            prepared.prepare_body(None, None, json=body)
        return prepared


class Contract:
    """What both contracts are: calls over HTTP, of which the listener hears."""

    def __init__(self, http: InventoryHttp, listener: CallListener | None = None) -> None:
        self._http = http
        self._listener = listener

    def available(self) -> bool:
        available = self._http.available()
        if self._listener is not None:
            self._listener.saw(available)
        return available

    def _tell(self, operation: str, outcome: str, seconds: float) -> None:
        if self._listener is not None:
            self._listener.called(operation, outcome, seconds, self._http.available())


C = TypeVar("C", bound=Contract)


def told(call: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """The listener hears of each call, under the name of the method."""

    @wraps(call)
    def call_and_tell(contract: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        outcome, began = "ok", time.perf_counter()
        try:
            return call(contract, *args, **kwargs)
        except OrderServiceError as error:
            outcome = error.code
            raise
        finally:
            contract._tell(call.__name__, outcome, time.perf_counter() - began)

    return call_and_tell


def _client(base: str, bounds: Bounds, settings: Settings) -> Client:
    context = None
    if base.lower().startswith("https:"):
        context = tls.make_context(
            settings.inventory_ca_file,
            settings.inventory_client_cert,
            settings.inventory_client_key,
        )
    # Connections rest between two calls, so that there are more of them than callers.
    return Client(base, bounds, connections=settings.inventory_pool_size, context=context)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = bounded_json.parse(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_of(item_id: str, item: dict[str, Any]) -> bool:
    """Whether the answer may be that item's: it is not, where it names another."""
    named = item.get("_id")
    return not isinstance(named, str) or not _ITEM_ID.fullmatch(named) or named.lower() == item_id


def read_stock(body: dict[str, Any]) -> int:
    """The answer's stock. Raises InventoryUnavailable unless it is a whole number from 0."""
    stock = body.get("stock")
    if type(stock) is not int or not 0 <= stock <= _MAX_STOCK:
        raise InventoryUnavailable("The inventory answered no usable stock.")
    return stock


def read_reading(body: dict[str, Any]) -> StockReading:
    """Stock and price. Raises InventoryUnavailable unless the price is a number from 0 with at
    most 18 digits, and 18 places: more could not be multiplied exactly, or stored."""
    price = body.get("price")
    if type(price) is int:
        # Not before it is known to be small: reckoning with it could take long.
        price = Decimal(price) if 0 <= price <= MAX_PRICE else None
    if not isinstance(price, Decimal) or not is_in_range(price):
        raise InventoryUnavailable("The inventory answered no usable price.")
    if not has_few_digits(price):
        raise InventoryUnavailable("The inventory answered a price with too many digits.")
    return StockReading(read_stock(body), price.copy_abs())
