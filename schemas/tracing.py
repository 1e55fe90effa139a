"""Spans of batches, by OpenTelemetry, for services that were asked for them.

A span is made when its batch is done, from how long it took: nothing is carried about meanwhile, and nothing is added
to records. Batches of two services that hold the same records are found by topic, partition and offset.

OpenTelemetry is an optional dependency, the extra `tracing`, and is imported when the first service asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from schemas.build import build


if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["TRACE_RATIO", "Tracing", "TracingMissingError"]

TRACE_RATIO: Final = (
    "Share of batches of which an OpenTelemetry span is sent; 0: none, 0.001 is one in a thousand. Where to is told by"
    " `OTEL_EXPORTER_OTLP_ENDPOINT` and its like. Needs the extra `tracing`."
)
"""What the setting says of itself, in every service."""
_FLUSH_S: Final = 1.0
"""How long the end of a service waits for a collector."""


class TracingMissingError(Exception):
    """Spans are wanted, and what makes them is not installed."""

    def __str__(self) -> str:
        return "OpenTelemetry is not installed: pip install 'binance-kafka[tracing]', or set it to 0"


class Tracing:
    """Makes spans of one service.

    Args:
        service: its name, unless `OTEL_SERVICE_NAME` gives another.
        instance: names the process.
        ratio: the share of spans that are kept.
        exporter: where they go; None: to the collector that the environment names, in the background.

    Raises:
        TracingMissingError: OpenTelemetry is not installed.
    """

    def __init__(self, service: str, instance: str, ratio: float, exporter: SpanExporter | None = None) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415
            from opentelemetry.trace import SpanKind  # noqa: PLC0415
        except ImportError as error:
            raise TracingMissingError from error
        version, revision = build()
        ours = {
            "service.name": service,
            "service.instance.id": instance,
            "service.version": version,
            "service.revision": revision,
        }
        self._provider = TracerProvider(
            resource=Resource(ours).merge(OTELResourceDetector().detect()),
            sampler=TraceIdRatioBased(ratio),
            shutdown_on_exit=False,  # a collector that is away would hold the process up
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter()) if exporter is None else SimpleSpanProcessor(exporter)
        )
        self._tracer = self._provider.get_tracer("binance-kafka", version)
        self._kinds = {"send": SpanKind.PRODUCER, "process": SpanKind.CONSUMER}

    def note(self, operation: str, topic: str, seconds: float, attributes: Mapping[str, str | int]) -> None:
        """Make a span of a batch that has just been done.

        Args:
            operation: `send` or `process`.
            topic: of its records.
            seconds: how long it took.
            attributes: what else is known, by OpenTelemetry's names.
        """
        ended_ns = time.time_ns()
        span = self._tracer.start_span(
            f"{operation} {topic}",
            kind=self._kinds[operation],
            start_time=ended_ns - round(seconds * 1e9),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": operation,
                "messaging.destination.name": topic,
                **attributes,
            },
        )
        span.end(ended_ns)

    def close(self) -> None:
        """Send what is left, for a moment at most."""
        flushing = threading.Thread(target=self._provider.force_flush, daemon=True)
        flushing.start()
        flushing.join(_FLUSH_S)
