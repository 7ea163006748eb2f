"""docs/logs.md names every event that the service logs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from order_service.infrastructure.telemetry.order_lines import _ENDS

CHECKOUT = Path(__file__).parents[2]
LOGS = (CHECKOUT / "docs" / "logs.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def events() -> Iterator[str]:
    """The name that each call of a log, or each outage, is given. Sentences are gunicorn's."""
    for path in (CHECKOUT / "order_service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _logs(node.func):
                name = node.args[0]
                if isinstance(name, ast.Constant) and re.fullmatch("[a-z_]+", str(name.value)):
                    yield name.value
    yield from _ENDS.values()


def _logs(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr in LEVELS
    return isinstance(called, ast.Name) and called.id in ("Outage", "_begin")


def test_every_event_that_the_code_logs_is_in_the_document() -> None:
    logged = set(events())
    assert {"request", "order_expired", "store_unavailable", "lost_update"} <= logged
    assert sorted(logged - set(re.findall("`([a-z_]+)`", LOGS))) == []


def test_every_event_that_begins_a_row_of_the_document_is_in_the_code() -> None:
    code = "".join(path.read_text("utf-8") for path in (CHECKOUT / "order_service").rglob("*.py"))
    rows = re.findall(r"^\| (`[a-z_]+`(?:[^|]*`[a-z_]+`)*)", LOGS, re.MULTILINE)
    named = {name for row in rows for name in re.findall("`([a-z_]+)`", row)}
    assert len(named) > 30
    assert sorted(name for name in named if f'"{name}"' not in code) == []
