"""Check certificates and keys in PEM files at the start, so that a bad file stops the start and no
request. No reason repeats a path: somebody may have given a key in place of the path."""

import ssl
from pathlib import Path


def check_authorities(path: Path) -> None:
    """Raises ValueError unless the file holds at least one certificate."""
    require_file(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"holds no certificates as PEM ({_cause(error)})") from None
    if not context.cert_store_stats()["x509"]:
        raise ValueError("holds no certificates as PEM")


def check_own(certificate: Path, key: Path | None) -> None:
    """Raises ValueError unless the key fits the certificate and needs no password."""
    for path in (certificate, key):
        if path is not None:
            require_file(path)
    try:
        # Without a function for the password OpenSSL would ask for it at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:
        raise ValueError(
            f"is no certificate as PEM with its key, which needs no password ({_cause(error)})"
        ) from None


def require_file(path: Path) -> None:
    """Raises ValueError unless the file can be read."""
    try:
        # Pipes and devices are refused too: reading one may never end.
        if not path.is_file():
            raise ValueError("is not the path of a file")
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"can't be read ({_cause(error)})") from None


def _cause(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or "not PEM")
