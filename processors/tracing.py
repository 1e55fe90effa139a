"""Spans of the batches that a worker has applied, where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

from processors.batching import Batch
from processors.errors import TracingUnavailableError
from schemas.tracing import Tracing, TracingMissingError


if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["BatchApplied", "tracer", "untraced"]

BatchApplied = Callable[[Batch, float], object]
"""Told of a batch whose outputs are durable, and of the seconds that it took."""


def untraced(_batch: Batch, _seconds: float) -> None:
    """Make no span."""


def tracer(
    group: str, instance: str, ratio: float, resources: ExitStack | AsyncExitStack, exporter: SpanExporter | None = None
) -> BatchApplied:
    """Return what makes a span of some batches; of none where the ratio is 0.

    Args:
        group: the consumer group, named in spans.
        instance: names the worker.
        ratio: which share of batches.
        resources: sends what is left when it is closed.
        exporter: where spans go, other than to a collector.

    Raises:
        TracingUnavailableError: spans are wanted, and what makes them is not installed.
    """
    if not ratio:
        return untraced
    try:
        tracing = Tracing("binance-processors", instance, ratio, exporter)
    except TracingMissingError as error:
        raise TracingUnavailableError(str(error)) from error
    resources.callback(tracing.close)

    def note(batch: Batch, seconds: float) -> None:
        tracing.note(
            "process",
            batch.topic,
            seconds,
            {
                "messaging.consumer.group.name": group,
                "messaging.destination.partition.id": str(batch.partition),
                "messaging.kafka.offset": batch.records[0].offset,
                "messaging.batch.message_count": len(batch.records),
            },
        )

    return note
