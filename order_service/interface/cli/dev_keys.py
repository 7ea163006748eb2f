"""The key of an issuer for development, in a folder."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

_ALGORITHM = "ES256"


def signed(claims: dict[str, Any], folder: Path) -> str:
    """The token with these claims, signed with the folder's key."""
    key, key_id = _signing_key(folder)
    return jwt.encode(claims, key, _ALGORITHM, {"kid": key_id})


def _signing_key(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """The folder's key and the key's id; makes the key and its ``jwks.json`` if there is none."""
    key_path = folder / "key.pem"
    if not key_path.exists():
        _make(folder, key_path)
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        (public,) = json.loads((folder / "jwks.json").read_text(encoding="utf-8"))["keys"]
        key_id = public["kid"]
    except (ValueError, TypeError, KeyError) as error:
        raise _not_ours(folder) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _not_ours(folder)
    return key, key_id


def _not_ours(folder: Path) -> click.ClickException:
    return click.ClickException(
        f"{folder} holds a key that this command did not make. Name another folder, or remove "
        "key.pem to have a new key made."
    )


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
    # Written last: where the key is, jwks.json is too.
    _write(key_path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write the file whole or not at all, never readable by more users than ``mode`` says."""
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
