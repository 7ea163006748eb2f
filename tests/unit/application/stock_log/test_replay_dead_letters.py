"""Which dead letters a replay sends, and how a letter and its replay are written as records."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import (
    DeadLetter,
    DeadLetterQuery,
    OpensDeadLetterBox,
)
from order_service.application.stock_log.get_dead_letter import GetDeadLetter
from order_service.application.stock_log.list_dead_letters import ListDeadLetters, ListedLetters
from order_service.application.stock_log.read_dead_letters import FoundLetter, ReadDeadLetters
from order_service.application.stock_log.replay_chosen import ReplayChosenLetters
from order_service.application.stock_log.replay_dead_letters import (
    ReplayDeadLetters,
    ReplayOptions,
    ReplayReport,
)
from order_service.domain.errors import (
    BrokerUnavailable,
    DeadLetterNotFound,
    TooMuchToRead,
    Unavailable,
)
from order_service.infrastructure.kafka.dead_letter_box import KafkaDeadLetterBox
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.infrastructure.kafka.reading import opened
from order_service.interface.cli import dead_letter_view as view
from tests.unit.infrastructure.kafka.fakes import TOPIC, record

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def letter(offset: int, **fields: Any) -> DeadLetter:
    original = Place(TOPIC, 0, offset)
    default = DeadLetter(
        place=Place(f"{TOPIC}-dlt", 0, offset),
        original=original,
        first=original,
        identity=original,
        buried_at=AT,
        produced_at=AT,
        key=None,
        value=b'{"mended": true}',
        headers=(),
        code="not_json",
        reason="Not JSON.",
        replays=0,
    )
    return replace(default, **fields)


class FakeBox:
    """``confirms``: how many letters the broker takes before it is gone."""

    def __init__(self, *letters: DeadLetter, confirms: int = 1_000_000) -> None:
        self._letters = letters
        self._confirms = confirms
        self.sent: list[DeadLetter] = []

    def size(self, query: DeadLetterQuery) -> int:
        return len(self._letters)

    def missing(self, query: DeadLetterQuery) -> Sequence[str]:
        return ()

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        return iter(self._letters)

    def rounds(self, query: DeadLetterQuery) -> Iterator[Iterator[DeadLetter]]:
        """One after the other, the last first."""
        for each in reversed(self._letters):
            yield iter([each])

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        confirmed = list(letters[: self._confirms - len(self.sent)])
        self.sent += confirmed
        return confirmed


class FakeHoldings:
    """A log that has entries of these letters' records."""

    def __init__(self, *letters: DeadLetter) -> None:
        self._payloads = {each.identity: json.loads(each.value or b"") for each in letters}

    def holds(self, places: set[Place]) -> dict[Place, Any]:
        return {place: self._payloads[place] for place in places & self._payloads.keys()}


def replay(
    box: FakeBox,
    query: DeadLetterQuery | None = None,
    logged: Sequence[DeadLetter] = (),
    options: ReplayOptions | None = None,
) -> ReplayReport:
    read = ReadDeadLetters(box, cast(Any, FakeHoldings(*logged)))
    run = ReplayDeadLetters(box, read)
    return run(query or DeadLetterQuery(), options or ReplayOptions())


def test_all_dead_letters_are_replayed_but_those_whose_record_is_logged() -> None:
    letters = [letter(n) for n in range(3)]
    box = FakeBox(*letters)
    report = replay(box, logged=[letters[1]])
    assert box.sent == report.replayed == [letters[0], letters[2]]
    assert report.logged == 1


def test_the_limit_of_a_replay_counts_replayed_letters_alone() -> None:
    letters = [letter(n) for n in range(5)]
    box = FakeBox(*letters)
    replay(box, DeadLetterQuery(limit=2), logged=[letters[0]])
    assert box.sent == letters[1:3]


def test_only_the_last_letter_of_a_record_that_came_back_is_replayed() -> None:
    first = letter(0)
    back = letter(9, first=first.first, identity=first.identity, replays=1)
    box = FakeBox(first, back)
    report = replay(box)
    assert box.sent == [back]
    assert report.superseded == 1
    only_the_first = replay(FakeBox(first, back), DeadLetterQuery(ids=frozenset([first.id])))
    assert only_the_first.replayed == []


def test_a_record_that_was_buried_twice_is_replayed_once() -> None:
    first = letter(0)
    again = replace(first, place=Place(f"{TOPIC}-dlt", 0, 1))
    box = FakeBox(first, again)
    replay(box)
    assert box.sent == [again]


def test_different_records_in_one_place_of_a_topic_made_anew_are_all_replayed() -> None:
    old = letter(0)
    new = letter(1, first=old.first, identity=old.identity, value=b"other")
    box = FakeBox(old, new)
    replay(box)
    assert box.sent == [old, new]


def test_a_letter_whose_place_the_log_gives_to_another_record_is_not_logged() -> None:
    of_another = letter(0, value=b'{"another": true}')
    for said in (b'{"mended": true}', b"rubbish", b"[" * 100_000, None):
        assert replay(FakeBox(letter(0, value=said)), logged=[of_another]).logged == 0


def reused(offset: int, at: int, said: bytes, *more: tuple[str, bytes]) -> DeadLetter:
    """The letter at ``at`` of a record whose place the log knows another by."""
    about = {"topic": TOPIC, "partition": 2, "offset": offset, "code": "offset_reused"}
    sent = [(f"dead-letter.{name}", str(told).encode()) for name, told in about.items()]
    return to_letter(record(said, at, topic=f"{TOPIC}-dlt", headers=[*sent, *more]))


def test_all_letters_of_a_record_whose_place_is_taken_give_it_the_same_identity() -> None:
    one = reused(5, 0, b"new")
    # Replayed from an earlier letter, it was refused; so it is at another place by now.
    first = {"topic": TOPIC, "partition": 2, "offset": 5, "count": 1}
    told = [(f"replay.{name}", str(what).encode()) for name, what in first.items()]
    again, came_back = reused(5, 1, b"new"), reused(90, 2, b"new", *told)
    assert one.identity == again.identity == came_back.identity
    assert one.identity[:2] == (f"{TOPIC}-dlt", 2)
    assert 2**52 <= one.identity.offset < 2**53
    others = [reused(6, 3, b"new").identity, reused(5, 4, b"newer").identity]
    assert len({one.identity, *others}) == 3
    box = FakeBox(one, again, came_back)
    replay(box)
    assert box.sent == [came_back]


def test_a_letter_that_came_back_three_times_is_replayed_only_by_force() -> None:
    looping = letter(0, replays=3)
    assert [each.id for each in replay(FakeBox(looping)).looping] == [looping.id]
    forced = replay(FakeBox(looping), options=ReplayOptions(force=True))
    assert forced.replayed == [looping]


def test_a_dry_run_of_a_replay_sends_nothing() -> None:
    box = FakeBox(letter(0))
    assert replay(box, options=ReplayOptions(dry_run=True)).replayed == [letter(0)]
    assert box.sent == []


def test_a_replay_ends_when_the_broker_confirms_no_more_and_names_the_letters_left() -> None:
    letters = [letter(n) for n in range(1200)]
    report = replay(FakeBox(*letters, confirms=700))
    assert report.replayed == letters[:700]
    assert report.failed == letters[700:1000]


def test_a_replay_that_came_back_is_known_by_its_first_place_and_its_count() -> None:
    sent = to_replay(letter(5, headers=(("trace", b"1"),)))
    came_back = record(
        sent.value,
        9,
        topic=f"{TOPIC}-dlt",
        headers=[*sent.headers, ("dead-letter.topic", TOPIC.encode())],
    )
    back = to_letter(came_back)
    assert back.identity == Place(TOPIC, 0, 5)
    assert back.replays == 1
    assert ("trace", b"1") in back.headers
    again = dict(to_replay(back).headers)
    assert again["replay.count"] == b"2"
    assert [name for name, _ in to_replay(back).headers].count("replay.count") == 1


def test_a_strangers_record_in_a_dead_letter_topic_is_a_letter_of_its_own() -> None:
    stranger = to_letter(record(b"hello", 3, topic=f"{TOPIC}-dlt", headers=None))
    assert stranger.code == "unknown"
    assert stranger.original.topic == TOPIC
    assert stranger.identity == stranger.place


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(null)"),
        (b'{"a":"\xc3\xa9"}', '"a": "é"'),
        (b"x" * 5000, "… 5000 bytes in all"),
        (b"[" * 5000, "… 5000 bytes in all"),
        (b"\xff\x00", "\\xff\\x00"),
    ],
)
def test_any_value_of_a_dead_letter_can_be_shown(value: bytes | None, shown: str) -> None:
    found = FoundLetter(letter(0, value=value), logged=False)
    assert shown in view.page(found)
    assert "code" in view.as_json(found)


def test_a_strangers_text_anywhere_in_a_letter_forges_no_line() -> None:
    odd = "a\r\n  state    in the log\u2028\x1b[2J"
    plain = letter(1, key=b"k", headers=(("name", b"value"),), value=b"text")
    spoilt = replace(
        plain,
        original=plain.original._replace(topic=odd),
        key=odd.encode(),
        headers=((odd, odd.encode()),),
        code=odd,
        reason=odd,
    )
    pages = [view.page(FoundLetter(each, logged=False)) for each in (plain, spoilt)]
    assert len(pages[0].splitlines()) == len(pages[1].splitlines())
    told = [*pages[1].splitlines(), view.line(FoundLetter(spoilt, logged=False))]
    assert all(line.isprintable() for line in told)


def test_reading_letters_without_a_broker_is_broker_unavailable_with_the_reason() -> None:
    class Gone:
        """Away at the second try, and says why at the first."""

        def __init__(self, hear: Callable[[KafkaError], None]) -> None:
            self._hear = hear
            self._tries = 0

        def list_topics(self, timeout: float) -> Any:
            self._tries += 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

        def poll(self, timeout: float) -> None:
            self._hear(KafkaError(KafkaError._AUTHENTICATION, "sasl://b:1/bootstrap: SASL failed"))
            if self._tries == 2:
                self._hear(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
            assert self._tries < 3

        def close(self) -> None: ...

    box = KafkaDeadLetterBox(partial(opened, cast(Any, Gone), "It"), cast(Any, None), [TOPIC])
    with pytest.raises(BrokerUnavailable, match="can't be read: authentication failed"):
        box.size(DeadLetterQuery())


def test_a_broker_that_hangs_does_not_answer_in_time() -> None:
    class Hangs:
        def __init__(self, hear: Any) -> None: ...

        def list_topics(self, timeout: float) -> Any:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))

        def poll(self, timeout: float) -> None: ...

        def close(self) -> None: ...

    box = KafkaDeadLetterBox(partial(opened, cast(Any, Hangs), "It"), cast(Any, None), [TOPIC])
    with pytest.raises(BrokerUnavailable, match="can't be read: no answer in time"):
        box.size(DeadLetterQuery())


# --- chosen letters


def chosen(box: FakeBox, *letters: DeadLetter, **options: Any) -> ReplayReport:
    ids = [each.id for each in letters]
    logged: Sequence[DeadLetter] = options.pop("logged", ())
    read = ReadDeadLetters(box, cast(Any, FakeHoldings(*logged)))
    return ReplayDeadLetters(box, read).chosen(ids, force=options.pop("force", False))


def test_chosen_letters_alone_are_replayed_and_each_other_is_accounted_for() -> None:
    good, logged, old, loops, left_alone = (letter(n) for n in range(5))
    back = replace(letter(9), first=old.first, identity=old.identity, replays=1)
    loops = replace(loops, replays=3)
    cut = replace(letter(10), cut="headers,value")
    box = FakeBox(good, logged, old, loops, left_alone, back, cut)
    gone = letter(77)
    report = chosen(box, good, logged, old, loops, cut, gone, logged=[logged])
    assert box.sent == report.replayed == [good]
    assert (report.logged, report.superseded, report.missing) == (1, 1, [gone.id])
    assert [each.id for each in report.looping] == [loops.id]
    assert [each.id for each in report.cut] == [cut.id]
    assert report.failed == []
    assert chosen(FakeBox(loops), loops, force=True).replayed == [loops]


def test_the_values_of_letters_that_are_not_replayed_are_not_kept() -> None:
    large = b"x" * 1000
    box = FakeBox(letter(0, value=large, replays=3), letter(1, value=large, cut="key"))
    report = replay(box)
    assert [each.value for each in (*report.looping, *report.cut)] == [None, None]


def test_chosen_letters_that_are_gone_are_told_without_reading_all_others() -> None:
    class OnlyNamed(FakeBox):
        def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
            assert query.ids
            return iter(())

    assert chosen(OnlyNamed(), letter(3)).missing == [letter(3).id]


def test_chosen_letters_beyond_one_chunk_are_left_for_another_replay() -> None:
    letters = [letter(n, value=f"{n}{' ' * 6_000_000}".encode()) for n in range(4)]
    box = FakeBox(*letters)
    report = chosen(box, *letters)
    assert report.replayed == letters[:3]
    assert [(each.id, each.value) for each in report.failed] == [(letters[3].id, None)]


def test_chosen_letters_that_the_broker_does_not_confirm_are_named() -> None:
    letters = [letter(n) for n in range(3)]
    report = chosen(FakeBox(*letters, confirms=1), *letters)
    assert (report.replayed, report.failed) == (letters[:1], letters[1:])


class BreaksOff(FakeBox):
    """So many readings of all letters are whole; the next breaks off at its last letter."""

    def __init__(self, *letters: DeadLetter, error: Exception, whole: int = 0) -> None:
        super().__init__(*letters)
        self._error = error
        self._whole = whole

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        self._whole -= 1
        yield from self._letters[: None if self._whole >= 0 else -1]
        if self._whole < 0:
            raise self._error

    def rounds(self, query: DeadLetterQuery) -> Iterator[Iterator[DeadLetter]]:
        yield from list(super().rounds(query))[:-1]
        raise self._error


@pytest.mark.parametrize("whole", [0, 1, 2])
@pytest.mark.parametrize("error", [TooMuchToRead("5 s"), BrokerUnavailable("It went.")])
def test_nothing_is_sent_where_not_all_could_be_read(whole: int, error: Unavailable) -> None:
    letters = [letter(n) for n in range(600)]
    box = BreaksOff(*letters, error=error, whole=whole)
    run = ReplayChosenLetters(opens(box), cast(Any, FakeHoldings()))
    with pytest.raises(type(error)) as told:
        run([each.id for each in letters], force=False)
    assert box.sent == []
    if isinstance(error, TooMuchToRead):
        assert "order-service dead-letters replay" in str(told.value)


# --- the newest letters


def opens(box: FakeBox) -> OpensDeadLetterBox:
    @contextmanager
    def open_box() -> Iterator[FakeBox]:
        yield box

    return open_box


def listed(
    box: FakeBox, limit: int = 10, logged: Sequence[DeadLetter] = (), **query: Any
) -> ListedLetters:
    run = ListDeadLetters(opens(box), cast(Any, FakeHoldings(*logged)))
    return run(DeadLetterQuery(**query), limit)


def buried(offset: int, minutes: int | None, **given: Any) -> DeadLetter:
    at = None if minutes is None else AT + timedelta(minutes=minutes)
    return letter(offset, buried_at=at, **given)


def ids(found: ListedLetters) -> list[int]:
    return [each.letter.place.offset for each in found.letters]


def test_a_record_that_came_back_is_listed_once_by_what_became_of_it_at_last() -> None:
    first, other = buried(0, 1), buried(1, 2)
    back = replace(buried(2, 3), first=first.first, identity=first.identity, replays=1)
    assert ids(listed(FakeBox(first, other, back))) == [2, 1]
    # In whatever order they are read: partitions are read one after the other.
    assert ids(listed(FakeBox(back, other, first))) == [2, 1]
    assert ids(listed(FakeBox(first, other, back), waiting=True)) == [2, 1]
    one = listed(FakeBox(first, back), limit=1)
    assert (ids(one), one.more) == ([2], False)


def test_of_records_in_one_place_of_a_topic_made_anew_each_is_listed() -> None:
    old = buried(0, 1)
    new = replace(buried(1, 2, value=b"other"), first=old.first, identity=old.identity)
    assert ids(listed(FakeBox(old, new))) == [1, 0]


def test_dead_letters_are_listed_the_newest_first_and_those_of_an_unknown_time_last() -> None:
    box = FakeBox(buried(0, 5), buried(1, 7), buried(2, None), buried(3, 6), buried(4, None))
    found = listed(box)
    assert ids(found) == [1, 3, 0, 4, 2]
    assert (found.more, found.complete, found.missing) == (False, True, ())


def test_a_list_of_dead_letters_ends_once_there_is_one_more_than_it_may_show() -> None:
    box = FakeBox(*(buried(n, n) for n in range(9)))
    found = listed(box, limit=3)
    assert (ids(found), found.more, found.complete) == ([8, 7, 6], True, True)
    assert listed(box, limit=9).more is False


def test_a_list_of_dead_letters_leaves_out_what_is_logged_where_it_is_asked_to() -> None:
    letters = [buried(n, n) for n in range(3)]
    box = FakeBox(*letters)
    assert ids(listed(box, waiting=True, logged=letters[1:2])) == [2, 0]
    found = listed(box, logged=letters[1:2])
    assert [each.logged for each in found.letters] == [False, True, False]


def test_a_list_of_dead_letters_that_took_too_long_has_what_was_read() -> None:
    letters = [buried(n, n) for n in range(4)]
    found = listed(BreaksOff(*letters, error=TooMuchToRead("5 s")))
    assert (ids(found), found.complete) == ([3, 2, 1], False)


def test_a_list_of_dead_letters_without_a_broker_is_no_list() -> None:
    with pytest.raises(BrokerUnavailable):
        listed(BreaksOff(buried(0, 0), error=BrokerUnavailable("It went.")))


def test_a_list_keeps_the_beginnings_of_large_letters_alone() -> None:
    large = b"x" * 1_000_000
    sent = tuple((f"h{n}", large) for n in range(1000))
    [found] = listed(FakeBox(letter(0, key=large, value=large, headers=sent))).letters
    parts = [found.letter.key, found.letter.value, *(part for _, part in found.letter.headers)]
    assert sum(len(part or b"") for part in parts) < 200_000
    assert (found.letter.value or b"")[:4] == b"xxxx"


def test_one_dead_letter_is_found_or_it_is_dead_letter_not_found() -> None:
    get = GetDeadLetter(opens(FakeBox(letter(0), letter(1))), cast(Any, FakeHoldings()))
    assert get(letter(1).id).letter == letter(1)
    with pytest.raises(DeadLetterNotFound):
        get(letter(2).id)
