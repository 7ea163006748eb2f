"""Public keys out of a JSON Web Key Set (RFC 7517), each with the algorithms it may be used for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from jwt import PyJWK
from jwt.algorithms import AllowedPublicKeys

# No symmetric algorithm: the public key would be the secret, and everybody has the public key.
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = frozenset({*_RSA, "ES256", "ES256K", "ES384", "ES512", "EdDSA"})

_LONGEST_SHOWN = 64
_MOST_SHOWN = 3

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class VerificationKey:
    public_key: AllowedPublicKeys
    algorithms: tuple[str, ...]


def parse(key_set: Any) -> dict[str, VerificationKey]:
    """Keys by key id; '' for a key without an id. Keys that can't verify signatures are left out.

    Raises ValueError when ``key_set`` is no key set, or has no key that verifies signatures.
    """
    listed = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is not a JSON Web Key Set")
    keys, skipped = _sorted_out(listed)
    if skipped:
        # One line, however many there are.
        _log.warning("keys_skipped", number=len(skipped), first=skipped[:_MOST_SHOWN])
    if not keys:
        raise ValueError("it holds no public key for signatures")
    return keys


def _sorted_out(listed: list[Any]) -> tuple[dict[str, VerificationKey], list[str]]:
    """The keys by id, and the error of each key that can't be read."""
    keys: dict[str, VerificationKey] = {}
    skipped: list[str] = []
    for each in listed:
        try:
            if key := _verification_key(each):
                keys[_key_id(each)] = key
        except Exception as error:  # noqa: BLE001  (one bad key spoils no other)
            skipped.append(f"{_key_id(each)[:_LONGEST_SHOWN]!r}: {type(error).__name__}")
    return keys, skipped


def _key_id(jwk: Mapping[str, Any]) -> str:
    return str(jwk.get("kid") or "")


def _verification_key(jwk: Any) -> VerificationKey | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    parsed = PyJWK(jwk)
    if parsed.algorithm_name not in ALGORITHMS:
        return None
    # An RSA key that names no algorithm fits all RSA algorithms; a curve fits one algorithm.
    whole_family = jwk.get("kty") == "RSA" and "alg" not in jwk
    return VerificationKey(parsed.key, _RSA if whole_family else (parsed.algorithm_name,))
