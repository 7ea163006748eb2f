"""/api/dead-letters: the records that could not become stock changes, and their replay."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

from flask import Response
from flask_openapi import Tag
from pydantic import BeforeValidator, Field
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.application.callers import Scope
from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.application.stock_log.get_dead_letter import GetDeadLetter
from order_service.application.stock_log.list_dead_letters import ListDeadLetters, ListedLetters
from order_service.application.stock_log.read_dead_letters import FoundLetter
from order_service.application.stock_log.replay_chosen import ReplayChosenLetters
from order_service.application.stock_log.replay_dead_letters import ReplayReport
from order_service.domain.errors import (
    BrokerUnavailable,
    Busy,
    DeadLetterNotFound,
    InvalidValue,
    StoreUnavailable,
    TooMuchToRead,
)
from order_service.interface.http.answers import Answer
from order_service.interface.http.list_parameters import Instant, PageSize
from order_service.interface.http.routes import Routes
from order_service.interface.http.samples import Error
from order_service.interface.http.schemas import Schema
from order_service.interface.http.shown_letters import ShownDeadLetter

_IN_A_LIST: Final = 4_096
_ALONE: Final = 65_536
_LONGEST_ID: Final = 300
_TAG = Tag(
    name="Dead letters",
    description="Stock events that could not be logged, as the worker put them into `<topic>-dlt`.",
)
_UNAVAILABLE: Final[tuple[Error, ...]] = (BrokerUnavailable, Busy, StoreUnavailable)


def _flag(value: Any) -> Any:
    # Pydantic alone would also take "on", "1" and more.
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


LetterId = Annotated[
    str,
    Field(
        strict=True,
        max_length=_LONGEST_ID,
        pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}$",
        examples=["stock-updates-dlt/0/17"],
    ),
]


class DeadLettersParameters(Schema):
    topic: Annotated[str, Field(max_length=249)] | None = None
    """Only letters of this topic, named without `-dlt`."""
    code: Annotated[str, Field(max_length=100)] | None = None
    """Only letters with this fault: not_json, missing_field, …"""
    since: Instant | None = None
    """Buried at this time or later."""
    waiting: Annotated[bool, BeforeValidator(_flag)] = True
    """False: also letters whose record is in the log by now, or has a newer letter."""
    limit: PageSize = 50

    def query(self) -> DeadLetterQuery:
        return DeadLetterQuery(
            topic=self.topic, since=self.since, code=self.code, waiting=self.waiting
        )


class DeadLetterPath(Schema):
    topic: str = Field(description="The dead-letter topic.", examples=["stock-updates-dlt"])
    partition: str = Field(examples=["0"])
    offset: str = Field(examples=["17"])

    @property
    def letter_id(self) -> str:
        """Raises DeadLetterNotFound for what no letter can be named."""
        numbers = self.partition, self.offset
        if not all(re.fullmatch("[0-9]{1,19}", each) for each in numbers):
            raise DeadLetterNotFound
        return "/".join([self.topic, *(str(int(each)) for each in numbers)])


class ReplayBody(Schema):
    ids: Annotated[list[LetterId], Field(min_length=1, max_length=100)]
    """The `_id`s of the letters."""
    force: Annotated[bool, Field(strict=True)] = False
    """Also letters that came back three times."""


class DeadLettersAnswer(Answer):
    dead_letters: list[ShownDeadLetter]
    """The newest of each partition, newest first. `value` has at most 4,096 characters."""
    more: bool
    """There are others."""
    complete: bool
    """False: the time was over before enough of them were found, or all were read."""
    missing_topics: list[str]
    """Topics that Kafka does not have, nor dead letters of them."""

    @classmethod
    def of(cls, found: ListedLetters) -> Self:
        return cls.model_construct(
            dead_letters=[ShownDeadLetter.of(each, _IN_A_LIST) for each in found.letters],
            more=found.more,
            complete=found.complete,
            missing_topics=list(found.missing),
        )


class DeadLetterAnswer(Answer):
    dead_letter: ShownDeadLetter
    """`value` has at most 65,536 characters."""

    @classmethod
    def of(cls, found: FoundLetter) -> Self:
        return cls.model_construct(dead_letter=ShownDeadLetter.of(found, _ALONE))


class ReplayedAnswer(Answer):
    replayed: list[str]
    """Sent to their topics again. A record that is still wrong comes back as a new letter."""
    logged: int
    """Left alone: their records are in the log already."""
    superseded: int
    """Left alone: their records have newer letters."""
    looping: list[str]
    """Refused: they came back three times. Mend the cause, then replay them with `force`."""
    cut: list[str]
    """Refused: they hold a part of the record alone. Have its sender send it again, smaller."""
    failed: list[str]
    """Not confirmed by Kafka, or too many bytes for one request: replay them again. A record that
    arrived twice is logged once."""
    missing: list[str]
    """There are no such letters, or not any more."""

    @classmethod
    def of(cls, report: ReplayReport) -> Self:
        return cls.model_construct(
            replayed=_ids(report.replayed),
            logged=report.logged,
            superseded=report.superseded,
            looping=_ids(report.looping),
            cut=_ids(report.cut),
            failed=_ids(report.failed),
            missing=report.missing,
        )


def routes(
    list_letters: ListDeadLetters, get_letter: GetDeadLetter, replay: ReplayChosenLetters
) -> Routes:
    letters = Routes("dead_letters", "/api/dead-letters", _TAG)

    @letters.get(
        "",
        Scope.ORDERS_ADMIN,
        "listDeadLetters",
        {200: DeadLettersAnswer},
        InvalidValue,
        *_UNAVAILABLE,
    )
    def list_newest(query: DeadLettersParameters) -> Response:
        """List the newest dead letters, newest first.

        They are read for 5 seconds at most, and by one request at a time in each process.
        """
        return DeadLettersAnswer.of(list_letters(query.query(), query.limit)).response()

    @letters.get(
        "/<topic>/<partition>/<offset>",
        Scope.ORDERS_ADMIN,
        "getDeadLetter",
        {200: DeadLetterAnswer},
        DeadLetterNotFound,
        *_UNAVAILABLE,
        TooMuchToRead,
    )
    def get(path: DeadLetterPath) -> Response:
        """Read a dead letter."""
        return DeadLetterAnswer.of(get_letter(path.letter_id)).response()

    @letters.post(
        "/replay",
        Scope.ORDERS_ADMIN,
        "replayDeadLetters",
        {200: ReplayedAnswer},
        InvalidValue,
        RequestEntityTooLarge,
        UnsupportedMediaType,
        *_UNAVAILABLE,
        TooMuchToRead,
    )
    def replay_chosen(body: ReplayBody) -> Response:
        """Send the records of dead letters to their topics again.

        A record is logged once, however often it is replayed, and a record that is in the log
        already is not sent. 503: nothing was sent.
        """
        return ReplayedAnswer.of(replay(body.ids, force=body.force)).response()

    return letters


def _ids(letters: Sequence[DeadLetter]) -> list[str]:
    return [letter.id for letter in letters]
