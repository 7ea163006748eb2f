"""An issuer of tokens, good ones and every kind of bad one."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

NAME, AUDIENCE = "https://issuer.test", "order-service"


class Issuer:
    """One RSA key (``kid`` rsa) and one on a curve (``kid`` ec)."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def key_set(self) -> dict[str, Any]:
        rsa_key = json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key()))
        ec_key = json.loads(ECAlgorithm.to_jwk(self.ec.public_key()))
        return {"keys": [{**rsa_key, "kid": "rsa", "use": "sig"}, {**ec_key, "kid": "ec"}]}

    def settings(self, folder: Path) -> dict[str, str]:
        """What makes a service trust this issuer."""
        path = folder / "jwks.json"
        path.write_text(json.dumps(self.key_set()), encoding="utf-8")
        return {"AUTH_JWKS_FILE": str(path), "AUTH_ISSUER": NAME, "AUTH_AUDIENCE": AUDIENCE}

    def token(
        self, sub: Any = "alice", scope: Any = "", *, algorithm: str = "RS256", **claims: Any
    ) -> str:
        """``claims`` replace the usual ones; None leaves one out."""
        key = self.ec if algorithm.startswith("ES") else self.rsa
        key_id = "ec" if algorithm.startswith("ES") else "rsa"
        return sign(self.claims(sub, scope, **claims), key, algorithm, key_id)

    def claims(self, sub: Any = "alice", scope: Any = "", **claims: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": NAME, "aud": AUDIENCE, "sub": sub, "scope": scope, "exp": now + 300}
        return {name: value for name, value in (usual | claims).items() if value is not None}

    def public_pem(self) -> bytes:
        return self.rsa.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def sign(claims: dict[str, Any], key: Any, algorithm: str, key_id: str | None) -> str:
    headers = {"kid": key_id} if key_id is not None else None
    return jwt.encode(claims, key, algorithm, headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def customer(
    issuer: Issuer, sub: str, scope: str = "orders:read orders:write"
) -> dict[str, dict[str, str]]:
    """The options of a request that this customer sends."""
    return {"headers": bearer(issuer.token(sub, scope))}
