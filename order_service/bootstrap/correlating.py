"""Choose what ties log, traces and calls together: with OpenTelemetry, where OTEL_* asks for it."""

from typing import Final

import structlog

from order_service.infrastructure.telemetry import logs
from order_service.infrastructure.telemetry.correlation import LogCorrelation
from order_service.settings import Settings

# What the service can send, by the variable that may ask for something else.
_KNOWN: Final = {
    "OTEL_TRACES_EXPORTER": ("otlp", "console", "none"),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf",),
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": ("http/protobuf",),
}


def correlation(settings: Settings, component: str) -> LogCorrelation:
    """Configures the log too. Call it after the fork. ``component``: api or worker."""
    logs.configure(settings.log_level)
    if not settings.is_traced:
        return LogCorrelation()
    for name, known in _KNOWN.items():
        if settings.otel.get(name, known[0]) not in known:
            remedy = f"leave {name} out, or set it to {' or '.join(known)}"
            structlog.get_logger().warning("not_traced", remedy=remedy)
            return LogCorrelation()
    try:
        # Here, because the extra may be missing, and who does not trace should not pay for it.
        from order_service.infrastructure.telemetry import traces

        found = traces.traces(settings, component)
    except ModuleNotFoundError as missing:
        remedy = "pip install 'order-service[tracing]', or unset the OTEL_* variables"
        structlog.get_logger().warning("not_traced", missing=missing.name, remedy=remedy)
        return LogCorrelation()
    except Exception as error:  # noqa: BLE001  (OpenTelemetry's; its text may repeat a secret)
        remedy = "look for a bad value among the OTEL_* variables"
        structlog.get_logger().warning("not_traced", error=type(error).__name__, remedy=remedy)
        return LogCorrelation()
    logs.configure(settings.log_level, [traces.add_trace])
    return found
