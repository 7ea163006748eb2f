"""The issuer's keys: asked for seldom, and kept while nobody answers."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from order_service.domain.errors import KeysUnavailable
from order_service.infrastructure.auth.key_set import KeySet
from order_service.infrastructure.auth.sources import KeyFile
from tests.api.issuer import Issuer
from tests.waiting import until

COOLDOWN, MAX_AGE = 30.0, 300.0


class FakeIssuer:
    """Answers its key set, or raises the error it was given; counts."""

    def __init__(self, key_set: dict[str, Any]) -> None:
        self.key_set: Any = key_set
        self.error: Exception | None = None
        self.asked = 0

    def __call__(self) -> Any:
        self.asked += 1
        if self.error:
            raise self.error
        return self.key_set


class FakeTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def remote(issuer: Issuer) -> FakeIssuer:
    return FakeIssuer(issuer.key_set())


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def keys(remote: FakeIssuer, time: FakeTime) -> KeySet:
    return KeySet(remote, cooldown=COOLDOWN, max_age=MAX_AGE, monotonic=time)


def renamed(key_set: dict[str, Any], name: str) -> dict[str, Any]:
    return {"keys": [key_set["keys"][0] | {"kid": name}]}


def test_the_issuers_keys_are_asked_for_once(keys: KeySet, remote: FakeIssuer) -> None:
    assert all(keys.find(name) for name in ("rsa", "ec", "rsa"))
    assert remote.asked == 1


def test_a_new_key_of_the_issuer_is_found_at_the_first_token_that_names_it(
    keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    keys.find("rsa")
    remote.key_set = renamed(remote.key_set, "new")
    time.now += COOLDOWN
    assert keys.find("new")
    assert keys.find("rsa") is None


def test_a_thousand_unknown_key_ids_ask_the_issuer_twice_at_most(
    keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    for number in range(1000):
        assert keys.find(f"made up {number}") is None
        time.now += COOLDOWN / 1000
    assert remote.asked <= 2


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), ValueError("no JSON")])
def test_old_keys_are_good_while_the_issuer_is_down(
    error: Exception, keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    keys.find("rsa")
    remote.error = error
    for _ in range(100):
        time.now += MAX_AGE
        assert keys.find("rsa")
        assert keys.find("unknown") is None


@pytest.mark.parametrize("rubbish", [None, [], {}, {"keys": []}, {"keys": [{"kty": "?"}, 7]}])
def test_a_rubbish_key_set_does_not_replace_a_good_one(
    rubbish: Any, keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    keys.find("rsa")
    remote.key_set = rubbish
    time.now += COOLDOWN
    assert keys.find("another") is None
    assert keys.find("rsa")


def test_a_withdrawn_key_is_forgotten_while_no_caller_waits(
    keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    keys.find("rsa")
    remote.key_set = renamed(remote.key_set, "new")
    time.now += MAX_AGE
    keys.find("rsa")
    until(lambda: keys.find("rsa") is None, "the withdrawn key gone")


def test_without_any_key_nobody_is_let_in_and_the_issuer_is_soon_asked_again(
    keys: KeySet, remote: FakeIssuer, time: FakeTime
) -> None:
    remote.error = ConnectionRefusedError()
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            keys.find("rsa")
    assert remote.asked == 1
    remote.error = None
    time.now += 1
    assert keys.find("rsa")


def test_many_callers_who_wait_for_one_key_ask_the_issuer_once(issuer: Issuer) -> None:
    entered, go_on = threading.Event(), threading.Event()
    asked: list[int] = []

    def slow() -> Any:
        asked.append(1)
        entered.set()
        assert go_on.wait(10)
        return issuer.key_set()

    keys = KeySet(slow, cooldown=COOLDOWN, max_age=MAX_AGE)
    found: list[object] = []
    waiting = [threading.Thread(target=lambda: found.append(keys.find("rsa"))) for _ in range(8)]
    for each in waiting:
        each.start()
    assert entered.wait(10)
    go_on.set()
    for each in waiting:
        each.join(10)
    assert all(found)
    assert len(found) == 8
    assert len(asked) == 1


def test_keys_that_could_not_be_renewed_for_want_of_a_thread_are_renewed_later(
    keys: KeySet, remote: FakeIssuer, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    assert keys.find("rsa")
    time.now += MAX_AGE
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        assert keys.find("rsa")
    assert keys.find("rsa")
    until(lambda: remote.asked == 2, "the keys are asked for again")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda jwk: jwk | {"use": "enc"},
        lambda jwk: jwk | {"d": "AQAB"},
        lambda jwk: jwk | {"alg": "HS256"},
        lambda jwk: {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"},
    ],
    ids=["for encryption", "a private key", "a symmetric algorithm", "a secret"],
)
def test_a_key_that_may_not_verify_is_left_out_of_the_key_set(
    spoil: Callable[[Any], Any], keys: KeySet, remote: FakeIssuer
) -> None:
    rsa, ec = remote.key_set["keys"]
    remote.key_set = {"keys": [spoil(rsa), ec]}
    assert keys.find("rsa") is None
    assert keys.find("ec")


def test_a_token_without_a_key_id_is_verified_by_the_only_key(
    keys: KeySet, remote: FakeIssuer
) -> None:
    del remote.key_set["keys"][1]
    assert keys.find(None)


def test_callers_who_make_up_key_ids_take_few_threads_and_hold_up_nobody(issuer: Issuer) -> None:
    answers = [issuer.key_set]
    go_on = threading.Event()

    def drip() -> Any:
        assert go_on.wait(10)
        return issuer.key_set()

    keys = KeySet(lambda: (answers.pop() if answers else drip)(), cooldown=1e-9, max_age=MAX_AGE)
    assert keys.find("rsa")
    turned_away: list[KeysUnavailable] = []

    def make_up(number: int) -> None:
        try:
            assert keys.find(f"made up {number}") is None
        except KeysUnavailable as error:
            turned_away.append(error)

    waiting = [threading.Thread(target=make_up, args=(number,)) for number in range(8)]
    for each in waiting:
        each.start()
    until(lambda: len(turned_away) == 4, "half of them turned away at once")
    assert keys.find("rsa")
    go_on.set()
    for each in waiting:
        each.join(10)
    assert len(turned_away) == 4


def test_an_endless_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(b" " * 300_000)
    with pytest.raises(ValueError, match="longer than"):
        KeyFile(path)()
