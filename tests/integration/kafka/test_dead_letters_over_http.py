"""Dead letters over HTTP: the API's routes, on the real broker and the real log."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from flask.testing import FlaskClient

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.bootstrap import brief_boxes
from order_service.bootstrap.adapters import build_adapters
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.kafka import reading
from order_service.interface.http.app import create_app
from tests.integration.stock.burial import bury, consume, mend
from tests.integration.stock.stock_stage import Stage
from tests.unit.infrastructure.kafka.fakes import value

PATH = "/api/dead-letters"
LARGE = value(note="x" * 400)


@pytest.fixture
def stage(mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    """A worker that takes no event of more than 300 bytes, until somebody mends that."""
    with Stage(mongo.uri, kafka.bootstrap, STOCK_EVENT_MAX_BYTES="300") as stage:
        stage.create_topic(stage.topic, 1)
        yield stage


@pytest.fixture
def client(stage: Stage, shared: Shared) -> FlaskClient:
    adapters = build_adapters(stage.settings, stage.database, shared)
    use_cases = build_use_cases(stage.settings, adapters)
    return create_app(use_cases, settings=stage.settings).test_client()


def listed(client: FlaskClient, query: str = "") -> Any:
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def codes(client: FlaskClient, query: str = "") -> list[str]:
    return [each["code"] for each in listed(client, query)["deadLetters"]]


def replay(client: FlaskClient, *ids: str, force: bool = False) -> Any:
    answer = client.post(f"{PATH}/replay", json={"ids": list(ids), "force": force})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def told(report: Any) -> dict[str, Any]:
    """What the report has anything to say of."""
    return {name: about for name, about in report.items() if about}


def fill(stage: Stage, number: int, partitions: int = 1) -> None:
    """So many letters, as a stranger might put them there, each newer than the one before."""
    # The service's own letters never expire either, and these are of years ago.
    stage.create_topic(f"{stage.topic}-dlt", partitions, retention_ms="-1")
    for n in range(number):
        at = 1_700_000_000_000 + n
        stage.send(
            str(n).encode(), topic=f"{stage.topic}-dlt", partition=n % partitions, timestamp=at
        )


def test_without_dead_letters_the_list_is_empty_and_names_the_topics_that_are_not_there(
    stage: Stage, client: FlaskClient
) -> None:
    assert listed(client) == {
        "deadLetters": [],
        "more": False,
        "complete": True,
        "missingTopics": [stage.other_topic],
    }
    assert client.get(f"{PATH}/{stage.topic}-dlt/0/0").status_code == 404
    assert told(replay(client, f"{stage.topic}-dlt/0/0")) == {"missing": [f"{stage.topic}-dlt/0/0"]}
    assert client.get(f"{PATH}?topic=stock-updatez").get_json()["errors"][0]["field"] == "topic"


def test_a_shop_to_which_nothing_was_ever_sent_has_no_dead_letters(
    mongo: Mongod, kafka: KafkaBroker, shared: Shared
) -> None:
    with Stage(mongo.uri, kafka.bootstrap) as stage:
        adapters = build_adapters(stage.settings, stage.database, shared)
        client = create_app(build_use_cases(stage.settings, adapters)).test_client()
        found = listed(client)
        assert (found["deadLetters"], len(found["missingTopics"])) == ([], 2)
        assert client.get(f"{PATH}/{stage.topic}-dlt/0/0").status_code == 404
        assert replay(client, f"{stage.topic}-dlt/0/0")["missing"]


def test_dead_letters_are_listed_narrowed_and_shown(stage: Stage, client: FlaskClient) -> None:
    bury(stage, b"rubbish", None, LARGE)
    found = listed(client)
    assert (found["more"], found["complete"]) == (False, True)
    assert [each["original"]["offset"] for each in found["deadLetters"]] == [2, 1, 0]
    assert codes(client) == ["too_large", "tombstone", "not_json"]
    assert codes(client, "code=not_json") == ["not_json"]
    assert len(codes(client, f"topic={stage.topic}")) == 3
    assert codes(client, f"topic={stage.other_topic}") == []
    assert codes(client, "since=2999-01-01T00:00:00Z") == []
    assert len(codes(client, "since=2000-01-01T00:00:00Z")) == 3
    first = listed(client, "limit=1")
    assert (len(first["deadLetters"]), first["more"]) == (1, True)

    rubbish = found["deadLetters"][2]
    assert (rubbish["value"], rubbish["key"]) == ("rubbish", "k")
    assert rubbish["headers"] == [{"name": "trace", "value": "7"}]
    shown = client.get(f"{PATH}/{rubbish['_id']}").get_json()["deadLetter"]
    assert shown == rubbish
    assert client.get(f"{PATH}/{stage.topic}-dlt/0/3").status_code == 404
    # It is no dead-letter topic of ours.
    assert client.get(f"{PATH}/{stage.topic}/0/0").status_code == 404


@pytest.mark.parametrize("partitions", [1, 3])
def test_of_many_dead_letters_the_newest_are_listed(
    partitions: int, stage: Stage, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How fast the machine is must not decide whether all are read.
    monkeypatch.setattr(brief_boxes, "_TO_READ", 60.0)
    fill(stage, 1000, partitions)
    found = listed(client, "limit=100&waiting=false")
    values = [int(each["value"]) for each in found["deadLetters"]]
    assert values == list(range(999, 899, -1))
    assert (found["more"], found["complete"]) == (True, True)
    # None of them has that fault, so all of them are read.
    assert listed(client, "code=another") | {"missingTopics": []} == {
        "deadLetters": [],
        "more": False,
        "complete": True,
        "missingTopics": [],
    }


def test_letters_that_are_far_apart_are_found_where_they_are(
    stage: Stage, client: FlaskClient
) -> None:
    fill(stage, 900)
    for offset in (0, 1, 450, 899):
        shown = client.get(f"{PATH}/{stage.topic}-dlt/0/{offset}").get_json()["deadLetter"]
        assert shown["value"] == str(offset)
    ids = [f"{stage.topic}-dlt/0/{offset}" for offset in (0, 1, 450, 899, 900)]
    report = replay(client, *ids)
    assert (sorted(report["replayed"]), report["missing"]) == (sorted(ids[:4]), ids[4:])
    sent = stage.read(stage.topic)
    assert sorted(int(each.value() or b"") for each in sent) == [0, 1, 450, 899]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock takes a hundredth of a second, so that some hundred records can be
    read in the time of a request."""
    ticks = count()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return next(ticks) / 100

    monkeypatch.setattr(reading, "time", Clock)


@pytest.mark.usefixtures("hurried")
def test_a_list_that_takes_too_long_has_what_was_found_and_says_so(
    stage: Stage, client: FlaskClient
) -> None:
    fill(stage, 900)
    found = listed(client, "code=another")
    assert (found["deadLetters"], found["more"], found["complete"]) == ([], False, False)
    newest = listed(client, "limit=5&waiting=false")
    assert [each["value"] for each in newest["deadLetters"]] == ["899", "898", "897", "896", "895"]


@pytest.mark.usefixtures("hurried")
def test_a_replay_that_takes_too_long_sends_nothing_and_names_the_command(
    stage: Stage, client: FlaskClient
) -> None:
    fill(stage, 900)
    ids = [f"{stage.topic}-dlt/0/{n}" for n in range(3)]
    answer = client.post(f"{PATH}/replay", json={"ids": ids})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "too_much_to_read")
    assert "order-service dead-letters replay" in answer.get_json()["detail"]
    assert stage.read(stage.topic) == []


def test_a_replay_after_the_cause_is_mended_brings_the_chosen_records_into_the_log(
    stage: Stage, client: FlaskClient
) -> None:
    bury(stage, LARGE, LARGE, b"rubbish")
    mend(stage)
    _, second, first = (each["_id"] for each in listed(client)["deadLetters"])
    assert told(replay(client, second)) == {"replayed": [second]}
    consume(stage)
    [entry] = stage.entries()
    assert entry["source"] == {"topic": stage.topic, "partition": 0, "offset": 1}
    assert codes(client) == ["not_json", "too_large"]
    logged = [each["logged"] for each in listed(client, "waiting=false")["deadLetters"]]
    assert logged == [False, True, False]
    assert told(replay(client, second, first)) == {"replayed": [first], "logged": 1}
    consume(stage)
    assert len(stage.entries()) == 2


def test_a_record_that_comes_back_again_and_again_is_refused_unless_it_is_forced(
    stage: Stage, client: FlaskClient
) -> None:
    bury(stage, LARGE)
    for times in range(3):
        [letter] = listed(client)["deadLetters"]
        assert letter["replays"] == times
        assert replay(client, letter["_id"])["replayed"] == [letter["_id"]]
        consume(stage)
    [waiting] = listed(client)["deadLetters"]
    last, *older = (each["_id"] for each in listed(client, "waiting=false")["deadLetters"])
    assert (waiting["_id"], len(older)) == (last, 3)
    assert told(replay(client, last, *older)) == {"looping": [last], "superseded": 3}
    mend(stage)
    assert told(replay(client, last, force=True)) == {"replayed": [last]}
    consume(stage)
    assert len(stage.entries()) == 1


def test_a_letter_that_holds_a_part_of_its_record_is_refused(
    stage: Stage, client: FlaskClient
) -> None:
    """The topic of the dead letters, made by somebody else, takes none that is large."""
    stage.create_topic(f"{stage.topic}-dlt", 1, max_message_bytes="100000")
    incompressible = "".join(f"{n * n * 2654435761 % 2**64:x}" for n in range(20_000))
    bury(stage, value(note=incompressible))
    [letter] = listed(client)["deadLetters"]
    assert (letter["whole"], letter["valueCut"], len(letter["value"])) == (False, True, 4096)
    assert letter["valueBytes"] > 200_000
    shown = client.get(f"{PATH}/{letter['_id']}").get_json()["deadLetter"]
    assert (shown["valueCut"], len(shown["value"])) == (True, 65_536)
    assert told(replay(client, letter["_id"], force=True)) == {"cut": [letter["_id"]]}
    assert len(stage.read(stage.topic)) == 1


def test_reading_and_replaying_over_http_disturbs_no_consumer_group(
    stage: Stage, client: FlaskClient
) -> None:
    bury(stage, b"rubbish")
    before = stage.groups()
    replay(client, listed(client)["deadLetters"][0]["_id"])
    assert stage.groups() == before
    assert stage.committed() == 1


def test_settings_of_kafka_that_cannot_be_used_are_a_503_that_shows_none_of_them(
    stage: Stage, shared: Shared
) -> None:
    bad = stage.settings.model_copy(
        update={"kafka_config": {"common": {"security.protocol": "secret-words"}}}
    )
    adapters = build_adapters(bad, stage.database, shared)
    answer = create_app(build_use_cases(bad, adapters)).test_client().get(PATH)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "broker_unavailable")
    assert "order-service worker" in answer.get_json()["detail"]
    assert "secret-words" not in answer.text
