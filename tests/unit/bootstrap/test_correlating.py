"""OpenTelemetry is loaded only where OTEL_* asks for traces, and its extra may be missing."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from order_service.settings import Settings

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("otel", "is_traced"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "a=b"}, False),
        (COLLECTOR, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({**COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**COLLECTOR, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_the_service_is_traced_where_opentelemetrys_variables_say_where_to(
    otel: Mapping[str, str], is_traced: bool
) -> None:
    assert Settings.load(otel).is_traced is is_traced


def ran(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )


def test_the_service_loads_nothing_of_what_nobody_asks_for() -> None:
    # The client of Redis loads OpenTelemetry too, wherever it is installed.
    program = """
import sys
import wsgi
from order_service.bootstrap import api, commands, worker
from order_service.bootstrap.correlating import correlation
from order_service.settings import Settings
correlation(Settings(), "api")
print(sorted({each.partition(".")[0] for each in sys.modules} & {"opentelemetry", "redis"}))
"""
    assert ran(program).stdout == "[]\n"


def test_a_service_without_the_extra_says_so_and_is_not_traced() -> None:
    program = f"""
import sys
sys.modules["opentelemetry"] = None
from order_service.bootstrap.correlating import correlation
from order_service.settings import Settings
print(type(correlation(Settings.load({COLLECTOR}), "worker")).__name__)
"""
    found = ran(program)
    assert found.stdout == "LogCorrelation\n"
    line = json.loads(found.stderr)
    assert line["event"] == "not_traced"
    assert "order-service[tracing]" in line["remedy"]


@pytest.mark.parametrize(
    "asked",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp,console"},
        {**COLLECTOR, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {**COLLECTOR, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
    ],
    ids=str,
)
def test_a_service_that_is_asked_for_what_it_cannot_send_says_so_and_is_not_traced(
    asked: Mapping[str, str],
) -> None:
    found = ran(
        "from order_service.bootstrap.correlating import correlation\n"
        "from order_service.settings import Settings\n"
        f"print(type(correlation(Settings.load({dict(asked)}), 'api')).__name__)"
    )
    assert found.stdout == "LogCorrelation\n"
    line = json.loads(found.stderr)
    assert line["event"] == "not_traced"
    assert list(asked)[-1] in line["remedy"]


@pytest.mark.parametrize(
    "bad", [{"OTEL_BSP_MAX_QUEUE_SIZE": "-3"}, {"OTEL_PROPAGATORS": "nonsense"}], ids=str
)
def test_a_bad_value_of_opentelemetrys_ends_no_process(bad: Mapping[str, str]) -> None:
    asked = {**COLLECTOR, **bad}
    found = ran(
        f"import os; os.environ.update({asked})\n"
        "from order_service.bootstrap.correlating import correlation\n"
        "from order_service.settings import Settings\n"
        f"print(type(correlation(Settings.load({asked}), 'api')).__name__)"
    )
    lines = found.stderr.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["not_traced"]


def test_a_malformed_header_for_the_collector_is_not_repeated() -> None:
    asked = {**COLLECTOR, "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer SECRET"}
    found = ran(
        "from order_service.bootstrap.correlating import correlation\n"
        "from order_service.settings import Settings\n"
        f"correlation(Settings.load({asked}), 'api')"
    )
    assert "SECRET" not in found.stderr + found.stdout
