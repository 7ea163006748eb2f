"""How dead letters are asked for, shown and replayed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.application.stock_log.list_dead_letters import ListedLetters
from order_service.application.stock_log.read_dead_letters import FoundLetter
from order_service.application.stock_log.replay_dead_letters import ReplayReport
from order_service.domain.errors import (
    BrokerUnavailable,
    Busy,
    DeadLetterNotFound,
    InvalidValue,
    StoreUnavailable,
    TooMuchToRead,
)
from order_service.interface.http.app import create_app
from tests.use_cases import only

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
PATH = "/api/dead-letters"
ID = "stock-updates-dlt/1/17"
TOKEN = {"Authorization": "Bearer -"}
LETTER = DeadLetter(
    place=Place("stock-updates-dlt", 1, 17),
    original=Place("stock-updates", 2, 4711),
    first=Place("stock-updates", 2, 4711),
    identity=Place("stock-updates", 2, 4711),
    buried_at=AT,
    produced_at=AT - timedelta(seconds=1),
    key=b"k",
    value=b"rubbish",
    headers=(("trace", b"7"), ("none", None)),
    code="not_json",
    reason="It is not JSON.",
    replays=2,
    value_bytes=7,
)
SHOWN = {
    "_id": ID,
    "original": {"topic": "stock-updates", "partition": 2, "offset": 4711},
    "buriedAt": "2026-01-02T03:04:05.678Z",
    "producedAt": "2026-01-02T03:04:04.678Z",
    "code": "not_json",
    "reason": "It is not JSON.",
    "replays": 2,
    "logged": False,
    "whole": True,
    "key": "k",
    "value": "rubbish",
    "valueBytes": 7,
    "valueCut": False,
    "headers": [{"name": "trace", "value": "7"}, {"name": "none", "value": None}],
}


def client_of(authenticate: Authenticate | None = None, **use_cases: Any) -> FlaskClient:
    return create_app(only(**use_cases), authenticate).test_client()


def found(**about: Any) -> FoundLetter:
    return FoundLetter(replace(LETTER, **about), logged=False)


def shown(letter: FoundLetter) -> Any:
    """As it is shown alone."""
    answer = client_of(get_dead_letter=Mock(return_value=letter)).get(f"{PATH}/{ID}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()["deadLetter"]


def in_a_list(letter: FoundLetter) -> Any:
    listing = Mock(return_value=ListedLetters([letter], more=False, complete=True, missing=()))
    [only_one] = client_of(list_dead_letters=listing).get(PATH).get_json()["deadLetters"]
    return only_one


# --- one letter


def test_a_dead_letter_is_shown_whole() -> None:
    assert shown(found()) == SHOWN
    assert in_a_list(found()) == SHOWN
    assert shown(FoundLetter(LETTER, logged=True))["logged"] is True


def test_what_nobody_knows_of_a_dead_letter_is_null() -> None:
    letter = found(
        buried_at=None, produced_at=None, key=None, value=None, headers=(), cut="headers,key,value"
    )
    told = shown(letter)
    assert (told["buriedAt"], told["producedAt"], told["key"], told["value"]) == (None,) * 4
    assert (told["whole"], told["valueCut"], told["headers"]) == (False, True, [])


def test_a_tombstone_is_no_value_that_was_cut() -> None:
    told = shown(found(value=None, value_bytes=0))
    assert (told["value"], told["valueBytes"], told["valueCut"]) == (None, 0, False)


@pytest.mark.parametrize(
    ("cut", "whole", "value_cut"),
    [("", True, False), ("headers", True, False), ("key", False, False), ("value", False, True)],
)
def test_a_dead_letter_says_what_it_lacks_of_its_record(
    cut: str, whole: bool, value_cut: bool
) -> None:
    told = shown(found(cut=cut, value_bytes=90_000))
    assert (told["whole"], told["valueCut"], told["valueBytes"]) == (whole, value_cut, 90_000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\xff\x00a", "\ufffd\x00a"),
        ("\N{SNOWMAN}".encode(), "\N{SNOWMAN}"),
        (b"<script>", "<script>"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_bytes_that_are_no_text_are_replaced(value: bytes, text: str) -> None:
    told = shown(found(value=value, key=value, headers=(("h", value),)))
    assert (told["value"], told["key"], told["headers"][0]["value"]) == (text,) * 3


@pytest.mark.parametrize("letter", ["x", "\N{SNOWMAN}", "\N{PILE OF POO}"])
@pytest.mark.parametrize(("show", "most"), [(in_a_list, 4_096), (shown, 65_536)])
def test_a_long_value_is_cut_to_so_many_characters(letter: str, show: Any, most: int) -> None:
    told = show(found(value=(letter * most).encode()))
    assert (told["value"], told["valueCut"]) == (letter * most, False)
    told = show(found(value=(letter * (most + 1)).encode()))
    assert (told["value"], told["valueCut"]) == (letter * most, True)
    told = show(found(value=b"a" + (letter * 10 * most).encode()))
    assert (told["value"], told["valueCut"]) == ("a" + letter * (most - 1), True)


def test_all_that_a_stranger_put_into_a_letter_has_bounds() -> None:
    long = "x" * 100_000
    told = shown(
        found(
            key=long.encode(),
            code=long,
            reason=long,
            headers=tuple((long, long.encode()) for _ in range(1_000)),
        )
    )
    assert len(told["headers"]) == 20
    texts = [told["key"], told["code"], told["reason"], *told["headers"][0].values()]
    assert {len(each) for each in texts} == {500}


@pytest.mark.parametrize(
    "path", ["t/x/1", "t/1/x", "t/-1/1", "t/1/1.5", f"t/1/{'9' * 20}", "t/1/%D9%A1", "t/%20/1"]
)
def test_a_path_that_names_no_letter_is_a_404_and_nobody_is_asked(path: str) -> None:
    answer = client_of().get(f"{PATH}/{path}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "dead_letter_not_found")


def test_a_letter_is_asked_for_by_its_place() -> None:
    get = Mock(side_effect=DeadLetterNotFound)
    answer = client_of(get_dead_letter=get).get(f"{PATH}/stock-updates-dlt/1/0017")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "dead_letter_not_found")
    get.assert_called_once_with(ID)


# --- the list


def test_the_list_asks_for_what_its_parameters_say() -> None:
    listing = Mock(return_value=ListedLetters([], more=True, complete=False, missing=["a", "b"]))
    client = client_of(list_dead_letters=listing)
    answer = client.get(PATH)
    assert answer.get_json() == {
        "deadLetters": [],
        "more": True,
        "complete": False,
        "missingTopics": ["a", "b"],
    }
    client.get(
        f"{PATH}?topic=stock-updates&code=not_json&since=2026-01-02T03:04:05.678Z"
        "&waiting=false&limit=7"
    )
    narrowed = DeadLetterQuery(topic="stock-updates", code="not_json", since=AT, waiting=False)
    assert [each.args for each in listing.call_args_list] == [
        (DeadLetterQuery(waiting=True), 50),
        (narrowed, 7),
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("waiting=yes", "waiting"),
        ("waiting=1", "waiting"),
        ("waiting=True", "waiting"),
        ("waiting=", "waiting"),
        ("since=yesterday", "since"),
        ("since=2026-01-31", "since"),
        (f"topic={'x' * 250}", "topic"),
        (f"code={'x' * 101}", "code"),
        ("code=a&code=b", "code"),
    ],
)
def test_a_bad_parameter_of_the_list_is_a_400_that_names_it(query: str, field: str) -> None:
    answer = client_of().get(f"{PATH}?{query}")
    assert answer.status_code == 400
    assert [each["field"] for each in answer.get_json()["errors"]] == [field]


def test_a_topic_that_is_none_of_the_stock_topics_is_a_400() -> None:
    listing = Mock(side_effect=InvalidValue("topic", "it is none of KAFKA_STOCK_TOPICS (a)"))
    answer = client_of(list_dead_letters=listing).get(f"{PATH}?topic=b")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "topic")


# --- the replay


def test_a_replay_tells_what_became_of_each_letter() -> None:
    letters = [replace(LETTER, place=LETTER.place._replace(offset=n)) for n in range(4)]
    report = ReplayReport([letters[0]], 3, 2, [letters[1]], [letters[2]], [letters[3]], ["x/0/1"])
    replay = Mock(return_value=report)
    answer = client_of(replay_dead_letters=replay).post(f"{PATH}/replay", json={"ids": [ID]})
    assert answer.status_code == 200
    assert answer.get_json() == {
        "replayed": ["stock-updates-dlt/1/0"],
        "logged": 3,
        "superseded": 2,
        "looping": ["stock-updates-dlt/1/1"],
        "cut": ["stock-updates-dlt/1/2"],
        "failed": ["stock-updates-dlt/1/3"],
        "missing": ["x/0/1"],
    }
    replay.assert_called_once_with([ID], force=False)


@pytest.mark.parametrize("number", [1, 100])
def test_a_replay_of_up_to_100_letters_can_be_forced(number: int) -> None:
    replay = Mock(return_value=ReplayReport())
    ids = [f"{'t' * 249}/{2**31 - 1}/{n}" for n in range(number)]
    body = {"ids": ids, "force": True}
    assert (
        client_of(replay_dead_letters=replay).post(f"{PATH}/replay", json=body).status_code == 200
    )
    replay.assert_called_once_with(ids, force=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": None}, "ids"),
        ({"ids": ID}, "ids"),
        ({"ids": [ID] * 101}, "ids"),
        ({"ids": [ID, 7]}, "ids[1]"),
        ({"ids": [ID, "x"]}, "ids[1]"),
        ({"ids": ["t/1"]}, "ids[0]"),
        ({"ids": ["t/1/2/3"]}, "ids[0]"),
        ({"ids": ["t/1/-2"]}, "ids[0]"),
        ({"ids": ["t/1/2\n"]}, "ids[0]"),
        ({"ids": [f"t/1/{'9' * 20}"]}, "ids[0]"),
        ({"ids": [f"{'t' * 250}/1/2"]}, "ids[0]"),
        ({"ids": [ID], "force": "true"}, "force"),
        ({"ids": [ID], "force": None}, "force"),
        ([ID], "body"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_bad_body_of_a_replay_is_a_400_that_names_the_field(body: Any, field: str) -> None:
    answer = client_of().post(f"{PATH}/replay", json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.get_json()["errors"]] == [field]


# --- what can be wrong


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (BrokerUnavailable("away"), "broker_unavailable", "2"),
        (Busy("wait"), "busy", "2"),
        (StoreUnavailable("away"), "store_unavailable", "2"),
        (TooMuchToRead("5 s"), "too_much_to_read", None),
    ],
)
@pytest.mark.parametrize("what", ["list", "get", "replay"])
def test_what_is_away_or_busy_is_a_503(
    what: str, error: Exception, code: str, retry_after: str | None
) -> None:
    failing = Mock(side_effect=error)
    client = client_of(
        list_dead_letters=failing, get_dead_letter=failing, replay_dead_letters=failing
    )
    answers = {
        "list": lambda: client.get(PATH),
        "get": lambda: client.get(f"{PATH}/{ID}"),
        "replay": lambda: client.post(f"{PATH}/replay", json={"ids": [ID]}),
    }
    answer = answers[what]()
    assert (answer.status_code, answer.get_json()["code"]) == (503, code)
    assert answer.headers.get("Retry-After") == retry_after


@pytest.mark.parametrize("scope", [each for each in Scope if each is not Scope.ORDERS_ADMIN])
def test_dead_letters_are_an_admins_alone(scope: Scope) -> None:
    client = client_of(lambda _: Caller("bob", frozenset({scope})))
    requests: list[tuple[str, str, Any]] = [
        ("GET", PATH, None),
        ("GET", f"{PATH}/{ID}", None),
        ("POST", f"{PATH}/replay", {"ids": [ID]}),
    ]
    for method, path, body in requests:
        for headers, status in ((TOKEN, 403), ({}, 401)):
            answer = client.open(path, method=method, json=body, headers=headers)
            assert answer.status_code == status
