"""Whom we believe, and what we show of ourselves, over TLS."""

import ssl
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH


def make_context(
    authorities: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Believes the authorities in that file alone; without one the public ones, and those that
    SSL_CERT_FILE or else the system names. The settings have looked at the files already.

    Raises OSError."""
    context = ssl.create_default_context(cafile=authorities)
    # Python 3.13 refuses authorities that lack what RFC 5280 asks for, as many private ones do:
    # which Python it is must not decide whether the inventory can be reached.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if authorities is None:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if certificate is not None:
        # Without an answer at hand OpenSSL would ask whoever sits at the terminal.
        context.load_cert_chain(certificate, key, lambda: "")
    return context
