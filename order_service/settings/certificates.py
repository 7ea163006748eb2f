"""Certificates and keys in PEM files, looked at once at the start, so that a request does not meet
what is wrong with them first. No reason repeats a path: a key may stand in its place."""

import ssl
from pathlib import Path


def check_authorities(path: Path) -> None:
    """Raises ValueError unless the file holds a certificate at least."""
    require_file(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"holds no certificates as PEM ({_cause(error)})") from None
    if not context.cert_store_stats()["x509"]:
        raise ValueError("holds no certificates as PEM")


def check_own(certificate: Path, key: Path | None) -> None:
    """Raises ValueError unless they belong together and need no password."""
    for path in (certificate, key):
        if path is not None:
            require_file(path)
    try:
        # Without an answer at hand OpenSSL would ask whoever sits at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:
        raise ValueError(
            f"is no certificate as PEM with its key, which needs no password ({_cause(error)})"
        ) from None


def require_file(path: Path) -> None:
    """Raises ValueError."""
    try:
        # Nor a pipe or a device: reading one may never end.
        if not path.is_file():
            raise ValueError("is not the path of a file")
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"can't be read ({_cause(error)})") from None


def _cause(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or "not PEM")
