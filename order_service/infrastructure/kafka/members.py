"""Members of JSON objects, and headers, as tables: what is written and its schema side by side, so
that the two can't drift apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from order_service.infrastructure.kafka.event_kinds import Kind

Schema = dict[str, Any]
Whole = TypeVar("Whole")


@dataclass(frozen=True, slots=True)
class Member(Generic[Whole]):
    """``of``: the member's value. ``schema``: what the value is, in events of that kind.
    ``of_one_line``: only the event of an order of one line has the member. ``where_given``: what
    has no value for the member lacks it."""

    name: str
    of: Callable[[Whole], Any]
    schema: Callable[[Kind], Schema]
    of_one_line: bool = False
    where_given: bool = False


def written(members: Sequence[Member[Whole]], whole: Whole) -> dict[str, Any]:
    values = ((member, member.of(whole)) for member in members)
    return {
        member.name: value
        for member, value in values
        if value is not None or not member.where_given
    }


def object_schema(members: Sequence[Member[Whole]], kind: Kind) -> Schema:
    """JSON Schema, draft 7, like all of ours. Members that the schema does not name are allowed:
    later releases may add some."""
    return {
        "type": "object",
        "required": [
            member.name for member in members if not (member.of_one_line or member.where_given)
        ],
        "properties": {member.name: member.schema(kind) for member in members},
    }


def constant(text: str) -> Schema:
    return {"type": "string", "const": str(text)}


def text(about: str, **more: Any) -> Schema:
    """The schema of a text that is not empty."""
    return {"type": "string", "minLength": 1, **more, "description": about}
