"""A token to try authentication with, good for the service that its key set is given to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from order_service.interface.cli.dev_token import AUDIENCE, ISSUER, dev_token
from tests.api.issuer import bearer
from tests.items import Items
from tests.system import Parts, System


def token_of(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(dev_token, ["--keys", str(folder), *arguments])
    assert done.exit_code == 0, done.output
    return done.output.strip()


@pytest.fixture
def system(parts: Parts, tmp_path: Path) -> Iterator[System]:
    settings = {
        "AUTH_JWKS_FILE": str(tmp_path / "keys" / "jwks.json"),
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "WEB_WORKERS": "1",
    }
    token_of(tmp_path / "keys", "--sub", "anybody")
    with System(parts, tmp_path, settings, workers=0) as system:
        yield system


def test_a_dev_token_opens_the_scopes_it_names_and_no_others_until_it_expires(
    system: System, tmp_path: Path
) -> None:
    reader = token_of(tmp_path / "keys", "--sub", "alice", "--scope", "orders:read")
    assert system.request("GET", "/api/orders", headers=bearer(reader)).status_code == 200
    assert system.request("GET", "/api/stock-changes", headers=bearer(reader)).status_code == 403
    gone = token_of(tmp_path / "keys", "--sub", "alice", "--hours", "-1")
    assert system.request("GET", "/api/orders", headers=bearer(gone)).status_code == 401


def test_a_dev_token_sees_one_customers_orders_unless_a_wider_scope_is_asked_for(
    system: System, parts: Parts, tmp_path: Path
) -> None:
    def seen_by(*arguments: str) -> set[str]:
        headers = bearer(token_of(tmp_path / "keys", *arguments))
        answer = system.request("GET", "/api/orders", headers=headers)
        return {order["_id"] for order in answer.json()["orders"]}

    with Items(parts.inventory_url) as items:
        body = {"itemId": items.add(stock=2), "quantity": 1}
    ordered = {}
    for customer in ("alice", "bob"):
        headers = bearer(token_of(tmp_path / "keys", "--sub", customer))
        answer = system.request("POST", "/api/orders", json=body, headers=headers)
        ordered[customer] = answer.json()["order"]["_id"]
        assert system.request("GET", "/api/stock-changes", headers=headers).status_code == 200

    assert seen_by("--sub", "alice") == {ordered["alice"]}
    assert seen_by("--sub", "eve", "--scope", "orders:admin") >= set(ordered.values())


def test_dev_token_refuses_a_scope_that_does_not_exist(tmp_path: Path) -> None:
    arguments = ["--keys", str(tmp_path), "--sub", "alice", "--scope", "orders:read order:write"]
    done = CliRunner().invoke(dev_token, arguments)
    assert done.exit_code == 2
    assert "'order:write' is no scope; the scopes are orders:read, orders:write" in done.output


def test_only_its_owner_can_read_the_private_development_key(tmp_path: Path) -> None:
    token_of(tmp_path, "--sub", "alice")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    assert '"d"' not in (tmp_path / "jwks.json").read_text(encoding="utf-8")
