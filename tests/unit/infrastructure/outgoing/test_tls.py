"""An inventory and an issuer behind HTTPS: whom we believe, what we show, and what the log says."""

import json
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest
import structlog

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.infrastructure.auth.build import key_set
from order_service.infrastructure.inventory.absolute import AbsoluteInventory
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.settings import Settings, SettingsError
from tests.api.issuer import AUDIENCE, NAME, Issuer
from tests.authority import Authority, server_context
from tests.raw_server import RawServer, answer, trickle

ITEM = "a" * 24
READING = answer(b'{"stock": 7, "price": 1}')
MARGIN = 2.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(authority: Authority) -> Iterator[RawServer]:
    context = server_context(authority.issue("inventory"))
    with RawServer(lambda _: [READING], context) as server:
        yield server


def inventory(server: RawServer, **files: Any) -> AbsoluteInventory:
    return AbsoluteInventory(InventoryHttp(Settings(inventory_service_url=server.url, **files)))


def refusal(act: Callable[[], object]) -> str:
    """The cause that the log has of it."""
    with structlog.testing.capture_logs() as logged, pytest.raises(InventoryUnavailable):
        act()
    [line] = [each for each in logged if each["event"] == "inventory_unavailable"]
    assert line["sent"] is False
    return str(line["cause"])


def test_a_private_authority_is_believed_where_the_settings_say_so(
    server: RawServer, authority: Authority
) -> None:
    adapter = inventory(server, inventory_ca_file=authority.path)
    for _ in range(3):
        assert adapter.read(ITEM).stock == 7


def test_a_private_authority_that_no_setting_names_is_not_believed_and_the_log_says_why(
    server: RawServer,
) -> None:
    cause = refusal(lambda: inventory(server).read(ITEM))
    assert cause.startswith("TLS: unable to get local issuer certificate")


def test_where_a_setting_names_an_authority_no_other_authority_is_believed(
    server: RawServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "another")
    cause = refusal(lambda: inventory(server, inventory_ca_file=other.path).read(ITEM))
    assert cause.startswith("TLS: ")


def test_the_authorities_of_the_system_are_believed(
    server: RawServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    assert inventory(server).read(ITEM).stock == 7


def test_a_certificate_for_another_address_is_refused(authority: Authority) -> None:
    context = server_context(authority.issue("elsewhere", "127.9.9.9"))
    with RawServer(lambda _: [READING], context) as server:
        cause = refusal(lambda: inventory(server, inventory_ca_file=authority.path).read(ITEM))
    assert "mismatch" in cause


def test_our_client_certificate_is_shown_to_the_server(
    authority: Authority, tmp_path: Path
) -> None:
    clients = Authority(tmp_path, "clients")
    context = server_context(authority.issue("inventory"), clients)
    own = clients.issue("order-service")
    with RawServer(lambda _: [READING], context) as server:
        files = {"inventory_ca_file": authority.path}
        assert inventory(server, **files, inventory_client_cert=own).read(ITEM).stock == 7
        with pytest.raises(InventoryUnavailable):
            inventory(server, **files).read(ITEM)


IMPATIENT = {"inventory_connect_timeout": 0.4, "inventory_read_timeout": 0.4}


def test_a_call_whose_tls_handshake_does_not_end_was_not_sent(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda _: [READING]) as plain:
        monkeypatch.setattr(RawServer, "url", f"https://127.0.0.1:{plain.port}")
        adapter = inventory(plain, inventory_ca_file=authority.path, **IMPATIENT)
        begun = time.monotonic()
        with pytest.raises(InventoryUnavailable):
            adapter.overwrite(ITEM, 6, not_after=inf)
        assert time.monotonic() - begun < 0.4 + MARGIN


def test_an_answer_that_trickles_through_tls_ends_in_time(
    server: RawServer, authority: Authority
) -> None:
    server.script = lambda _: trickle(READING, 0.1)
    adapter = inventory(server, inventory_ca_file=authority.path, **IMPATIENT)
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        adapter.overwrite(ITEM, 6, not_after=inf)
    assert time.monotonic() - begun < 0.8 + MARGIN


# --- the issuer

ISSUER = {"auth_issuer": NAME, "auth_audience": AUDIENCE}


def test_an_issuer_with_a_private_authority_is_believed(
    authority: Authority, server: RawServer, issuer: Issuer
) -> None:
    server.script = lambda _: [answer(json.dumps(issuer.key_set()).encode())]
    trusting = Settings(auth_jwks_url=server.url, auth_ca_file=authority.path, **ISSUER)
    assert key_set(trusting).find("rsa")


def test_auth_ca_file_needs_an_issuer_behind_https(authority: Authority) -> None:
    with pytest.raises(SettingsError, match="AUTH_CA_FILE is set, but AUTH_JWKS_URL"):
        Settings.load({"AUTH_CA_FILE": str(authority.path)})


def test_an_auth_ca_file_without_certificates_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    path.write_text("no PEM", encoding="utf-8")
    given = {"AUTH_JWKS_URL": "https://issuer.test/", "AUTH_CA_FILE": str(path)}
    with pytest.raises(SettingsError, match="AUTH_CA_FILE: "):
        Settings.load(given | {"AUTH_ISSUER": NAME, "AUTH_AUDIENCE": AUDIENCE})


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()
