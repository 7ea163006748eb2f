"""A dead letter as the API shows it: a stranger made it, so each part of it has bounds."""

from typing import Final, Self

from pydantic import Field

from order_service.application.stock_log.dead_letters import DeadLetter
from order_service.application.stock_log.read_dead_letters import FoundLetter
from order_service.interface.http.answers import Answer, Time
from order_service.interface.http.stock_changes import Source

_SHORT: Final = 500
_MOST_HEADERS: Final = 20


class ShownHeader(Answer):
    name: str
    value: str | None


class ShownDeadLetter(Answer):
    id: str = Field(alias="_id", examples=["stock-updates-dlt/0/17"])
    """The letter's own topic, partition and offset."""
    original: Source
    """Where the record was."""
    buried_at: Time | None
    produced_at: Time | None
    """Null where nobody knows, as `buriedAt`."""
    code: str
    """What is wrong, by its stable name."""
    reason: str
    replays: int
    """How often the record was replayed, and came back."""
    logged: bool
    """The record is in the stock-change log, from a replay."""
    whole: bool
    """False: the letter lacks a part of the record's key or value, so it can't be replayed."""
    key: str | None
    """Text, as `value` and the headers: bytes that are no UTF-8 are replaced, long texts cut."""
    value: str | None
    value_bytes: int
    """Of the record's value, whatever is shown of it."""
    value_cut: bool
    """`value` is not all of the record's value."""
    sent: list[ShownHeader] = Field(alias="headers")
    """The first of the record's own."""

    @classmethod
    def of(cls, found: FoundLetter, most: int) -> Self:
        """``most``: characters of the value."""
        letter = found.letter
        value = _text(letter.value, most)
        return cls.model_construct(
            id=letter.id,
            original=Source.of(letter.original),
            buried_at=letter.buried_at,
            produced_at=letter.produced_at,
            code=letter.code[:_SHORT],
            reason=letter.reason[:_SHORT],
            replays=letter.replays,
            logged=found.logged,
            whole=letter.whole,
            key=_text(letter.key, _SHORT),
            value=value,
            value_bytes=letter.value_bytes,
            value_cut=_is_cut(letter, most),
            sent=[
                ShownHeader.model_construct(name=name[:_SHORT], value=_text(content, _SHORT))
                for name, content in letter.headers[:_MOST_HEADERS]
            ],
        )


def _text(content: bytes | None, most: int) -> str | None:
    """The first characters, each of which has 4 bytes at most."""
    return None if content is None else content[: 4 * most].decode(errors="replace")[:most]


def _is_cut(letter: DeadLetter, most: int) -> bool:
    value = letter.value or b""
    if "value" in letter.cut.split(",") or len(value) > 4 * most:
        return True
    return len(value.decode(errors="replace")) > most
