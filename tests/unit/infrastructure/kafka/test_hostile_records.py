"""Whatever a record is: it becomes a change or a dead letter, and the letter can be read."""

import gc
import json
import weakref
from typing import Any, cast

import bson
import pytest
from confluent_kafka import KafkaError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_service.application.place import Place
from order_service.application.stock_log.changes import (
    StockChange,
)
from order_service.application.stock_log.dead_letters import DeadLetterQuery
from order_service.application.stock_log.read_dead_letters import FoundLetter, chunk_of
from order_service.infrastructure.kafka.batches import decode_all
from order_service.infrastructure.kafka.burial import SHAPES, Poisoned, bare, in_part, whole
from order_service.infrastructure.kafka.decoding import Poison, decode, identity
from order_service.infrastructure.kafka.delivery import Delivery, Outgoing
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.infrastructure.mongo.stock_change_documents import to_document
from order_service.interface.cli import dead_letter_view as view
from tests.unit.application.stock_log.test_replay_dead_letters import letter
from tests.unit.infrastructure.kafka.fakes import (
    TOPIC,
    FakeBroker,
    FakeDeadLetters,
    FakeLog,
    record,
    value,
)
from tests.unit.infrastructure.kafka.hostile_records import (
    HEADERS,
    RECORDS,
    TIMESTAMPS,
    VALUES,
    HostileRecord,
)
from tests.unit.infrastructure.kafka.test_consumer import PLACE, Running

LIMIT = 65_536
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
POISON = Poison("not_json", "Not JSON.")


def decoded(one: HostileRecord) -> StockChange | Poison:
    try:
        return decode(cast(Any, one), LIMIT)
    except Poison as poison:
        return poison


def headers_of(sent: Outgoing) -> dict[str, bytes | None]:
    return dict(sent.headers)


@MANY
@given(RECORDS)
def test_each_generated_record_becomes_a_storable_change_or_poison_with_a_code(
    one: HostileRecord,
) -> None:
    found = decoded(one)
    if isinstance(found, Poison):
        assert found.code != "undecodable"
        assert found.reason.endswith(".")
        return
    assert found.place.topic in (TOPIC, f"{TOPIC}-dlt")
    try:
        document = bson.decode(bson.encode(to_document(found, bson.ObjectId(), found.updated_at)))
    except (bson.errors.BSONError, OverflowError, UnicodeEncodeError):
        # The store says so itself, and the consumer buries it.
        return
    json.dumps(document["payload"], allow_nan=False, default=str)


@MANY
@given(RECORDS)
def test_each_generated_record_can_be_buried_and_its_letter_read_shown_and_replayed(
    one: HostileRecord,
) -> None:
    poisoned = Poisoned(cast(Any, one), POISON)
    for shape in SHAPES:
        sent = shape(poisoned)
        for name, _ in sent.headers:
            name.encode()
        buried = HostileRecord(sent.value, sent.headers, key=sent.key, topic=sent.topic, offset=3)
        read = to_letter(cast(Any, buried))
        assert read.original == Place(TOPIC, 0, 7)
        assert read.code == "not_json"
        shown(FoundLetter(read, logged=False))
        if read.whole:
            assert (read.value, read.key) == (one.value(), one.key())
            assert to_replay(read).topic == TOPIC
    assert len(b"".join(v or b"" for v in headers_of(bare(poisoned)).values())) < 1000


@MANY
@given(VALUES, HEADERS, TIMESTAMPS, st.booleans())
def test_any_record_that_a_stranger_puts_among_the_letters_can_be_listed(
    content: bytes | None, sent: list[tuple[str, bytes | None]], at: int, broken: bool
) -> None:
    stranger = HostileRecord(content, sent, timestamp=at, broken=broken, topic=f"{TOPIC}-dlt")
    read = to_letter(cast(Any, stranger))
    shown(FoundLetter(read, logged=False))
    # A replay goes to no topic that a stranger names.
    assert to_replay(read).topic == TOPIC
    assert read.identity.topic in (TOPIC, f"{TOPIC}-dlt")
    assert 0 <= read.identity.offset < 2**63
    assert DeadLetterQuery().takes(read)


def shown(found: FoundLetter) -> None:
    line, page = view.line(found), view.page(found)
    assert "\n" not in line
    assert all(each.isprintable() or each == "\n" for each in line + page)
    json.loads(json.dumps(view.as_json(found), indent=2, allow_nan=False))
    (line + page).encode()


class TestDepthAndNumbers:
    @pytest.mark.parametrize("levels", [64, 100, 180, 198, 199])
    def test_a_record_nested_deeper_than_the_store_takes_is_poison(self, levels: int) -> None:
        content = value(note="?").replace(b'"?"', b"[" * levels + b"]" * levels)
        poison = decoded(HostileRecord(content))
        assert isinstance(poison, Poison)
        assert poison.code == "too_deep"

    def test_a_record_nested_as_deep_as_the_store_takes_is_a_change(self) -> None:
        content = value(note="?").replace(b'"?"', b"[" * 63 + b"]" * 63)
        assert isinstance(decoded(HostileRecord(content)), StockChange)

    @pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"[1e999]"])
    def test_a_record_with_a_number_that_is_not_finite_is_poison(self, number: bytes) -> None:
        poison = decoded(HostileRecord(value(note="?").replace(b'"?"', number)))
        assert isinstance(poison, Poison)
        assert poison.code == "not_finite"


class TestHeaders:
    def test_a_sound_event_whose_headers_can_not_be_read_is_logged(self) -> None:
        found = decoded(HostileRecord(value(), broken=True))
        assert isinstance(found, StockChange)
        assert found.place == Place(TOPIC, 0, 7)

    def test_poison_whose_headers_can_not_be_read_is_buried_without_them(self) -> None:
        sent = whole(Poisoned(cast(Any, HostileRecord(b"rubbish", broken=True)), POISON))
        assert headers_of(sent)["dead-letter.cut"] == b"headers"
        assert (sent.value, len(sent.headers)) == (b"rubbish", 7)

    @pytest.mark.parametrize(
        ("topic", "partition", "offset", "believed"),
        [
            (TOPIC, "0", "6", True),
            (TOPIC, "3", "900", True),
            (f"{TOPIC}-dlt", "0", "900", True),
            # Of itself, or of what comes after it.
            (TOPIC, "0", "7", False),
            (TOPIC, "0", "8", False),
            ("stock_updates", "0", "6", False),
            (TOPIC, "-1", "6", False),
            (TOPIC, "0", "9223372036854775808", False),
            (TOPIC, "0", "9" * 5000, False),
        ],
    )
    def test_the_replay_headers_of_a_record_are_believed_where_they_name_a_possible_place(
        self, topic: str, partition: str, offset: str, believed: bool
    ) -> None:
        fields = {"topic": topic, "partition": partition, "offset": offset}
        sent = [(f"replay.{name}", text.encode()) for name, text in fields.items()]
        found = identity(cast(Any, HostileRecord(b"", [*sent])))
        own = Place(TOPIC, 0, 7)
        assert found == (Place(topic, int(partition), int(offset)) if believed else own)

    def test_of_two_records_that_claim_one_identity_the_refused_one_is_buried(self) -> None:
        claim = [
            (f"replay.{n}", v)
            for n, v in (("topic", TOPIC.encode()), ("partition", b"1"), ("offset", b"5"))
        ]
        first = record(value(note="first"), 5, partition=1)
        forged = record(value(note="forged"), 9, headers=cast(Any, claim))
        batch = decode_all([first, forged], LIMIT)
        refused = FakeLog(refuses={5: "offset_reused"}).append(batch.changes).refused
        buried = batch.all_poisoned(refused[:1])
        assert [each.record for each in buried] == [first]


class TestSizes:
    def test_a_record_that_its_dead_letter_topic_does_not_take_whole_is_buried_in_part(
        self,
    ) -> None:
        content = b"x" * 500_000
        letters = FakeDeadLetters(largest=100_000)
        running = Running(FakeBroker(content, value()), dead_letters=letters).run()
        assert running.broker.stored == {PLACE: 2}
        (sent,) = letters.letters
        assert len(sent.value) == 65_536
        told = headers_of(sent)
        assert told["dead-letter.cut"] == b"value"
        assert told["dead-letter.value-bytes"] == b"500000"
        assert told["dead-letter.offset"] == b"0"

    def test_a_record_that_its_dead_letter_topic_does_not_take_in_part_is_buried_by_its_place(
        self,
    ) -> None:
        letters = FakeDeadLetters(largest=1000)
        running = Running(FakeBroker(b"x" * 5000, value()), dead_letters=letters).run()
        assert running.broker.stored == {PLACE: 2}
        (sent,) = letters.letters
        assert (sent.value, sent.key) == (None, f"{TOPIC}/0/0".encode())

    def test_a_record_that_no_dead_letter_topic_takes_whole_is_cut_before_it_is_sent(self) -> None:
        sent = whole(Poisoned(cast(Any, HostileRecord(bytes(17_000_000), key=b"k" * 9000)), POISON))
        assert headers_of(sent)["dead-letter.cut"] == b"key,value"
        assert len(sent.value or b"") == 65_536

    def test_a_large_record_is_a_batch_of_its_own(self) -> None:
        running = Running(FakeBroker(bytes(2_000_000), bytes(2_000_000), value())).run()
        assert running.metric("batch_seconds_count") == 3

    def test_a_poisoned_record_is_freed_from_memory_when_it_is_dealt_with(self) -> None:
        gc.disable()
        try:
            one = HostileRecord(b"rubbish")
            gone = weakref.ref(one)
            decode_all([cast(Any, one)], LIMIT)
            del one
            assert gone() is None
        finally:
            gc.enable()

    def test_a_letter_that_holds_a_part_of_its_record_is_not_replayed(self) -> None:
        sent = in_part(Poisoned(cast(Any, HostileRecord(b"x" * 70_000)), POISON))
        read = to_letter(record(sent.value, 0, topic=sent.topic, headers=cast(Any, sent.headers)))
        assert not read.whole
        assert "70000 bytes, SHA-256" in view.page(FoundLetter(read, logged=False))

    def test_large_letters_are_read_few_at_a_time(self) -> None:
        letters = iter([letter(n, value=bytes(9_000_000)) for n in range(3)])
        assert [len(list(chunk_of(letters))) for _ in range(2)] == [2, 1]

    def test_a_record_that_librdkafkas_binding_refuses_is_undelivered_like_any_other(self) -> None:
        class Producer:
            def produce(self, *_: Any, **__: Any) -> None:
                raise SystemError("returned a result with an exception set")

            def flush(self, timeout: float) -> int:
                return 0

        delivery = Delivery(cast(Any, Producer), 1)
        (outcome,) = delivery.deliver([Outgoing(TOPIC, b"x", None)])
        assert outcome is not None
        assert outcome.code() == KafkaError._INVALID_ARG


def test_a_batch_of_kafka_that_can_not_be_read_is_given_up_record_by_record() -> None:
    broker = FakeBroker(value(), value(), value())
    bad = Message(topic=TOPIC, partition=0, offset=0, error=KafkaError(KafkaError._BAD_COMPRESSION))
    broker.errors = [bad] * 4
    running = Running(broker).run()
    assert running.dead_letters.published == [(0, "unreadable"), (1, "unreadable")]
    assert running.log.offsets == [2]
    assert broker.stored == {PLACE: 3}
