"""Spans of the batches that the broker has acknowledged, where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

from ingest.config import Settings
from ingest.errors import ConfigError
from ingest.publisher import Delivery
from schemas.tracing import Tracing, TracingMissingError


if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["traced"]

Delivered = Callable[[Delivery], object]


def traced(
    delivered: Delivered,
    settings: Settings,
    ingest_id: str,
    resources: ExitStack | AsyncExitStack,
    exporter: SpanExporter | None = None,
) -> Delivered:
    """Return what is to be told of deliveries: the same, and a span of some if the settings want any.

    Args:
        delivered: told of every one.
        settings: which share of them.
        ingest_id: names the process in spans.
        resources: sends what is left when it is closed.
        exporter: where spans go, other than to a collector.

    Raises:
        ConfigError: spans are wanted, and what makes them is not installed.
    """
    if not settings.trace_ratio:
        return delivered
    try:
        tracing = Tracing("binance-ingest", ingest_id, settings.trace_ratio, exporter)
    except TracingMissingError as error:
        raise ConfigError([("trace_ratio", str(error))]) from error
    resources.callback(tracing.close)

    def both(delivery: Delivery) -> None:
        delivered(delivery)
        tracing.note(
            "send",
            delivery.topic,
            delivery.seconds,
            {
                "messaging.destination.partition.id": str(delivery.partition),
                "messaging.kafka.offset": delivery.offset,
                "messaging.batch.message_count": delivery.record_count,
                "messaging.message.body.size": delivery.byte_count,
            },
        )

    return both
