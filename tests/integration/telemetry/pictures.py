"""What a tracer saw, as a picture: each span under its parent, those of other processes too."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from order_service.infrastructure.telemetry.traces import Traces


@dataclass
class Tracer:
    """``traces``: for a process that a test stands for. Processes may share ``seen``."""

    seen: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.seen))
        self.traces = Traces(provider)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """In the order of their beginnings."""
        found = [span for span in self.seen.get_finished_spans() if span.name.startswith(name)]
        return sorted(found, key=lambda span: span.start_time or 0)


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def picture(spans: Iterable[ReadableSpan], trace_id: str) -> str:
    """The trace as an indented tree; commands of the store by the collection they are for. What a
    process looks up once in its life is left out."""
    ours = [span for span in spans if trace_of(span) == trace_id and "listIndexes" not in span.name]
    known = {span.context.span_id for span in ours if span.context}
    roots = [span for span in ours if span.parent is None or span.parent.span_id not in known]
    return "\n".join(_lines(roots, ours, ""))


def _lines(
    spans: Sequence[ReadableSpan], ours: Sequence[ReadableSpan], indent: str
) -> Iterator[str]:
    for span in spans:
        links = f"  ({len(span.links)} linked)" if span.links else ""
        yield f"{indent}{_name(span)}{links}"
        below = [
            each
            for each in ours
            if each.parent and span.context and each.parent.span_id == span.context.span_id
        ]
        yield from _lines(below, ours, indent + "  ")


def _name(span: ReadableSpan) -> str:
    collection = (span.attributes or {}).get("db.mongodb.collection")
    return f"store: {span.name.rpartition('.')[2]} {collection}" if collection else span.name
