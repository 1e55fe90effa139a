"""What happens to one account on one market: its connection, its listen key, its records."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from itertools import count
from typing import Final, Protocol

from structlog.stdlib import BoundLogger

from ingest.accounts.keys import AccountKey
from ingest.accounts.opening import AccountOpener, Offer
from ingest.connection import Connection
from ingest.connection_diary import ConnectionDiary
from ingest.connection_maker import rotation_limits
from ingest.core.account_frames import AccountDecoder
from ingest.core.account_session import AccountSession
from ingest.core.endings import Ending
from ingest.core.plan import ConnectionPlan
from ingest.core.records import Record
from ingest.core.rotation import Rotation
from ingest.core.secrecy import Redactor
from ingest.core.streams import Route
from ingest.listener import Ended
from ingest.metric_series import show_connection
from ingest.pipeline import Pipeline
from ingest.shared import Shared
from ingest.venue_time import VenueTime
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import ControlType, RawType


__all__ = ["AccountFeed", "Reconciler"]

_HOLD_MS: Final = 500
"""How long the new socket of a rotation waits for the old one; answers over REST are held for longer."""
_CAUSES: Final = {Ending.EXPIRED: ReconcileCause.KEY_EXPIRED, Ending.TERMINATED: ReconcileCause.STREAM_ENDED}


class Reconciler(Protocol):
    """Compares the account with the venue's answers, and wants to know when, and what was told already."""

    def wake(self, cause: ReconcileCause) -> None:
        """Compare soon: something may have been missed."""

    def saw(self, event: bytes) -> None:
        """Take note of an event about an order."""


class AccountFeed:
    """Keeps the stream of one account on one market flowing, over disconnects, expiries and replaced keys.

    Args:
        market: which.
        account: its label.
        opener: opens its sockets.
        venue: the market's clock.
        reconciler: compares the account with the venue's answers.
        shared: what all markets use together.
        log: bound to market and account.
    """

    def __init__(
        self,
        market: Market,
        account: str,
        opener: AccountOpener,
        *,
        venue: VenueTime,
        reconciler: Reconciler,
        shared: Shared,
        log: BoundLogger,
    ) -> None:
        self.market = market
        self.account = account
        self._opener = opener
        self._venue = venue
        self._reconciler = reconciler
        self._shared = shared
        self._log = log
        self._plan = ConnectionPlan(market, Route.PRIVATE, 0, (), account)
        show_connection(shared.metrics, self._plan.label)
        self._sockets: dict[str, Offer] = {}
        """What the open sockets were opened with, by connection id."""
        self._live: set[str] = set()
        self._cause = ReconcileCause.START
        self._trouble = ""
        """Why the last attempt came to nothing; empty: it did not."""
        self._diary = ConnectionDiary(market, shared.publisher, shared.control, shared.clocks)
        self._connection = self._new_connection()

    @property
    def label(self) -> str:
        """Name it in readiness, metrics and logs."""
        return self._plan.label

    @property
    def readiness(self) -> str:
        """What it still lacks; ``live``: nothing."""
        if self._live:
            return "live"
        return f"down: {self._trouble}" if self._trouble else "down"

    def offer(self, key: AccountKey) -> None:
        """Take another key: a socket is opened with it, and when that is live and proven the old one is closed."""
        self._opener.take(key)
        self._log.info("key replaced, opening a connection with the new one")
        self._connection.renew()

    async def run(self) -> None:
        """Keep the stream up until :meth:`stop`; returns when all that was read is handed over."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._opener.keep_listen_key(self._connection.end))
            await self._connection.run()
            keeping.cancel()

    def stop(self) -> None:
        """Stop reading."""
        self._connection.stop()

    def publish(self, record: Record) -> None:
        """Hand over a record of the stream, and tell whoever compares."""
        shared = self._shared
        shared.publisher.publish(record)
        raw_type = shared.table[record.topic].type
        if not isinstance(raw_type, RawType):
            return
        shared.metrics.account_events.labels(self.market, self.account, raw_type).inc()
        shared.metrics.account_last_event.labels(self.market, self.account).set(shared.clocks.wall_ns() / 1e9)
        if raw_type is RawType.ORDER_UPDATE:
            self._reconciler.saw(record.value)

    # What the connection tells

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """Tell the readers that a socket is open."""
        self._diary.opened(plan, connection_id, url)

    def live_now(self, plan: ConnectionPlan, connection_id: str, *, complete: bool, succeeds: bool) -> None:
        """Take the key of a socket that is live for proven, and let the account be compared."""
        self._log.info("live", connection=plan.label, connection_id=connection_id)
        self._live.add(connection_id)
        self._trouble = ""
        self._opener.proven(self._sockets[connection_id].key)
        self._shared.metrics.connection_live.labels(plan.label).set(1)
        cause, self._cause = self._cause, ReconcileCause.RECONNECT
        self._reconciler.wake(cause)

    def worked(
        self, plan: ConnectionPlan, connection_id: str, frame_count: int, byte_count: int, newest_event: int | None
    ) -> None:
        """Count what was handed over."""
        self._shared.metrics.frames.labels(plan.label).inc(frame_count)
        self._shared.metrics.frame_bytes.labels(plan.label).inc(byte_count)

    def busy(self, plan: ConnectionPlan, connection_id: str) -> None:
        """Do nothing: nobody vouches for the stream of an account."""

    def delivered(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Do nothing: an account is silent when nothing happens to it."""

    def silent(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Do nothing, likewise."""

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        """Do nothing: a refusal ends the socket."""

    def changed(self, plan: ConnectionPlan, connection_id: str, added: Sequence[str], removed: Sequence[str]) -> None:
        """Do nothing: there are no single streams."""

    def joined(self, plan: ConnectionPlan, connection_id: str, successor_id: str) -> bool:
        """Return that a socket can go: what it missed is found by comparison."""
        return True

    def closed(self, plan: ConnectionPlan, ended: Ended) -> None:
        """Take note that a socket is gone, or could not be opened, and why."""
        shared, ending = self._shared, ended.ending
        shared.metrics.disconnects.labels(plan.label, ending).inc()
        if ending in {Ending.CLOCK, Ending.DECLINED}:
            # Asking for the time also tells whether too much was asked, and how long to wait then.
            self._opener.clock_doubtful = True
        if ending is Ending.EXPIRED:
            shared.metrics.listen_key_expiries.labels(self.market, self.account).inc()
        if ended.connection_id is None:
            self._trouble = ended.reason
            return
        offer = self._sockets.pop(ended.connection_id, None)
        if ending is Ending.REFUSED and offer is not None:
            self._opener.refused(offer.key, ended.reason)
        was_live = ended.connection_id in self._live
        self._live.discard(ended.connection_id)
        if not self._live:
            self._trouble = ended.reason
            if was_live:
                self._cause = _CAUSES.get(ending, ReconcileCause.RECONNECT)
        shared.metrics.connection_live.labels(plan.label).set(1 if self._live else 0)
        self._diary.closed(plan, ended.connection_id, ended.url, ended.reason)

    def _new_connection(self) -> Connection[AccountSession]:
        shared, limits = self._shared, self._shared.settings.connection
        # Sets its rotations apart from those of other accounts.
        share = zlib.crc32(self.label.encode()) % 997 / 997
        return Connection(
            self._plan,
            self._opener.base_url,
            Rotation(rotation_limits(limits, share)),
            limits,
            session=lambda _: self._opener.new_session(any_live=bool(self._live)),
            attempt=self._opener.address,
            pipeline=self._new_pipeline,
            raw_types={topic.name: topic.type for topic in shared.table if isinstance(topic.type, RawType)},
            connection_ids=(f"{shared.ingest_id}.{self.label}.{number}" for number in count(1)),
            publisher=shared.publisher,
            listener=self,
            clocks=shared.clocks,
            log=self._log.bind(connection=self.label),
            redact=self._opener.redact,
            hold_ms=_HOLD_MS,
        )

    def _new_pipeline(self, connection_id: str, session: AccountSession) -> Pipeline:
        shared, offer = self._shared, self._opener.offer_of(session)
        self._sockets[connection_id] = offer
        decoder = AccountDecoder(
            self.market,
            self.account,
            connection_id,
            shared.table,
            redactor=Redactor(offer.secrets),
            max_record_bytes=shared.settings.producer.max_record_bytes,
        )
        return Pipeline(
            self.market,
            connection_id,
            decoder,
            publisher=self,
            venue=self._venue,
            table=shared.table,
            metrics=shared.metrics,
            log=self._log.bind(connection=self.label),
            dead_letters=ControlType.PRIVATE_DEAD_LETTER,
        )
