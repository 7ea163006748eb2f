"""Whatever an issuer answers becomes keys that can verify, or a ValueError; and it ends in time."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from structlog.testing import capture_logs

from order_service.domain.errors import KeysUnavailable
from order_service.infrastructure.auth import keys
from order_service.infrastructure.auth.key_set import KeySet
from order_service.infrastructure.auth.sources import IssuersUrl
from order_service.infrastructure.outgoing.client import Bounds
from tests.raw_server import HANG_UP, RawServer, answer, trickle

GOOD = [
    json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key())),
    json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())),
    json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())),
]
NAMES = ["kty", "kid", "use", "alg", "n", "e", "crv", "x", "y", "d", "k", "key_ops", "x5c"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=40),
    st.sampled_from(["RSA", "EC", "OKP", "oct", "sig", "RS256", "ES512", "P-521", "AQAB", "AA"]),
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(), scalars, max_size=3)
spoilt = st.builds(
    lambda good, more: good | more,
    st.sampled_from(GOOD),
    st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=4),
)
invented = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
listed = st.lists(spoilt | invented | values, max_size=5)
key_sets = st.fixed_dictionaries({"keys": listed | values}) | values


@given(key_set=key_sets)
@settings(max_examples=200, deadline=None)
def test_any_generated_key_set_is_keys_that_can_verify_or_a_value_error(key_set: Any) -> None:
    try:
        found = keys.parse(key_set)
    except ValueError:
        return
    assert all(keys.ALGORITHMS.issuperset(key.algorithms) for key in found.values())
    assert all(hasattr(key.public_key, "verify") for key in found.values())


@given(others=listed)
@settings(max_examples=200, deadline=None)
def test_a_good_key_is_found_among_any_generated_keys(others: list[Any]) -> None:
    good = GOOD[1] | {"kid": "the good one"}
    assert "the good one" in keys.parse({"keys": [*others, good]})


def test_many_bad_keys_are_one_line_of_the_log() -> None:
    bad = [{"kty": "RSA", "kid": f"bad {n}"} for n in range(5000)]
    with capture_logs() as logs:
        found = keys.parse({"keys": [*bad, GOOD[1] | {"kid": "good"}]})
    assert list(found) == ["good"]
    [line] = logs
    assert (line["event"], line["number"]) == ("keys_skipped", 5000)
    assert len(line["first"]) == 3
    assert "bad 0" in line["first"][0]
    assert "InvalidKeyError" in line["first"][0]


def test_an_issuer_that_can_not_be_asked_for_a_while_is_two_lines_of_the_log() -> None:
    answers: list[Any] = [OSError("no answer")] * 5

    def fetch() -> Any:
        if answers:
            raise answers.pop()
        return {"keys": [GOOD[1] | {"kid": "good"}]}

    now = 0.0
    key_set = KeySet(fetch, cooldown=1, max_age=60, monotonic=lambda: now)
    with capture_logs() as logs:
        for _ in range(5):
            with pytest.raises(KeysUnavailable):
                key_set.require()
            now += 2
        key_set.require()
    assert [(line["event"], line.get("cause")) for line in logs] == [
        ("keys_not_fetched", "no answer"),
        ("keys_not_fetched_over", None),
    ]


# --- over the wire

BOUNDS = Bounds(connect=0.4, answer=0.4)
MARGIN = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer(lambda _: []) as server:
        yield server


@given(raw=st.binary(max_size=400) | st.builds(answer, st.binary(max_size=300)))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answer_of_the_issuer_is_json_or_a_value_error(raw: bytes, server: RawServer) -> None:
    server.script = lambda _: [raw, HANG_UP]
    try:
        IssuersUrl(server.url, bounds=BOUNDS)()
    except ValueError:
        return


SET = json.dumps({"keys": GOOD}).encode()
BAD = {
    "drips": [*trickle(answer(SET), 0.05)],
    "is silent": [60.0],
    "is endless": [b"HTTP/1.1 200 OK\r\n\r\n", *[b" " * 65536] * 2000],
    "is long": [answer(SET + b" " * 300_000)],
    "nests too deep": [answer(b"[" * 100_000)],
    "leads elsewhere": [answer(b"", 302, b"Location: http://127.0.0.1:1/")],
    "leads to no address": [answer(b"", 302, b"Location: http://[::1")],
    "is packed": [answer(b"\x1f\x8b", 200, b"Content-Encoding: gzip")],
}


@pytest.mark.parametrize("steps", BAD.values(), ids=BAD)
def test_an_issuer_that_misbehaves_is_given_up_in_time(steps: list[Any], server: RawServer) -> None:
    server.script = lambda _: steps
    fetch = IssuersUrl(server.url, bounds=BOUNDS)
    begun = time.monotonic()
    with pytest.raises(ValueError, match=r"issuer|JSON"):
        fetch()
    assert time.monotonic() - begun < BOUNDS.total + MARGIN


def test_a_good_key_set_is_read_from_the_issuers_url(server: RawServer) -> None:
    server.script = lambda _: [answer(SET)]
    assert keys.parse(IssuersUrl(server.url)())


def test_an_error_of_the_issuers_url_does_not_tell_a_secret_in_it(server: RawServer) -> None:
    server.script = lambda _: [HANG_UP]
    with pytest.raises(ValueError, match="asked") as refused:
        IssuersUrl(server.url + "/jwks?token=s3cret")()
    assert "s3cret" not in str(refused.value)
