"""JSON Web Tokens in, callers out."""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jwt
import structlog
from cachetools import LRUCache
from jwt import exceptions as refused

from order_service.application.callers import Caller
from order_service.domain.errors import Unauthenticated
from order_service.infrastructure.auth.key_set import KeySet
from order_service.infrastructure.auth.keys import VerificationKey

_REQUIRED = ["exp", "iss", "aud", "sub"]
MAX_SUBJECT = 255
_UNREADABLE = "The token can't be read."
# Characters that no store, log or terminal takes: controls, line ends, half surrogates.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# A caller reads these; they repeat nothing of a token's contents.
_REASONS: Mapping[type[Exception], str] = {
    refused.ExpiredSignatureError: "The token has expired.",
    refused.ImmatureSignatureError: "The token is not valid yet.",
    refused.InvalidAudienceError: "The token is for another audience.",
    refused.InvalidIssuerError: "The token is from another issuer.",
    refused.InvalidAlgorithmError: "The token is signed with an algorithm that is not accepted.",
    refused.InvalidSignatureError: "The token's signature is not valid.",
}

# Some 2 MB of memory at most, however long the names and scopes in the tokens are.
_MOST_KEPT = 1_024

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Verified:
    """``expires_at``: seconds since 1970."""

    caller: Caller
    key_id: str | None
    key: VerificationKey
    expires_at: int


class TokenVerifier:
    """A caller sends one token again and again, and to verify it costs as much as a cached answer.
    So a token that was verified counts until it expires or its issuer's keys are fetched again.

    ``leeway``: seconds that the issuer's clock may differ from ours; ``now``: seconds since 1970.
    """

    def __init__(
        self,
        key_set: KeySet,
        *,
        issuer: str,
        audience: str,
        leeway: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key_set = key_set
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._now = now
        self._kept: LRUCache[bytes, _Verified] = LRUCache(_MOST_KEPT)
        self._lock = threading.Lock()

    def __call__(self, token: str) -> Caller:
        """Raises Unauthenticated, KeysUnavailable."""
        # Of the whole token, signature and all; and memory holds no token.
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        with self._lock:
            known = self._kept.get(digest)
        if known is None or not self._counts(known):
            known = self._verify(token)
            with self._lock:
                self._kept[digest] = known
        return known.caller

    def _counts(self, known: _Verified) -> bool:
        expired = known.expires_at <= self._now() - self._leeway
        return not expired and self._key_set.find(known.key_id) is known.key

    def _verify(self, token: str) -> _Verified:
        with _reading_what_anybody_wrote():
            key_id = jwt.get_unverified_header(token).get("kid")
        key = self._key_set.find(key_id)
        if key is None:
            raise Unauthenticated("The token is signed with a key that the issuer does not list.")
        with _reading_what_anybody_wrote():
            claims = self._claims(token, key)
        caller = Caller(_subject(claims), _scopes(claims))
        return _Verified(caller, key_id, key, int(claims["exp"]))

    def _claims(self, token: str, key: VerificationKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.public_key,
            # The key's algorithms, never the algorithm that the token names.
            algorithms=key.algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway,
            options={"require": _REQUIRED, "enforce_minimum_key_length": True},
        )


@contextmanager
def _reading_what_anybody_wrote() -> Iterator[None]:
    """Any error inside is the token's fault, no defect of ours. Raises Unauthenticated."""
    try:
        yield
    except refused.MissingRequiredClaimError as error:
        raise Unauthenticated(f"The token lacks the claim {error.claim}.") from None
    except refused.PyJWTError as error:
        raise Unauthenticated(_REASONS.get(type(error), _UNREADABLE)) from None
    except Exception as error:
        # Without the error's text, which may repeat the token.
        _log.warning("token_not_read", reason=type(error).__name__)
        raise Unauthenticated(_UNREADABLE) from error


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise Unauthenticated(f"The token's sub is not a name of 1 to {MAX_SUBJECT} characters.")
    if _NO_TEXT.search(subject):
        raise Unauthenticated("The token's sub has characters in it that are no text.")
    return subject


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """``scope`` (RFC 8693, a string), or ``scp`` (a string or a list)."""
    given = claims.get("scope", claims.get("scp", ""))
    if isinstance(given, str):
        return frozenset(given.split())
    if isinstance(given, list):
        return frozenset(each for each in given if isinstance(each, str))
    return frozenset()
