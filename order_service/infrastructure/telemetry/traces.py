"""Traces with OpenTelemetry: one from a caller's request through store and inventory to its event.

Import this module only where traces are wanted: the extra ``tracing`` brings its packages, which
read the rest from OTEL_* variables: sampler, batches, where to export to, the service's name.
"""

import atexit
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.pymongo import CommandTracer
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pymongo.monitoring import CommandFailedEvent, CommandStartedEvent

from order_service.application.outage import Outage
from order_service.domain.events import OrderEvent
from order_service.domain.marks import Origin
from order_service.domain.order import Order
from order_service.infrastructure.telemetry.correlation import LogCorrelation, OutgoingCall
from order_service.settings import Settings

# Seconds for one export, and for all that is left at the exit: a collector that is away must not
# hold up the end of a process.
_PATIENCE: Final = 2.0
_AT_EXIT: Final = 3.0
_TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
# Statuses from here on are the service's own failures.
_OURS: Final = 500
_NOT_TRACED: Final = ("/health/", "/metrics")

_propagator: Final = TraceContextTextMapPropagator()
_log = structlog.get_logger()


def traces(settings: Settings, component: str) -> "Traces":
    """Starts threads, so call it after the fork. ``component``: api or worker. Raises what
    OpenTelemetry raises for a bad value of a variable."""
    # Those of .env are not in the environment, where OpenTelemetry looks.
    os.environ.update(settings.otel)
    # Its lines repeat headers, of a caller's and of ours, and come with each export that fails.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    resource = Resource.create({"service.version": version("order-service")})
    # So OpenTelemetry calls a service that no variable names.
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: f"order-service-{component}"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Exporter(_exporter())))
    _end_at_exit(provider)
    return Traces(provider)


def _end_at_exit(provider: TracerProvider) -> None:
    """Send what is left, but for no longer than a stop can wait: the provider itself would wait for
    half a minute. The thread is started now, because at the exit none can be."""
    is_exit = threading.Event()

    def end() -> None:
        is_exit.wait()
        provider.shutdown()

    thread = threading.Thread(target=end, name="traces-end", daemon=True)
    thread.start()

    def wait_for_end() -> None:
        is_exit.set()
        thread.join(_AT_EXIT)

    atexit.register(wait_for_end)


class Traces(LogCorrelation):
    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("order_service", version("order-service"))

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get("traceparent")

    def concerns(self, order_id: str) -> None:
        super().concerns(order_id)
        trace.get_current_span().set_attribute("order.id", order_id)

    @contextmanager
    def working_on(self, work: str, orders: Sequence[Order]) -> Iterator[None]:
        """A span that is linked to the trace of each order. It belongs to the trace that is going
        on, or else to that of the first order."""
        origins = [context for order in orders if (context := _context_of(order.origin))]
        started = self._tracer.start_as_current_span(
            work,
            None if _is_traced() or not origins else _within(origins[0]),
            links=[Link(each) for each in origins],
            # The driver's errors, which are chained to ours, name hosts.
            record_exception=False,
            attributes={"order.ids": [order.id for order in orders]},
        )
        with super().working_on(work, orders), started:
            yield

    @contextmanager
    def calling(self, method: str, path: str) -> Iterator[OutgoingCall]:
        if not _is_traced():
            with super().calling(method, path) as call:
                yield call
            return
        about = {"http.request.method": method, "url.path": path, "peer.service": "inventory"}
        with (
            super().calling(method, path) as call,
            self._tracer.start_as_current_span(
                f"{method} inventory",
                kind=SpanKind.CLIENT,
                attributes=about,
                record_exception=False,
            ) as span,
        ):
            _propagator.inject(call.headers)
            yield call
            if call.status is not None:
                span.set_attribute("http.response.status_code", call.status)

    def published(self, events: Iterable[tuple[OrderEvent, str | None]], began: int) -> None:
        for event, error in events:
            if context := _context_of(event.origin):
                span = self._tracer.start_span(
                    f"publish {event.type}",
                    _within(context),
                    SpanKind.PRODUCER,
                    {"messaging.system": "kafka", "order.id": event.order_id},
                    start_time=began,
                )
                if error is not None:
                    span.set_status(Status(StatusCode.ERROR, error))
                span.end()

    def serving(self, app: WSGIApplication) -> WSGIApplication:
        """A span for each request but probes, within the caller's trace. OpenTelemetry's own
        middleware reads every header that a caller can make up, before anybody knows who calls:
        long ones cost it seconds, and paths, queries and agents became the span's."""

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"].startswith(_NOT_TRACED):
                return app(environ, start_response)
            caller = {"traceparent": environ.get("HTTP_TRACEPARENT", "")}
            with self._tracer.start_as_current_span(
                "HTTP",
                _propagator.extract(caller),
                SpanKind.SERVER,
                record_exception=False,
            ) as span:
                return app(environ, _noting(span, environ, start_response))

        return serve

    def store_listeners(self) -> Sequence[Any]:
        return [_CommandsOfTraces(self._tracer)]


def add_trace(_: Any, __: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """For structlog: the ids of the trace and of the span that a line belongs to."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        fields["trace_id"] = trace.format_trace_id(context.trace_id)
        fields["span_id"] = trace.format_span_id(context.span_id)
    return fields


class _CommandsOfTraces(CommandTracer):
    """Commands that no order and no request asks for, as those of the worker's rounds, are left
    out: each would be a trace by itself. So are the inventory's calls of that kind."""

    def started(self, event: CommandStartedEvent) -> None:
        if _is_traced():
            super().started(event)

    def failed(self, event: CommandFailedEvent) -> None:
        """Without MongoDB's text, which may repeat a document."""
        span = self._pop_span(event)
        if span is not None:
            code = str(event.failure.get("codeName", "failed"))
            span.set_status(Status(StatusCode.ERROR, code))
            span.end()


class _Exporter(SpanExporter):
    """Tells of a collector that is away as of an outage, where OpenTelemetry would tell of each
    export."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._outage = Outage("traces_not_exported", _log)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outage.over()
        else:
            self._outage.failed(spans=len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _exporter() -> SpanExporter:
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        return ConsoleSpanExporter()
    is_given = not os.environ.keys().isdisjoint(_TIMEOUTS)
    return OTLPSpanExporter(timeout=None if is_given else _PATIENCE)


def _is_traced() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _context_of(origin: Origin | None) -> SpanContext | None:
    if origin is None or origin.traceparent is None:
        return None
    carrier: Mapping[str, str] = {"traceparent": origin.traceparent}
    context = trace.get_current_span(_propagator.extract(carrier)).get_span_context()
    return context if context.is_valid else None


def _within(context: SpanContext) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(context))


def _noting(span: Span, environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    """``start_response``, and the span is told of the route and of the status."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        if rule is not None:
            route = rule.rule.replace("<order:", "<")
            span.update_name(f"{environ['REQUEST_METHOD']} {route}")
            span.set_attribute("http.route", route)
        code = int(status[:3])
        span.set_attribute("http.response.status_code", code)
        if code >= _OURS:
            span.set_status(Status(StatusCode.ERROR))
        return start_response(status, headers, *error)

    return start
