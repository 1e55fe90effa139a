"""The live sockets of the connections that something is vouched by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ingest.core.reading import Reading


__all__ = ["LiveSockets"]


class LiveSockets:
    """Of each connection the live sockets, oldest first: while one is replaced there are two.

    A connection is vouched by its oldest, which leads.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, dict[str, Reading]] = {}

    def add(self, label: str, socket: str, reading: Reading) -> None:
        """Take a socket of a connection."""
        self._sockets.setdefault(label, {})[socket] = reading

    def remove(self, label: str, socket: str) -> Reading | None:
        """Forget a socket; returns how far it was read, None if it was not live."""
        return self._sockets.get(label, {}).pop(socket, None)

    def get(self, label: str, socket: str) -> Reading | None:
        """Return how far a socket is read; None: it is not live."""
        return self._sockets.get(label, {}).get(socket)

    def leader(self, label: str) -> tuple[str, Reading] | tuple[None, None]:
        """Return the socket that a connection is vouched by."""
        return next(iter(self._sockets.get(label, {}).items()), (None, None))

    def leads(self, label: str, socket: str) -> bool:
        """Return whether a connection is vouched by this socket."""
        return self.leader(label)[0] == socket

    def carriers(self, labels: Collection[str]) -> list[Reading]:
        """Return the sockets that connections are vouched by; none, if one of the connections is not live."""
        live = [reading for _, reading in map(self.leader, labels) if reading is not None]
        return live if len(live) == len(labels) else []

    def named(self, label: str) -> list[tuple[str, Reading]]:
        """Return the live sockets of a connection, with their names."""
        return list(self._sockets.get(label, {}).items())

    def of(self, labels: Iterable[str]) -> Iterator[Reading]:
        """Yield all live sockets of some connections."""
        for label in labels:
            yield from self._sockets.get(label, {}).values()
