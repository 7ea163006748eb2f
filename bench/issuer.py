"""What our service is measured with, as in production: tokens, limits and origins."""

import time
from collections.abc import Mapping
from pathlib import Path

from order_service.interface.cli.dev_keys import signed

_NAME, _AUDIENCE = "bench", "order-service"
_HOURS = 12
# Counted like any other limit, and never reached.
_NEVER_REACHED = "1000000 per second"


def settings(folder: Path) -> Mapping[str, str]:
    """Of a service that asks for the tokens signed in ``folder``."""
    return {
        "AUTH_JWKS_FILE": str(folder / "jwks.json"),
        "AUTH_ISSUER": _NAME,
        "AUTH_AUDIENCE": _AUDIENCE,
        "RATE_LIMIT_READS": _NEVER_REACHED,
        "RATE_LIMIT_WRITES": _NEVER_REACHED,
        "CORS_ORIGINS": "https://shop.example",
    }


def token(folder: Path) -> str:
    """Of somebody who reads everybody's orders; makes the key in ``folder`` if there is none."""
    now = int(time.time())
    claims = {"iss": _NAME, "aud": _AUDIENCE, "sub": "bench", "scope": "orders:admin"}
    return signed({**claims, "iat": now, "exp": now + _HOURS * 3600}, folder)
