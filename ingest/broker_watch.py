"""Whether the broker takes what it is given."""

from __future__ import annotations

import asyncio
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.kafka_publisher import KafkaPublisher
from ingest.metrics import Metrics


__all__ = ["BrokerWatch"]

_WATCH_S: Final = 1.0
_STALLED_MS: Final = 10_000
"""Nothing acknowledged for so long, although something waits: the broker is away."""


class BrokerWatch:
    """Keeps the gauges of a publisher, and says when the broker is away.

    Args:
        metrics: gauges.
        clocks: time.
        log: told when the broker goes, and when it is back.
    """

    def __init__(self, metrics: Metrics, clocks: Clocks, log: BoundLogger) -> None:
        self.stalled = False
        """Whether the broker is away."""
        self._metrics = metrics
        self._clocks = clocks
        self._log = log

    async def run(self, publisher: KafkaPublisher) -> None:
        """Watch until cancelled."""
        acknowledged, since_ms, failures = -1, self._clocks.now_ms(), 0
        while True:
            self._metrics.unacknowledged_records.set(publisher.unacknowledged)
            self._metrics.unacknowledged_bytes.set(publisher.unacknowledged_bytes)
            self._metrics.producer_failures.inc(publisher.failures - failures)
            failures = publisher.failures
            now_ms = self._clocks.now_ms()
            if publisher.acknowledged != acknowledged or not publisher.unacknowledged:
                if self.stalled:
                    self._log.info("broker is back", unacknowledged_count=publisher.unacknowledged)
                acknowledged, since_ms, self.stalled = publisher.acknowledged, now_ms, False
            elif now_ms - since_ms > _STALLED_MS and not self.stalled:
                self.stalled = True
                self._log.error("broker is away", unacknowledged_count=publisher.unacknowledged)
            self._metrics.broker_stalled.set(self.stalled)
            await asyncio.sleep(_WATCH_S)
