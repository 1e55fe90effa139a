"""Spans of batches: what they say, which of them are made, and that nobody pays who did not ask."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from ingest.config import Settings
from ingest.errors import ConfigError
from ingest.metrics import Metrics
from ingest.publisher import Delivery
from ingest.tracing import traced
from processors.batching import Batch
from processors.errors import TracingUnavailableError
from processors.tracing import tracer, untraced
from schemas.tracing import Tracing
from tests.support.fake_kafka import FakeRecord
from tests.support.project import ROOT


DELIVERY = Delivery("binance.spot.raw.trade", 3, 1_200, 50, 9_000, 0.25)


def seconds(span: ReadableSpan) -> float:
    assert span.end_time is not None
    assert span.start_time is not None
    return (span.end_time - span.start_time) / 1e9


def told_of(ratio: float, exporter: InMemorySpanExporter, resources: ExitStack) -> list[Delivery]:
    """Tell of a delivery, and return what was passed on."""
    passed: list[Delivery] = []
    traced(passed.append, Settings(trace_ratio=ratio), "ingest-1", resources, exporter)(DELIVERY)
    return passed


def test_a_span_of_a_delivery_tells_where_its_records_are_and_how_long_it_took() -> None:
    exporter = InMemorySpanExporter()

    with ExitStack() as resources:
        assert told_of(1, exporter, resources) == [DELIVERY]

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("send binance.spot.raw.trade", SpanKind.PRODUCER)
    assert seconds(span) == pytest.approx(0.25)
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.destination.name": "binance.spot.raw.trade",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 1_200,
        "messaging.batch.message_count": 50,
        "messaging.message.body.size": 9_000,
    }
    named = {name: span.resource.attributes[name] for name in ("service.name", "service.instance.id")}
    assert named == {"service.name": "binance-ingest", "service.instance.id": "ingest-1"}


def test_a_span_of_a_worker_tells_its_group_and_where_the_batch_begins() -> None:
    exporter = InMemorySpanExporter()
    records = [FakeRecord("binance.spot.raw.trade", 3, offset) for offset in (1_210, 1_211)]

    with ExitStack() as resources:
        note = tracer("binance-processors-trades", "trades-0", 1, resources, exporter)
        note(Batch("binance.spot.raw.trade", 3, records, 1), 0.5)

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("process binance.spot.raw.trade", SpanKind.CONSUMER)
    assert seconds(span) == pytest.approx(0.5)
    attributes = dict(span.attributes or {})
    assert attributes["messaging.consumer.group.name"] == "binance-processors-trades"
    assert (attributes["messaging.kafka.offset"], attributes["messaging.batch.message_count"]) == (1_210, 2)


def test_of_many_batches_about_the_share_that_was_asked_for_is_kept() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("test", "1", 0.01, exporter)

    for _ in range(10_000):
        tracing.note("send", "t", 0.0, {})

    assert 20 < len(exporter.get_finished_spans()) < 300


def test_the_environment_may_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "market-data")
    exporter = InMemorySpanExporter()

    Tracing("binance-ingest", "1", 1, exporter).note("send", "t", 0.0, {})

    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "market-data"


def test_without_a_ratio_deliveries_go_where_they_went_and_batches_nowhere() -> None:
    """Not a function around it, not a flag: the very same."""
    metrics = Metrics(CollectorRegistry())

    with ExitStack() as resources:
        assert traced(metrics.delivered, Settings(), "ingest-1", resources) == metrics.delivered
        assert tracer("group", "worker", 0, resources) is untraced


def test_services_do_not_import_what_they_were_not_asked_for() -> None:
    program = "import sys, ingest.service, processors.worker; print([m for m in sys.modules if 'opentelemetry' in m])"

    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_where_opentelemetry_is_missing_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with ExitStack() as resources:
        with pytest.raises(ConfigError, match=r"trace_ratio.*pip install 'binance-kafka\[tracing\]'"):
            traced(lambda _: None, Settings(trace_ratio=0.001), "ingest-1", resources)
        with pytest.raises(TracingUnavailableError, match=r"PROCESSORS_TRACE_RATIO.*pip install"):
            tracer("group", "worker", 0.001, resources)
