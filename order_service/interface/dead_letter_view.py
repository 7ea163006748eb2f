"""Dead letters for the eye and for programs."""

import base64
import json
from typing import Any, Final

from order_service.application.dead_letters import DeadLetter
from order_service.application.ports import Place
from order_service.application.read_dead_letters import FoundLetter
from order_service.interface.showing import printable

_SHOWN: Final = 2000
_TIME: Final = "%Y-%m-%d %H:%M:%S UTC"
_COLUMNS: Final = "{:<28} {:<24} {:<20} {:<14} {}"
HEADING: Final = _COLUMNS.format("ID", "BURIED", "CODE", "STATE", "WHAT IS WRONG")


def line(found: FoundLetter) -> str:
    letter = found.letter
    buried = letter.buried_at.strftime(_TIME)
    code, reason = printable(letter.code), printable(letter.reason)
    return _COLUMNS.format(letter.id, buried, code, _state(found), reason)


def page(found: FoundLetter) -> str:
    """Everything about one letter, its value cut where it is long."""
    letter = found.letter
    produced = letter.produced_at.strftime(_TIME)
    headers = ", ".join(f"{printable(name)}={_text(value)}" for name, value in letter.headers)
    return "\n".join(
        [
            letter.id,
            f"  wrong    {printable(f'{letter.code}: {letter.reason}')}",
            f"  state    {_state(found)}",
            f"  record   {_place(letter.original)}, produced {produced}",
            f"  buried   {letter.buried_at.strftime(_TIME)}",
            f"  key      {_text(letter.key)}",
            f"  headers  {headers or '-'}",
            *("  value    " + printable(line) for line in _value(letter.value).split("\n")),
        ]
    )


def as_json(found: FoundLetter) -> dict[str, Any]:
    """``value`` is the text, or ``valueBase64`` where it is none; ``payload`` what it parses to."""
    letter = found.letter
    return {
        "id": letter.id,
        "code": letter.code,
        "reason": letter.reason,
        "logged": found.logged,
        "replays": letter.replays,
        "original": letter.original._asdict(),
        "producedAt": _iso(letter.produced_at),
        "buriedAt": _iso(letter.buried_at),
        "key": None if letter.key is None else _text(letter.key),
        "headers": [[name, None if v is None else _text(v)] for name, v in letter.headers],
        **_value_fields(letter),
    }


def _value_fields(letter: DeadLetter) -> dict[str, Any]:
    if letter.value is None:
        return {"value": None}
    try:
        text = letter.value.decode()
    except UnicodeDecodeError:
        return {"valueBase64": base64.b64encode(letter.value).decode()}
    try:
        return {"value": text, "payload": json.loads(text)}
    except (ValueError, RecursionError):
        return {"value": text}


def _state(found: FoundLetter) -> str:
    if found.logged:
        return "in the log"
    return f"came back {found.letter.replays}x" if found.letter.replays else "waiting"


def _value(value: bytes | None) -> str:
    if value is None:
        return "(null)"
    text = _pretty(value)
    more = f"\n… {len(value)} bytes in all; --json shows them" if len(text) > _SHOWN else ""
    return text[:_SHOWN] + more


def _pretty(value: bytes) -> str:
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value.decode(errors="backslashreplace")


def _text(value: bytes | None) -> str:
    return "-" if value is None else printable(value.decode(errors="backslashreplace"))


def _place(place: Place) -> str:
    return f"{printable(place.topic)}[{place.partition}]@{place.offset}"


def _iso(time: Any) -> str:
    return str(time.isoformat(timespec="milliseconds")).replace("+00:00", "Z")
