"""Who may: one table of tokens and what each of them gets."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.api.issuer import AUDIENCE, NAME, Issuer, bearer, customer, sign
from tests.system import Parts, System
from tests.waiting import until

READ, WRITE, ADMIN, STOCK = "orders:read", "orders:write", "orders:admin", "stock:read"
NOBODYS = "f" * 24
REQUESTS = {
    READ: ("GET", f"/api/orders/{NOBODYS}"),
    WRITE: ("POST", f"/api/orders/{NOBODYS}/cancel"),
    STOCK: ("GET", "/api/stock-changes"),
}

Make = Callable[[Issuer], str]


def unsigned(claims: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(claims)}."


def signed_with_public_key(issuer: Issuer) -> str:
    """The classic confusion: the public key as the secret of a symmetric algorithm."""
    signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(issuer.claims(scope=READ))}"
    digest = hmac.new(issuer.public_pem(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(digest)}"


def _part(content: dict[str, Any]) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def with_broken_signature(token: str) -> str:
    head, signature = token.rsplit(".", 1)
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def somebody_elses_key(issuer: Issuer) -> str:
    other = rsa.generate_private_key(65537, 2048)
    return sign(issuer.claims(scope=READ), other, "RS256", "rsa")


NOT_LET_IN: dict[str, Make] = {
    "expired": lambda issuer: issuer.token(scope=READ, exp=int(time.time()) - 60),
    "not valid yet": lambda issuer: issuer.token(scope=READ, nbf=int(time.time()) + 60),
    "signed by another key": somebody_elses_key,
    "signature altered": lambda issuer: with_broken_signature(issuer.token(scope=READ)),
    "alg none": lambda issuer: unsigned(issuer.claims(scope=READ)),
    "HS256 with the public key": signed_with_public_key,
    "unknown key": lambda issuer: sign(issuer.claims(), issuer.rsa, "RS256", "another"),
    "no key id, of two keys": lambda issuer: sign(issuer.claims(), issuer.rsa, "RS256", None),
    "another key's algorithm": lambda issuer: sign(issuer.claims(), issuer.rsa, "RS256", "ec"),
    "wrong audience": lambda issuer: issuer.token(scope=READ, aud="another-service"),
    "wrong issuer": lambda issuer: issuer.token(scope=READ, iss="https://evil.test"),
    "no audience": lambda issuer: issuer.token(scope=READ, aud=None),
    "no issuer": lambda issuer: issuer.token(scope=READ, iss=None),
    "no expiry": lambda issuer: issuer.token(scope=READ, exp=None),
    "no subject": lambda issuer: issuer.token(scope=READ, sub=None),
    "empty subject": lambda issuer: issuer.token(scope=READ, sub=""),
    "subject too long": lambda issuer: issuer.token(scope=READ, sub="a" * 256),
    "no token at all in it": lambda issuer: "",
    "not a token": lambda issuer: "e30.e30.e30",
}
LET_IN: dict[str, Make] = {
    "scope as a string": lambda issuer: issuer.token(scope=f"profile {READ}"),
    "scp as a list": lambda issuer: issuer.token(scope=None, scp=["profile", READ]),
    "scp as a string": lambda issuer: issuer.token(scope=None, scp=READ),
    "one of many audiences": lambda issuer: issuer.token(scope=READ, aud=["x", "order-service"]),
    "expired within the leeway": lambda issuer: issuer.token(scope=READ, exp=int(time.time()) - 5),
    "on a curve": lambda issuer: issuer.token(scope=READ, algorithm="ES256"),
    "another of the key's family": lambda issuer: issuer.token(scope=READ, algorithm="PS256"),
    "admin": lambda issuer: issuer.token(scope=ADMIN),
}


def ask(system: System, scope: str, headers: dict[str, str]) -> requests.Response:
    method, path = REQUESTS[scope]
    return system.request(method, path, headers=headers)


@pytest.mark.parametrize("kind", NOT_LET_IN)
def test_a_bad_token_is_a_401(kind: str, guarded_system: System, issuer: Issuer) -> None:
    answer = ask(guarded_system, READ, bearer(NOT_LET_IN[kind](issuer)))
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith(
        'Bearer realm="order-service", error="invalid_token", error_description="'
    )


@pytest.mark.parametrize("kind", LET_IN)
def test_a_good_token_gets_to_the_order(kind: str, guarded_system: System, issuer: Issuer) -> None:
    answer = ask(guarded_system, READ, bearer(LET_IN[kind](issuer)))
    assert answer.status_code == 404
    assert answer.json()["code"] == "order_not_found"


OF_AN_ORDER = {
    "": ("GET", READ),
    "/history": ("GET", READ),
    "/extend": ("POST", WRITE),
    "/confirm": ("POST", WRITE),
    "/cancel": ("POST", WRITE),
}


@pytest.mark.parametrize("route", OF_AN_ORDER)
def test_each_route_of_an_order_asks_for_its_one_scope(
    route: str, guarded_system: System, issuer: Issuer
) -> None:
    method, scope = OF_AN_ORDER[route]
    path, body = f"/api/orders/{NOBODYS}{route}", {"holdSeconds": 60}
    answers = {
        given: guarded_system.request(
            method, path, json=body, headers=bearer(issuer.token(scope=given))
        ).status_code
        for given in (READ, WRITE, STOCK, ADMIN)
    }
    assert answers == {READ: 403, WRITE: 403, STOCK: 403} | {scope: 404, ADMIN: 404}
    assert guarded_system.request(method, path, json=body).status_code == 401


LETTER = "stock-updates-dlt/0/999999999"
OF_ADMINS: dict[tuple[str, str], Any] = {
    ("GET", "/api/stuck-orders"): None,
    ("POST", f"/api/orders/{NOBODYS}/settle"): {"outcome": "failed", "reason": "I counted."},
    ("GET", "/api/dead-letters"): None,
    ("GET", f"/api/dead-letters/{LETTER}"): None,
    ("POST", "/api/dead-letters/replay"): {"ids": [LETTER]},
}


@pytest.mark.parametrize("route", OF_ADMINS, ids="{0[0]} {0[1]}".format)
def test_what_operators_do_asks_for_orders_admin_and_for_nothing_else(
    route: tuple[str, str], guarded_system: System, issuer: Issuer
) -> None:
    body = OF_ADMINS[route]
    for given in (f"{READ} {WRITE} {STOCK}", ADMIN):
        answer = guarded_system.request(
            *route, json=body, headers=bearer(issuer.token(scope=given))
        )
        assert (answer.status_code == 403) is (given != ADMIN), answer.text
        assert answer.status_code < 500
    assert guarded_system.request(*route, json=body).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}])
@pytest.mark.parametrize("scope", REQUESTS)
def test_a_401_for_a_request_without_a_token_has_no_error_in_www_authenticate(
    scope: str, headers: dict[str, str], guarded_system: System
) -> None:
    answer = ask(guarded_system, scope, headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="order-service"'


@pytest.mark.parametrize(
    ("scope", "given"),
    [
        (READ, ""),
        (READ, WRITE),
        (READ, STOCK),
        (WRITE, READ),
        (WRITE, STOCK),
        (STOCK, f"{READ} {WRITE}"),
        (STOCK, ADMIN),
        (READ, "orders:readonly"),
    ],
)
def test_a_missing_scope_is_a_403_that_names_the_scope(
    scope: str, given: str, guarded_system: System, issuer: Issuer
) -> None:
    answer = ask(guarded_system, scope, bearer(issuer.token(scope=given)))
    assert answer.status_code == 403
    assert (answer.json()["code"], answer.json()["scope"]) == ("missing_scope", scope)
    assert f'error="insufficient_scope", scope="{scope}"' in answer.headers["WWW-Authenticate"]


def created_by(system: System, issuer: Issuer, sub: str, item: str, key: str = "") -> Any:
    headers = customer(issuer, sub)["headers"] | ({"Idempotency-Key": key} if key else {})
    body = {"itemId": item, "quantity": 1}
    answer = system.request("POST", "/api/orders/create", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["order"]["_id"]


def test_an_order_is_read_and_cancelled_by_its_customer_or_an_admin_alone(
    guarded_system: System, issuer: Issuer
) -> None:
    order = created_by(guarded_system, issuer, "alice", guarded_system.add_item(10))
    alice, bob = customer(issuer, "alice"), customer(issuer, "bob")
    admin = customer(issuer, "carol", ADMIN)
    assert guarded_system.get(order, **alice).status_code == 200
    assert guarded_system.get(order, **bob).status_code == 404
    assert guarded_system.cancel(order, **bob).status_code == 404
    assert guarded_system.get(order, **admin).json()["order"]["status"] == "COMPLETED"
    assert guarded_system.cancel(order, **admin).json()["order"]["status"] == "CANCELLED"


def test_an_order_is_held_confirmed_and_its_history_read_by_its_customer_or_an_admin_alone(
    guarded_system: System, issuer: Issuer
) -> None:
    alice, bob = customer(issuer, "alice"), customer(issuer, "bob")
    admin = customer(issuer, "carol", ADMIN)
    held = guarded_system.hold(guarded_system.add_item(10), **alice)
    order = held.json()["order"]["_id"]
    others = [
        guarded_system.history(order, **bob),
        guarded_system.extend(order, 60, **bob),
        guarded_system.confirm(order, **bob),
        guarded_system.cancel(order, **bob),
    ]
    assert [answer.status_code for answer in others] == [404] * 4
    assert guarded_system.get(order, **alice).headers["ETag"] == held.headers["ETag"]
    assert guarded_system.extend(order, 60, **alice).status_code == 200
    assert guarded_system.confirm(order, **admin).json()["order"]["status"] == "COMPLETED"
    for reader in (alice, admin):
        history = guarded_system.history(order, **reader).json()["history"]
        assert [(entry["actor"], entry["by"]) for entry in history] == [
            *[("caller", "alice")] * 3,
            ("caller", "carol"),
        ]


def test_another_customers_order_is_the_same_404_as_an_order_that_does_not_exist(
    guarded_system: System, issuer: Issuer
) -> None:
    order = created_by(guarded_system, issuer, "alice", guarded_system.add_item(10))
    bob = {"headers": customer(issuer, "bob")["headers"] | {"X-Request-Id": "bobs"}}
    theirs, nobodys = (guarded_system.get(each, **bob) for each in (order, NOBODYS))
    assert theirs.text.replace(order, NOBODYS) == nobodys.text


def test_two_customers_may_use_one_idempotency_key(guarded_system: System, issuer: Issuer) -> None:
    item = guarded_system.add_item(10)
    alices = created_by(guarded_system, issuer, "alice", item, "same-key")
    assert created_by(guarded_system, issuer, "bob", item, "same-key") != alices
    assert created_by(guarded_system, issuer, "alice", item, "same-key") == alices
    assert guarded_system.stock(item) == 8


def test_health_asks_for_no_token(guarded_system: System) -> None:
    for path in ("/health/live", "/health/ready"):
        assert guarded_system.request("GET", path).status_code == 200


def test_readiness_tells_of_the_issuer(guarded_system: System) -> None:
    states = guarded_system.request("GET", "/health/ready").json()["dependencies"]
    assert states["issuer"] == {"status": "ok", "required": True}


def test_without_an_issuer_the_api_asks_for_no_token(open_system: System) -> None:
    item = open_system.add_item(1)
    order = open_system.create(item).json()["order"]["_id"]
    assert open_system.get(order, headers=bearer("rubbish")).status_code == 200


@pytest.fixture
def key_server(issuer: Issuer) -> Iterator[HTTPServer]:
    body = json.dumps(issuer.key_set()).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_keys_come_from_the_issuers_address_and_outlive_the_issuer(
    parts: Parts, issuer: Issuer, key_server: HTTPServer, tmp_path: Path
) -> None:
    settings = {
        "AUTH_JWKS_URL": f"http://127.0.0.1:{key_server.server_port}/keys",
        "AUTH_ISSUER": NAME,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_JWKS_COOLDOWN": "1",
        "AUTH_JWKS_MAX_AGE": "1",
        "WEB_WORKERS": "1",
    }
    with System(parts, tmp_path, settings, workers=0) as system:

        def listed() -> int:
            headers = bearer(issuer.token("alice", READ))
            return system.request("GET", "/api/orders", headers=headers).status_code

        assert listed() == 200
        key_server.shutdown()
        key_server.server_close()
        until(
            lambda: listed() == 200 and "keys_not_fetched" in system.api[0].log(),
            "the issuer is asked again in vain",
            20,
        )
        assert listed() == 200
