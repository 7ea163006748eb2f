"""Headers, cursors and ids that nobody would send. None of them is ever our fault (5xx)."""

import random
import string
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import pytest

from tests.api.issuer import Issuer
from tests.system import System

ROUNDS = 300
HEADER_BYTES = [chr(code) for code in range(0x20, 0x100) if code != 0x7F] + ["\t"]
NASTY = ["", " ", '"', '""', '"\\"', "*", "W/", "null", "0", "-1", "..", "%00", "${7*7}", "é" * 9]
# What an extension and a settlement read, and the others don't.
A_CHANGE = '{"holdSeconds": 60, "outcome": "failed", "reason": "I counted."}'
CHANGES = ("cancel", "confirm", "extend", "settle")


@pytest.fixture
def chance() -> random.Random:
    return random.Random(7)


class Client:
    """Sends what `requests` would refuse to; one kept-alive connection."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = HTTPConnection(self._address, timeout=10)

    def send(self, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
        self._connection.putrequest(method, path)
        for name, value in headers.items():
            self._connection.putheader(name, value.encode("latin-1"))
        self._connection.putheader("Content-Type", "application/json")
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body.encode())
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            # Our own answer, and not the web server's in our place.
            assert answer.headers["Content-Type"] == "application/problem+json", content
        return answer.status

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def client(guarded_system: System) -> Iterator[Client]:
    client = Client(guarded_system.urls[0])
    yield client
    client.close()


@pytest.fixture
def open_client(open_system: System) -> Iterator[Client]:
    client = Client(open_system.urls[0])
    yield client
    client.close()


def rubbish(chance: random.Random, longest: int = 400) -> str:
    return "".join(chance.choices(HEADER_BYTES, k=chance.randrange(longest))).strip()


def altered(text: str, chance: random.Random) -> str:
    """One piece cut out, doubled or replaced."""
    at, until = sorted(chance.sample(range(len(text)), 2))
    piece = chance.choice(["", text[at:until] * 2, rubbish(chance, 20), "."])
    return text[:at] + piece + text[until:]


def test_a_fuzzed_authorization_header_lets_nobody_in(
    client: Client, issuer: Issuer, chance: random.Random
) -> None:
    good = issuer.token("alice", "orders:read")
    makers: list[Callable[[], str]] = [
        lambda: rubbish(chance),
        lambda: f"Bearer {rubbish(chance)}",
        lambda: f"Bearer {altered(good, chance)}",
        lambda: f"Bearer {'.'.join(rubbish(chance, 50) for _ in range(3))}",
        lambda: chance.choice(NASTY[:-1]),
        lambda: f"Bearer {'.' * chance.randrange(5000)}",
    ]
    for number in range(ROUNDS):
        header = makers[number % len(makers)]()
        if good not in header:
            status = client.send("GET", "/api/orders", {"Authorization": header})
            assert status == 401, header


def test_a_fuzzed_idempotency_key_is_a_400(open_client: Client, chance: random.Random) -> None:
    body = '{"itemId": "' + "0" * 24 + '", "quantity": 1}'
    for key in [*NASTY, *(rubbish(chance) for _ in range(ROUNDS))]:
        status = open_client.send("POST", "/api/orders", {"Idempotency-Key": key}, body)
        assert status == 400, key


def test_a_fuzzed_if_match_or_if_none_match_header_of_an_unknown_order_is_a_404(
    open_client: Client, chance: random.Random
) -> None:
    path = f"/api/orders/{'a' * 24}"
    for value in [*NASTY, f'"{"9" * 5000}"', *(rubbish(chance) for _ in range(ROUNDS // 3))]:
        assert open_client.send("GET", path, {"If-None-Match": value}) == 404
        for change in CHANGES:
            asked = open_client.send("POST", f"{path}/{change}", {"If-Match": value}, A_CHANGE)
            assert asked == 404, (change, value)


@pytest.mark.parametrize("path", ["/api/orders", "/api/stock-changes"])
def test_a_fuzzed_cursor_is_a_page_or_a_400(
    path: str, open_client: Client, chance: random.Random
) -> None:
    letters = string.ascii_letters + string.digits + "-_="
    for number in range(ROUNDS):
        longest = chance.choice([3, 24, 36, 64, 2000])
        cursor = "".join(chance.choices(letters, k=longest)) if number % 2 else rubbish(chance)
        assert open_client.send("GET", f"{path}?cursor={quote(cursor)}", {}) in (200, 400), cursor


def test_a_fuzzed_order_id_is_a_404(open_client: Client, chance: random.Random) -> None:
    for made in [*NASTY, *(rubbish(chance) for _ in range(ROUNDS))]:
        order = quote(made, safe="")
        # A slash, even a quoted one, makes it another route's path.
        if order.strip(".") and "/" not in made:
            assert open_client.send("GET", f"/api/orders/{order}", {}) == 404, made
            assert open_client.send("GET", f"/api/orders/{order}/history", {}) == 404, made
            for change in CHANGES:
                path = f"/api/orders/{order}/{change}"
                assert open_client.send("POST", path, {}, A_CHANGE) == 404, made
