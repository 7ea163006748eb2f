"""The inventory's certificates: what can't be used stops the start, in one line."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from order_service.settings import Settings, SettingsError

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
HTTPS = {"INVENTORY_SERVICE_URL": "https://inventory.test"}


class Pair:
    """A certificate that signs itself, and its key, as PEM."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME)
        made = made.public_key(self._key.public_key()).serial_number(1)
        made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        self.certificate = made.sign(self._key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        )

    def key(self, password: bytes | None = None) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption(),
        )


PAIR = Pair()
Files = Callable[..., dict[str, str]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    def write(**contents: bytes) -> dict[str, str]:
        """``ca_file=b"…"`` → ``{"INVENTORY_CA_FILE": "<its path>"}``, and the rest of it."""
        paths = {name: tmp_path / name for name in contents}
        for name, path in paths.items():
            path.write_bytes(contents[name])
        return HTTPS | {f"INVENTORY_{name.upper()}": str(path) for name, path in paths.items()}

    return write


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.load(environment)
    [line] = str(refused.value).splitlines()
    return line


def test_an_https_inventory_needs_no_certificate_settings() -> None:
    settings = Settings.load(HTTPS)
    assert settings.inventory_ca_file is None
    assert settings.inventory_client_cert is settings.inventory_client_key is None


def test_certificates_and_a_key_that_fit_are_taken(files: Files) -> None:
    bundle = PAIR.certificate + Pair().certificate
    given = files(ca_file=bundle, client_cert=PAIR.certificate, client_key=PAIR.key())
    settings = Settings.load(given)
    assert settings.inventory_ca_file == Path(given["INVENTORY_CA_FILE"])
    assert settings.inventory_client_cert == Path(given["INVENTORY_CLIENT_CERT"])
    assert settings.inventory_client_key == Path(given["INVENTORY_CLIENT_KEY"])


def test_the_key_may_be_in_the_file_of_its_certificate(files: Files) -> None:
    settings = Settings.load(files(client_cert=PAIR.certificate + PAIR.key()))
    assert settings.inventory_client_key is None


@pytest.mark.parametrize("content", [b"", b"rubbish", PAIR.key(), PAIR.certificate[:200]])
def test_an_inventory_ca_file_without_certificates_is_refused(files: Files, content: bytes) -> None:
    line = refusal(files(ca_file=content))
    assert line.startswith("Bad setting: INVENTORY_CA_FILE: ")


@pytest.mark.parametrize(
    "contents",
    [
        {"client_cert": b""},
        {"client_cert": PAIR.certificate},
        {"client_cert": PAIR.certificate, "client_key": b"rubbish"},
        {"client_cert": PAIR.certificate, "client_key": Pair().key()},
        {"client_cert": PAIR.certificate, "client_key": PAIR.key(b"hunter2")},
        {"client_cert": PAIR.key(), "client_key": PAIR.certificate},
    ],
    ids=["empty", "no key", "rubbish", "another's key", "a key with a password", "swapped"],
)
def test_a_client_certificate_without_its_key_is_refused(
    files: Files, contents: dict[str, bytes]
) -> None:
    line = refusal(files(**contents))
    assert line.startswith("Bad setting: INVENTORY_CLIENT_CERT: ")


@pytest.mark.parametrize("name", ["INVENTORY_CA_FILE", "INVENTORY_CLIENT_CERT"])
def test_a_certificate_setting_that_is_no_file_is_refused_and_never_waited_for(
    name: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "absent", tmp_path, pipe):
        line = refusal(HTTPS | {name: str(path)})
        assert line.startswith(f"Bad setting: {name}: is not the path of a file")


def test_a_client_key_without_a_certificate_is_refused(files: Files) -> None:
    assert "INVENTORY_CLIENT_CERT" in refusal(files(client_key=PAIR.key()))


def test_certificates_for_a_connection_without_tls_are_refused(files: Files) -> None:
    given = files(ca_file=PAIR.certificate) | {"INVENTORY_SERVICE_URL": "http://inventory.test"}
    line = refusal(given)
    assert "INVENTORY_CA_FILE" in line
    assert "INVENTORY_SERVICE_URL" in line
