"""Who wants to know what becomes of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ingest.core.endings import Ending
from ingest.core.plan import ConnectionPlan


__all__ = ["ConnectionListener", "Ended"]


class Ended(Struct, frozen=True):
    """The end of a socket, or a failure to open it."""

    connection_id: str | None
    """None: it could not be opened."""
    url: str
    ending: Ending
    reason: str
    """In words."""


class ConnectionListener(Protocol):
    """Who is told, and asked whether what two sockets delivered joins.

    A connection has one socket at a time, and two while it is rotated; ``connection_id`` names the socket.
    """

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """A socket is open."""

    def live_now(self, plan: ConnectionPlan, connection_id: str, *, complete: bool, succeeds: bool) -> None:
        """Every SUBSCRIBE that a socket began with is answered.

        Args:
            plan: what it carries; streams that were added since are told by :meth:`changed`.
            connection_id: the socket.
            complete: nothing was refused.
            succeeds: another socket is live beside it.
        """

    def worked(
        self, plan: ConnectionPlan, connection_id: str, frame_count: int, byte_count: int, newest_event: int | None
    ) -> None:
        """A chunk of frames was handed to the publisher."""

    def busy(self, plan: ConnectionPlan, connection_id: str) -> None:
        """Frames wait for us: the socket is not silent."""

    def delivered(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Streams delivered their first frame over a socket."""

    def silent(self, plan: ConnectionPlan, names: Sequence[str]) -> None:
        """Streams are acknowledged and do not deliver."""

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        """The venue refuses some streams."""

    def changed(self, plan: ConnectionPlan, connection_id: str, added: Sequence[str], removed: Sequence[str]) -> None:
        """A socket carries other streams now."""

    def joined(self, plan: ConnectionPlan, connection_id: str, successor_id: str) -> bool:
        """Return whether a socket can go without a break in what is vouched for."""

    def closed(self, plan: ConnectionPlan, ended: Ended) -> None:
        """A socket ended and all that was read of it is handed over, or it could not be opened."""
