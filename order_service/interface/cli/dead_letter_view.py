"""Dead letters as people read them, and as JSON for programs."""

import base64
import json
from datetime import datetime
from typing import Any, Final, NoReturn

from order_service.application.json_values import fault
from order_service.application.place import Place
from order_service.application.stock_log.dead_letters import DeadLetter
from order_service.application.stock_log.read_dead_letters import FoundLetter
from order_service.application.words import clock_time
from order_service.interface.cli.showing import iso, printable

_SHOWN: Final = 2000
_PRETTY: Final = 64 * 1024
_COLUMNS: Final = "{:<28} {:<24} {:<20} {:<14} {}"
HEADING: Final = _COLUMNS.format("ID", "BURIED", "CODE", "STATE", "WHAT IS WRONG")


def line(found: FoundLetter) -> str:
    letter = found.letter
    code, reason = (_short(text) for text in (letter.code, letter.reason))
    return _COLUMNS.format(letter.id, _at(letter.buried_at), code, _state(found), reason)


def page(found: FoundLetter) -> str:
    """Everything about one letter; a long value is cut."""
    letter = found.letter
    headers = ", ".join(f"{_short(name)}={_text(value)}" for name, value in letter.headers)
    return "\n".join(
        [
            letter.id,
            f"  wrong    {_short(letter.code)}: {_short(letter.reason)}",
            f"  state    {_state(found)}",
            f"  record   {_record(letter.original)}, produced {_at(letter.produced_at)}",
            f"  buried   {_at(letter.buried_at)}",
            f"  key      {_text(letter.key)}",
            f"  headers  {headers[:_SHOWN] or '-'}",
            *_whole(letter),
            *("  value    " + printable(line) for line in _value(letter.value).split("\n")),
        ]
    )


def as_json(found: FoundLetter) -> dict[str, Any]:
    """``value``: the letter's value as text; ``valueBase64`` instead: the bytes of a value that is
    no text. ``payload``: the parsed value, if JSON. ``cut`` names the parts of the original record
    that are not whole. Unknown times are null."""
    letter = found.letter
    return {
        "id": letter.id,
        "code": letter.code,
        "reason": letter.reason,
        "logged": found.logged,
        "replays": letter.replays,
        "original": letter.original._asdict(),
        "producedAt": iso(letter.produced_at),
        "buriedAt": iso(letter.buried_at),
        "key": _json_text(letter.key),
        "headers": [[name, _json_text(content)] for name, content in letter.headers],
        **_value_fields(letter),
        "cut": letter.cut,
        "valueBytes": letter.value_bytes,
        "valueSha256": letter.value_sha256,
    }


def _record(place: Place) -> str:
    return f"{printable(place.topic)}[{place.partition}]@{place.offset}"


def _whole(letter: DeadLetter) -> list[str]:
    if not letter.cut:
        return []
    digest = f", SHA-256 {_short(letter.value_sha256)}" if letter.value_sha256 else ""
    size = f"the original's value has {letter.value_bytes} bytes{digest}"
    return [f"  in part  {_short(letter.cut)}; {size}"]


def _value_fields(letter: DeadLetter) -> dict[str, Any]:
    if letter.value is None:
        return {"value": None}
    try:
        text = letter.value.decode()
    except UnicodeDecodeError:
        return {"valueBase64": base64.b64encode(letter.value).decode()}
    return {"value": text, **_payload(text)}


def _payload(text: str) -> dict[str, Any]:
    """Empty where the text is not JSON, or is JSON that can't be written again."""
    try:
        payload = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return {} if fault(payload) else {"payload": payload}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


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
    if len(value) > _PRETTY:
        return value[:_PRETTY].decode(errors="backslashreplace")
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value.decode(errors="backslashreplace")


def _text(value: bytes | None) -> str:
    return "-" if value is None else printable(value[:_SHOWN].decode(errors="backslashreplace"))


def _json_text(value: bytes | None) -> str | None:
    return None if value is None else printable(value.decode(errors="backslashreplace"))


def _short(text: str) -> str:
    return printable(text[:_SHOWN])


def _at(time: datetime | None) -> str:
    return clock_time(time) if time else "unknown"
