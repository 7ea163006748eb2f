"""The AsyncAPI document: the file in docs, the topics, and what comes in and is buried."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from order_service.infrastructure.kafka import stock_topics
from order_service.infrastructure.kafka.asyncapi import document, served
from order_service.infrastructure.kafka.burial import SHAPES, Poisoned
from order_service.infrastructure.kafka.decoding import Poison, decode
from order_service.infrastructure.kafka.headers import Header
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.settings import Settings
from tests.published_events import DOCUMENT, validator, validators
from tests.unit.infrastructure.kafka.fakes import GOOD, record, value


def test_docs_asyncapi_json_is_what_is_served_with_the_default_settings() -> None:
    assert json.loads(served(Settings())) == DOCUMENT, "run: make asyncapi"


def test_the_document_names_the_topics_of_the_settings_and_what_is_done_with_each() -> None:
    found = document(Settings(kafka_order_topic="told", kafka_stock_topics=("one", "two.more")))
    assert {name: channel["address"] for name, channel in found["channels"].items()} == {
        name: name for name in ("told", "one", "one-dlt", "two.more", "two.more-dlt")
    }
    done = {
        operation["channel"]["$ref"].removeprefix("#/channels/"): operation["action"]
        for operation in found["operations"].values()
    }
    assert done == {
        "told": "send",
        "one": "receive",
        "one-dlt": "send",
        "two.more": "receive",
        "two.more-dlt": "send",
    }


def test_the_document_names_no_host() -> None:
    settings = Settings(kafka_broker="broker.internal:9092")
    assert "servers" not in document(settings)
    assert b"internal" not in served(settings)


def test_every_reference_in_the_document_leads_somewhere() -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, Mapping):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for each in part.values() for found in references(each)]
        return [found for each in part for found in references(each)] if type(part) is list else []

    found = references(DOCUMENT)
    assert found
    for reference in found:
        part = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_a_sample_in_the_document_is_what_the_document_says(name: str) -> None:
    for sample in DOCUMENT["components"]["messages"][name].get("examples", []):
        headers, payload = validators(name)
        payload.validate(sample["payload"])
        headers.validate(sample.get("headers", {}))


# --- what comes in, and what is buried


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"more": {"deep": [1]}},
        {"previousStock": -(2**63)},
        {"newStock": 2**63 - 1},
        {"newStock": 2**63},
        {"itemId": ""},
        {"itemId": 7},
        {"itemId": "x" * 256},
        {"itemId": "x" * 257},
        {"previousStock": "100"},
        {"previousStock": True},
        {"newStock": 98.5},
        {"changeAmount": None},
        {"changeType": "stolen"},
        {"changeType": None},
        {"changeType": "added"},
        {"updatedAt": "2026-01-02T03:04:05"},
        {"updatedAt": 1_700_000_000},
        {"updatedAt": ""},
        *({name: None} for name in GOOD),
    ],
    ids=str,
)
def test_what_the_document_says_of_a_stock_event_is_what_is_read(changed: dict[str, Any]) -> None:
    described = Draft7Validator(DOCUMENT["components"]["schemas"]["STOCK_UPDATED"])
    try:
        decode(record(value(**changed)), 10_000)
        is_read = True
    except Poison:
        is_read = False
    assert described.is_valid(json.loads(value(**changed))) == is_read


@pytest.mark.parametrize("name", GOOD)
def test_a_stock_event_needs_what_the_document_says(name: str) -> None:
    left = {key: GOOD[key] for key in GOOD if key != name}
    assert not validators("STOCK_UPDATED")[1].is_valid(left)
    with pytest.raises(Poison):
        decode(record(json.dumps(left).encode()), 10_000)


def texts(headers: list[Header]) -> dict[str, str]:
    return {name: (text or b"").decode() for name, text in headers}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dead_letter_and_its_replay_have_the_headers_of_the_document(shape: Any) -> None:
    letter = shape(Poisoned(record(b"{}" * 40_000, 7), Poison("not_json", "Not JSON.")))
    document_says = DOCUMENT["components"]["messages"]["DEAD_LETTER"]["headers"]
    validator(document_says).validate(texts(letter.headers))
    again = to_replay(
        to_letter(record(letter.value, 3, topic=letter.topic, headers=letter.headers))
    )
    validator(stock_topics.REPLAY_HEADERS).validate(texts(again.headers))
    assert set(texts(again.headers)) == set(stock_topics.REPLAY_HEADERS["properties"])
