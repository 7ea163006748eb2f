"""Tokens that anybody may have written, and what an issuer that is trusted may write amiss: each is
let in or is a 401, and nothing else."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt import exceptions as refused
from jwt.algorithms import ECAlgorithm
from structlog.testing import capture_logs

from order_service.application.callers import Caller
from order_service.domain.errors import Unauthenticated
from order_service.infrastructure.auth.key_set import KeySet
from order_service.infrastructure.auth.tokens import TokenVerifier
from tests.api.issuer import AUDIENCE, NAME, Issuer

# Deeper than any Python goes.
NESTED = 100_000
GENERATED = 100
HEADER = {"alg": "ES256", "kid": "ec"}
ES256 = ECAlgorithm(ECAlgorithm.SHA256)

issuer = Issuer()


def never() -> Any:
    raise AssertionError("known keys are not looked for")


@pytest.fixture(scope="module")
def verify() -> TokenVerifier:
    keys = KeySet(issuer.key_set, cooldown=3600, max_age=3600)
    return TokenVerifier(keys, issuer=NAME, audience=AUDIENCE, leeway=30)


def signed(header: bytes, payload: bytes) -> str:
    """As the issuer would sign it, whatever it is."""
    told = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
    signature = base64.urlsafe_b64encode(ES256.sign(told, issuer.ec)).rstrip(b"=")
    return (told + b"." + signature).decode()


def token(claims: Any = None, header: Any = None) -> str:
    """Of what goes over the usual; a value may be raw JSON, as bytes."""
    usual = issuer.claims("alice", "orders:read")
    return signed(_json(HEADER | (header or {})), _json(usual | (claims or {})))


def _json(content: dict[str, Any]) -> bytes:
    parts = [
        json.dumps(name).encode() + b":" + (value if isinstance(value, bytes) else _dump(value))
        for name, value in content.items()
    ]
    return b"{" + b",".join(parts) + b"}"


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def refusal(verify: TokenVerifier, written: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verify(written)
    return refused.value.message


def test_an_ordinary_token_is_let_in_with_its_subject_and_scopes(verify: TokenVerifier) -> None:
    assert verify(token()) == Caller("alice", frozenset({"orders:read"}))


@pytest.mark.parametrize(
    "subject", ["auth0|7", "Jürgen Groß", "李", "a b", "me@shop.example", "👩‍🚀"]
)
def test_a_tokens_subject_may_be_of_any_script(subject: str, verify: TokenVerifier) -> None:
    assert verify(token({"sub": subject})).subject == subject


@pytest.mark.parametrize(
    "subject",
    [
        "\ud800",
        "a\udfffb",
        "alice\nbob",
        "a\r",
        "\0",
        "a\tb",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "a\u2028b",
    ],
)
def test_a_token_whose_subject_is_no_text_is_refused_with_the_reason(
    subject: str, verify: TokenVerifier
) -> None:
    assert "no text" in refusal(verify, token({"sub": subject}))


ODD_NUMBERS = [b"1e400", b"-1e400", b"NaN", b"Infinity", b"9" * 5000, b'"never"']
NOT_NUMBERS = [b"[]", b"{}", b'""', b"null", b'"\\ud800"', b"[" * NESTED + b"]" * NESTED]


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [*ODD_NUMBERS, *NOT_NUMBERS], ids=lambda value: str(value[:20]))
def test_a_token_with_a_claim_of_time_that_is_no_time_is_refused(
    claim: str, value: bytes, verify: TokenVerifier
) -> None:
    assert refusal(verify, token({claim: value}))


def test_a_tokens_expiry_may_be_far_away(verify: TokenVerifier) -> None:
    assert verify(token({"exp": b"9" * 4000})).subject == "alice"


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "an audience of objects": {"aud": [{"a": 1}, "order-service"]},
    "an audience that is an object": {"aud": {"order-service": 1}},
    "an audience of a number": {"aud": 1},
    "an issuer that is a list": {"iss": [NAME]},
    "an issuer that is an object": {"iss": {}},
    "a subject that is a list": {"sub": ["alice"]},
    "a subject that is a number": {"sub": 7},
    "a subject that is true": {"sub": True},
    "an id that is none": {"jti": {}},
}


@pytest.mark.parametrize("kind", BAD_CLAIMS)
def test_a_token_with_a_claim_of_another_type_is_refused(kind: str, verify: TokenVerifier) -> None:
    assert refusal(verify, token(BAD_CLAIMS[kind]))


BAD_HEADERS: dict[str, dict[str, Any]] = {
    "deep": {"x": b"[" * NESTED + b"]" * NESTED},
    "deep and open": {"x": b"[" * NESTED},
    "an algorithm that is a list": {"alg": ["ES256"]},
    "an algorithm that is an object": {"alg": {}},
    "no algorithm": {"alg": None},
    "a key id that is a list": {"kid": ["ec"]},
    "a key id that is an object": {"kid": {}},
    "half a surrogate for a key id": {"kid": "\ud800"},
    "a key id of many lines": {"kid": "ec\nrsa"},
    "a critical part that nobody knows": {"crit": ["exp"], "exp": 1},
    "a payload elsewhere": {"b64": False, "crit": ["b64"]},
    "an endless number": {"x": b"9" * 5000},
}


@pytest.mark.parametrize("kind", BAD_HEADERS)
def test_a_token_with_an_odd_header_is_refused(kind: str, verify: TokenVerifier) -> None:
    assert refusal(verify, token(header=BAD_HEADERS[kind]))


NO_CLAIMS = [b"", b"[]", b"null", b"1", b"\xff", b"[" * 100_000, b"{" * 9999]


@pytest.mark.parametrize("payload", NO_CLAIMS, ids=lambda payload: str(payload[:9]))
def test_a_token_whose_claims_are_no_json_object_is_refused(
    payload: bytes, verify: TokenVerifier
) -> None:
    assert refusal(verify, signed(_json(HEADER), payload))


def test_an_unlisted_error_of_the_jwt_library_is_a_token_that_cannot_be_read(
    verify: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    written = token()
    monkeypatch.setattr("jwt.decode", fail)
    assert refusal(verify, written) == "The token can't be read."
    monkeypatch.setattr("jwt.get_unverified_header", fail)
    assert refusal(verify, written) == "The token can't be read."


def test_the_text_of_a_refused_token_is_not_in_the_log(verify: TokenVerifier) -> None:
    with capture_logs() as logs:
        refusal(verify, "a secret \ud800")
    assert [line["reason"] for line in logs] == ["UnicodeEncodeError"]
    assert "a secret" not in repr(logs)


def test_a_defect_in_the_verifier_is_not_taken_for_a_bad_token(verify: TokenVerifier) -> None:
    keys = KeySet(never, cooldown=1, max_age=1)
    with pytest.raises(AssertionError):
        TokenVerifier(keys, issuer=NAME, audience=AUDIENCE, leeway=0)(token())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=300)
    | st.sampled_from(ODD_NUMBERS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
).filter(lambda value: not _holds_bytes(value))
CLAIMS = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "scope", "scp"]),
    VALUES | st.sampled_from([*ODD_NUMBERS, *NOT_NUMBERS]),
    max_size=4,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "cty", "jwk", "jku", "x5c", "zip"]),
    VALUES | st.sampled_from([*ODD_NUMBERS, *NOT_NUMBERS]),
    max_size=2,
)


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(each, bytes) or _holds_bytes(each) for each in value)
    if isinstance(value, dict):
        return _holds_bytes(list(value.values()))
    return False


def judged(verify: Callable[[str], Caller], written: str) -> None:
    try:
        subject = verify(written).subject
    except Unauthenticated as refused:
        # Its message goes into a header of the answer.
        subject = refused.message
    assert subject is not None
    assert subject.encode()
    assert len(subject.splitlines()) == 1


def test_any_generated_token_is_let_in_or_refused(verify: TokenVerifier) -> None:
    tried = 0

    @settings(max_examples=GENERATED, deadline=None)
    @given(claims=CLAIMS, header=HEADERS, noise=st.binary(max_size=200))
    def judge(claims: dict[str, Any], header: dict[str, Any], noise: bytes) -> None:
        nonlocal tried
        for written in (
            token(claims),
            token(claims, header),
            signed(noise, b"{}"),
            signed(_json(HEADER), noise),
            noise.decode("latin-1"),
        ):
            tried += 1
            judged(verify, written)

    judge()
    assert tried >= 5 * GENERATED


class Clock:
    """Seconds since 1970, and seconds of a key set's age: both move by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def test_a_token_that_comes_again_is_verified_once(
    verify: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = Mock(side_effect=jwt.decode)
    monkeypatch.setattr(jwt, "decode", verified)
    again, another = token(), token({"sub": "bob"})
    callers = [verify(each) for each in (again, again, another, again)]
    assert [caller.subject for caller in callers] == ["alice", "alice", "bob", "alice"]
    assert verified.call_count == 2


def test_a_token_that_was_good_is_refused_once_it_has_expired() -> None:
    clock = Clock()
    keys = KeySet(issuer.key_set, cooldown=3600, max_age=3600)
    verify = TokenVerifier(keys, issuer=NAME, audience=AUDIENCE, leeway=30, now=clock)
    brief = token({"exp": int(clock.now) - 29})
    assert verify(brief).subject == "alice"
    clock.now += 2
    with pytest.MonkeyPatch.context() as patch:
        # The library has a clock of its own, and what it says counts in the end.
        decode = Mock(side_effect=refused.ExpiredSignatureError())
        patch.setattr(jwt, "decode", decode)
        assert "expired" in refusal(verify, brief)
    decode.assert_called_once()


def refusal_after(then: dict[str, Any]) -> str:
    """What a token that was good is told once the issuer lists the keys of ``then``."""
    clock = Clock()
    listed = issuer.key_set()
    keys = KeySet(lambda: listed, cooldown=0, max_age=3600, monotonic=clock)
    verify = TokenVerifier(keys, issuer=NAME, audience=AUDIENCE, leeway=30)
    good = token()
    assert verify(good).subject == "alice"
    listed = then
    clock.now += 1
    # An unknown key has the issuer asked again.
    assert "does not list" in refusal(verify, token(header={"kid": "made-up"}))
    return refusal(verify, good)


def test_a_token_that_was_good_is_refused_once_its_key_is_withdrawn() -> None:
    left = [key for key in issuer.key_set()["keys"] if key["kid"] != "ec"]
    assert "does not list" in refusal_after({"keys": left})


def test_a_token_that_was_good_is_verified_again_with_the_key_that_took_its_keys_place() -> None:
    assert "signature is not valid" in refusal_after(Issuer().key_set())


def test_a_token_like_one_that_was_good_is_refused_when_its_signature_is_another(
    verify: TokenVerifier,
) -> None:
    good, other = token(), token({"sub": "mallory"})
    assert verify(good).subject == "alice"
    forged = ".".join([*other.split(".")[:2], good.split(".")[2]])
    assert "signature is not valid" in refusal(verify, forged)
