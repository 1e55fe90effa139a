"""How the connections of one market are made."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Connection
from ingest.core.frames import FrameDecoder
from ingest.core.limits import LIMITS
from ingest.core.plan import ConnectionPlan
from ingest.core.rotation import Rotation, RotationLimits
from ingest.core.session import SessionLimits, StreamSession
from ingest.core.streams import Route
from ingest.listener import ConnectionListener
from ingest.pipeline import Pipeline
from ingest.sections import ConnectionSettings
from ingest.shared import Shared
from ingest.stream_watch import StreamWatch
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["ConnectionMaker", "rotation_limits", "turn_to_connect"]

_GOLDEN: Final = 0.618034
"""Multiples of it, modulo 1, are spread evenly however many there are."""
_PLACES: Final = {
    place: number / (len(Market) * len(Route))
    for number, place in enumerate((market, route) for market in Market for route in Route)
}


class ConnectionMaker:
    """Makes the connections of one market, each given its plan.

    Args:
        market: which.
        shared: what all markets use together.
        venue: the market's clock.
        watch: says how long a stream may be silent.
        listener: is told what becomes of them.
        log: bound to the market.
    """

    def __init__(
        self,
        market: Market,
        shared: Shared,
        *,
        venue: VenueTime,
        watch: StreamWatch,
        listener: ConnectionListener,
        log: BoundLogger,
    ) -> None:
        self._market = market
        self._shared = shared
        self._venue = venue
        self._watch = watch
        self._listener = listener
        self._log = log
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
        """Of the sockets of each label, over all connections that bear it one after the other."""

    def __call__(self, plan: ConnectionPlan) -> Connection[StreamSession]:
        """Return the connection of a plan."""
        shared, limits = self._shared, self._shared.settings.connection
        # Sets its rotations apart from those of the others, however many there will be.
        share = (plan.number * _GOLDEN + (_PLACES[self._market, plan.route])) % 1.0
        session_limits = SessionLimits(
            control_messages=LIMITS[self._market].control_messages,
            acknowledge_ms=int(limits.acknowledge_limit_s * 1000),
            idle_ms=int(limits.idle_limit_s * 1000),
        )
        url = shared.settings.endpoint_of(self._market).streams[plan.route]
        return Connection(
            plan,
            url,
            Rotation(rotation_limits(limits, share)),
            limits,
            session=partial(
                StreamSession, limits=session_limits, deadline_ms=self._watch.deadline_ms, excused=self._watch.excused
            ),
            attempt=partial(self._attempt, url),
            pipeline=self._pipeline_maker(plan),
            raw_types={topic.name: topic.type for topic in shared.table if isinstance(topic.type, RawType)},
            connection_ids=self._connection_ids(plan.label),
            publisher=shared.publisher,
            listener=self._listener,
            clocks=shared.clocks,
            log=self._log.bind(connection=plan.label),
        )

    def _pipeline_maker(self, plan: ConnectionPlan) -> Callable[[str, object], Pipeline]:
        shared = self._shared

        def pipeline(connection_id: str, _: object) -> Pipeline:
            decoder = FrameDecoder(
                self._market,
                connection_id,
                shared.table,
                extra_headers=shared.symbol_book.extra_headers,
                merged=shared.merged,
                max_record_bytes=shared.settings.producer.max_record_bytes,
            )
            return Pipeline(
                self._market,
                connection_id,
                decoder,
                publisher=shared.publisher,
                venue=self._venue,
                table=shared.table,
                metrics=shared.metrics,
                log=self._log.bind(connection=plan.label),
            )

        return pipeline

    def _connection_ids(self, label: str) -> Iterator[str]:
        return (f"{self._shared.ingest_id}.{label}.{number}" for number in self._numbers[label])

    async def _attempt(self, url: str, _: object) -> str:
        await turn_to_connect(self._shared)
        return url


async def turn_to_connect(shared: Shared) -> None:
    """Wait until a connection may be attempted."""
    now_ms = shared.clocks.now_ms
    while not shared.attempts.take(now_ms()):  # noqa: ASYNC110 - for a time, not for an event
        await asyncio.sleep(shared.attempts.wait_ms(now_ms()) / 1000)


def rotation_limits(settings: ConnectionSettings, share: float) -> RotationLimits:
    """Return when the sockets of a connection are replaced.

    Args:
        settings: say it in seconds.
        share: in [0, 1): how much of the stagger this connection is ahead.
    """
    rotate_after_ms = (settings.rotate_after_s - settings.rotate_stagger_s * share) * 1000
    return RotationLimits(
        rotate_after_ms=rotate_after_ms if settings.rotate_after_s else float("inf"),
        give_up_after_ms=settings.rotate_deadline_s * 1000,
        overlap_ms=settings.rotate_overlap_s * 1000,
    )
