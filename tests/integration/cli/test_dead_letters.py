"""Dead letters as their reader meets them: the commands, on the real broker and the real log."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.bootstrap.commands import Commands
from order_service.domain.errors import InvalidValue
from order_service.interface.cli.dead_letters import dead_letters
from tests.integration.stock.burial import bury, consume, mend
from tests.integration.stock.stock_stage import Stage
from tests.unit.infrastructure.kafka.fakes import value

LARGE = value(note="x" * 400)


@pytest.fixture
def stage(mongo: Mongod, kafka: KafkaBroker) -> Iterator[Stage]:
    """A worker that takes no event of more than 300 bytes, until somebody mends that."""
    with Stage(mongo.uri, kafka.bootstrap, STOCK_EVENT_MAX_BYTES="300") as stage:
        stage.create_topic(stage.topic, 1)
        yield stage


def command(stage: Stage, *words: str) -> Result:
    with ExitStack() as stack:
        commands = Commands(stage.settings, stack)
        result = CliRunner().invoke(dead_letters, words, obj=commands)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def listed(stage: Stage, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command(stage, "list", "--json", *words).stdout)
    return found


def test_every_dead_letters_command_says_when_there_are_none(stage: Stage) -> None:
    said = f"No dead letters. Kafka has no topic {stage.other_topic}.\n"
    assert command(stage, "list").stdout == said
    assert command(stage, "list", "--topic", stage.topic).stdout == "No dead letters.\n"
    assert listed(stage) == []
    assert command(stage, "show").stdout == said.replace("dead letters", "such dead letter", 1)
    assert "Replayed 0 dead letters." in command(stage, "replay").stdout


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show"], ["replay"]])
def test_a_dead_letters_command_fails_where_kafka_has_none_of_the_topics(
    words: list[str], stage: Stage
) -> None:
    settings = stage.settings.model_copy(update={"kafka_stock_topics": ("stock-updatez",)})
    stage.settings = settings
    with pytest.raises(InvalidValue, match="KAFKA_STOCK_TOPICS: Kafka has no topic stock-updatez"):
        command(stage, *words)


def test_dead_letters_list_fails_for_a_topic_outside_the_settings_or_outside_kafka(
    stage: Stage,
) -> None:
    with pytest.raises(InvalidValue, match=f"none of KAFKA_STOCK_TOPICS .{stage.topic}, "):
        command(stage, "list", "--topic", "stock-updatez")
    with pytest.raises(InvalidValue, match=f"no topic {stage.other_topic}"):
        command(stage, "list", "--topic", stage.other_topic)


def test_each_dead_letter_is_listed_with_what_is_wrong_with_it(stage: Stage) -> None:
    bury(stage, b"rubbish", None, LARGE)
    lines = command(stage, "list").stdout.splitlines()
    assert len(lines) == 4
    for line, (offset, code) in zip(
        lines[1:], enumerate(["not_json", "tombstone", "too_large"]), strict=True
    ):
        assert f"{stage.topic}-dlt/" in line
        assert code in line
        assert "waiting" in line
        assert listed(stage)[offset]["original"]["offset"] == offset


def test_the_list_of_dead_letters_can_be_narrowed(stage: Stage) -> None:
    bury(stage, b"rubbish", None, b"rubbish")
    assert [each["code"] for each in listed(stage, "--code", "not_json")] == ["not_json"] * 2
    assert len(listed(stage, "--code", "not_json", "--limit", "1")) == 1
    assert len(listed(stage, "--topic", stage.topic)) == 3
    assert len(listed(stage, "--since", "1h")) == 3
    assert listed(stage, "--since", "2999-01-01") == []
    assert command(stage, "list", "--since", "yesterday").exit_code == 2
    (wanted,) = [each["id"] for each in listed(stage) if each["code"] == "tombstone"]
    assert [each["code"] for each in listed(stage, wanted)] == ["tombstone"]


def test_one_dead_letter_is_shown_whole(stage: Stage) -> None:
    bury(stage, value(changeType="stolen"), b"\x1b[2J\xff")
    stolen, escape = listed(stage)
    page = command(stage, "show", stolen["id"]).stdout
    for words in (
        "unknown_change_type: changeType is neither added nor reduced.",
        f"{stage.topic}[0]@0",
        '"changeType": "stolen"',
        "trace=7",
        "key      k",
    ):
        assert words in page
    # A stranger's bytes don't steer the terminal.
    assert "\x1b" not in command(stage, "show", escape["id"]).stdout
    assert escape["valueBase64"] == "G1sySv8="
    assert stolen["payload"]["changeType"] == "stolen"
    assert command(stage, "show", "no/such/1").exit_code == 1


def test_reading_dead_letters_disturbs_no_consumer_group(stage: Stage) -> None:
    bury(stage, b"rubbish")
    before = stage.groups()
    listed(stage)
    command(stage, "replay", "--dry-run")
    assert stage.groups() == before
    assert stage.committed() == 1


def test_a_replay_after_the_cause_is_mended_brings_the_records_into_the_log(stage: Stage) -> None:
    bury(stage, LARGE, b"rubbish")
    dry = command(stage, "replay", "--code", "too_large", "--dry-run").stdout
    assert dry.startswith("Would replay 1 dead letter (")
    assert len(stage.read(stage.topic)) == 2

    mend(stage)
    assert "Replayed 1 dead letter." in command(stage, "replay", "--code", "too_large").stdout
    consume(stage)
    (entry,) = stage.entries()
    assert entry["source"] == {"topic": stage.topic, "partition": 0, "offset": 0}
    replayed = stage.read(stage.topic)[2]
    assert (replayed.key(), replayed.value()) == (b"k", LARGE)
    headers = replayed.headers()
    assert isinstance(headers, list)
    assert dict(headers) == {
        "trace": b"7",
        "replay.topic": stage.topic.encode(),
        "replay.partition": b"0",
        "replay.offset": b"0",
        "replay.count": b"1",
    }
    assert [each["code"] for each in listed(stage)] == ["not_json"]
    assert [each["logged"] for each in listed(stage, "--all")] == [True, False]


def test_a_dead_lettered_record_is_logged_once_however_often_it_is_replayed(stage: Stage) -> None:
    bury(stage, LARGE)
    mend(stage)
    for _ in range(3):
        command(stage, "replay")
    consume(stage)
    assert len(stage.entries()) == 1
    assert (
        "Left alone 1 dead letter whose record is in the log already."
        in command(stage, "replay").stdout
    )


def test_a_dead_letter_that_came_back_three_times_is_not_replayed(stage: Stage) -> None:
    bury(stage, LARGE)
    for _ in range(3):
        report = json.loads(command(stage, "replay", "--json").stdout)
        assert len(report["replayed"]) == 1
        consume(stage)
    looping = command(stage, "replay")
    assert looping.exit_code == 1
    letter = listed(stage)[-1]["id"]
    assert f"Refused 1 dead letter ({letter}) that came back 3 times" in looping.stdout
    assert listed(stage)[-1]["replays"] == 3

    mend(stage)
    assert "Replayed 1 dead letter." in command(stage, "replay", "--force").stdout
    consume(stage)
    (entry,) = stage.entries()
    assert entry["source"]["offset"] == 0


def test_records_of_a_topic_that_was_made_anew_are_kept_under_places_of_their_own(
    stage: Stage,
) -> None:
    stage.send(value(note="old"))
    consume(stage)
    stage.make_topic_anew(stage.topic)
    bury(stage, value(note="new"))
    assert [each["code"] for each in listed(stage, "--all")] == ["offset_reused"]

    command(stage, "replay")
    command(stage, "replay")
    consume(stage)
    notes = [entry["payload"]["note"] for entry in stage.entries()]
    assert notes == ["old", "new"]
    assert stage.entries()[1]["source"]["topic"] == f"{stage.topic}-dlt"
    assert listed(stage) == []
