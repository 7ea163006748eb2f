"""``order-service dev-token``: a token to try authentication with, of an issuer of one's own.

Never for production: the private key lies in a file, and whoever reads it is everybody.
"""

import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from order_service.application.callers import Scope

ISSUER, AUDIENCE = "order-service-dev", "order-service"
FOLDER = Path(".data/dev-keys")
_ALGORITHM = "ES256"


@click.command("dev-token")
@click.option("--sub", required=True, help="Who it is for: the customer's id.")
@click.option("--scope", default=" ".join(Scope), show_default=True, help="Separated by blanks.")
@click.option("--hours", default=12.0, show_default=True, help="How long it is good for.")
@click.option("--issuer", default=ISSUER, show_default=True, envvar="AUTH_ISSUER")
@click.option("--audience", default=AUDIENCE, show_default=True, envvar="AUTH_AUDIENCE")
@click.option(
    "--keys",
    "folder",
    default=FOLDER,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the key is, and is made if need be.",
)
def dev_token(sub: str, scope: str, hours: float, issuer: str, audience: str, folder: Path) -> None:
    """Print a token, for development alone.

    The API takes it when it is started with AUTH_JWKS_FILE=.data/dev-keys/jwks.json
    AUTH_ISSUER=order-service-dev AUTH_AUDIENCE=order-service.
    """
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": sub, "scope": scope}
    times = {"iat": now, "exp": now + round(hours * 3600)}
    key, key_id = signing_key(folder)
    click.echo(jwt.encode({**claims, **times}, key, _ALGORITHM, {"kid": key_id}))


def signing_key(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """The folder's key and its id; made, with its ``jwks.json``, where there is none."""
    key_path = folder / "key.pem"
    if not key_path.exists():
        _make(folder, key_path)
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise click.ClickException(f"{key_path} is not a key of this command's.")
    (public,) = json.loads((folder / "jwks.json").read_text(encoding="utf-8"))["keys"]
    return key, public["kid"]


def _make(folder: Path, key_path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    key_set = {"keys": [{**public, "kid": uuid4().hex, "use": "sig", "alg": _ALGORITHM}]}
    _write(folder / "jwks.json", json.dumps(key_set).encode(), 0o644)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # The last: with it there, all is there.
    _write(key_path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than ``mode`` says."""
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
