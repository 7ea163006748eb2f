"""How long an export of traces may take."""

from typing import Any

import pytest

from order_service.infrastructure.telemetry import traces


@pytest.mark.parametrize(
    ("variable", "timeout"),
    [
        (None, 2.0),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", None),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", None),
    ],
)
def test_an_export_takes_little_time_unless_a_variable_says_how_long(
    variable: str | None, timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(traces, "OTLPSpanExporter", lambda timeout: given.append(timeout))
    if variable:
        monkeypatch.setenv(variable, "7")
    traces._exporter()
    # With None the exporter reads the variables by itself.
    assert given == [timeout]
