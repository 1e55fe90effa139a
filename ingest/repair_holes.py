"""What is done about holes: they are told, and offered to those who can mend them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.ledger import OpenHole
from ingest.core.log_partitions import Read
from ingest.core.young_holes import YoungHoles
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.repair_books import BookMender
from ingest.repair_filler import Filler, HeadersOf
from ingest.repair_ledger import LedgerWriter
from ingest.repair_rest import RepairRest
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["HoleDesk", "RepairParts"]


class RepairParts(Struct, frozen=True):
    """What repair works with."""

    publisher: Publisher
    control: ControlRecords
    table: TopicTable
    rests: Mapping[Market, RepairRest]
    headers_of: HeadersOf
    follows: Callable[[Market, RawType, str], bool]
    """Whether a symbol's trades, or aggregate trades, are taken at present."""
    metrics: Metrics
    clocks: Clocks
    log: BoundLogger


class HoleDesk:
    """Tells what was found in the log, and has it mended: trades by fillers, books by snapshots.

    Args:
        ingest_id: names this process in headers.
        parts: what it works with.
        settled: is called once for each hole that is settled, and told.
    """

    def __init__(self, ingest_id: str, parts: RepairParts, settled: Callable[[OpenHole], None]) -> None:
        self._metrics = parts.metrics
        self._clocks = parts.clocks
        self._log = parts.log
        self._settled = settled
        self._young = YoungHoles()
        self._shrunk: dict[int, OpenHole] = {}
        """Holes of which some ids came late: to be told with the next note of progress."""
        self._ledger = LedgerWriter(parts.publisher, parts.control, parts.metrics, parts.clocks, parts.log)
        self._ledger.settled = settled
        self.books = BookMender(parts.publisher, parts.control, parts.clocks, parts.log)
        self.fillers = {
            market: Filler(
                market,
                rest,
                f"{ingest_id}.{market}.repair",
                tell=self._ledger.tell,
                headers_of=parts.headers_of,
                publisher=parts.publisher,
                table=parts.table,
                clocks=parts.clocks,
                log=parts.log.bind(market=market),
            )
            for market, rest in parts.rests.items()
        }

    async def take(self, found: Read) -> None:
        """Tell what was found, and have it mended."""
        for (market, stream, symbol), epoch in found.epochs:
            self._log.warning("ids went back", market=market, stream=stream, symbol=symbol, epoch=epoch.epoch)
        for (market, stream, symbol), doubt in found.doubts:
            self._log.warning(
                "id not believed until another bears it out",
                market=market, stream=stream, symbol=symbol, id=doubt.record_id, expected_id=doubt.expected,
            )  # fmt: skip
        # What a book lacks is told at once: it is not right before that comes. Trades can wait to be missed.
        at_once = {id(hole): hole for hole in found.opened if hole.key[1] is RawType.DEPTH}
        self._young.add((hole for hole in found.opened if id(hole) not in at_once), self._clocks.now_ms())
        touched = {id(hole): hole for hole in found.touched if id(hole) not in at_once and not self._young.holds(hole)}
        for hole in self._young.arrived():
            self._settled(hole)
        self._shrunk |= {name: hole for name, hole in touched.items() if not hole.settled}
        await self._ledger.tell_all(hole for name, hole in touched.items() if name not in self._shrunk)
        await self._open(list(at_once.values()))

    async def open_due(self) -> None:
        """Tell of the holes that were found a moment ago and are still there."""
        await self._open(self._young.due(self._clocks.now_ms()))

    async def inherit(self, holes: Iterable[OpenHole]) -> None:
        """Go on with holes that an earlier run, or another process, left open."""
        left = list(holes)
        await self._ledger.tell_all(left)
        self._offer(left)

    async def note(self, holes: Iterable[OpenHole] = ()) -> None:
        """Tell what changed about holes since the last note.

        Args:
            holes: of these too, whatever it is.
        """
        await self._open(self._young.all())
        await self._ledger.tell_all({id(hole): hole for hole in (*self._shrunk.values(), *holes)}.values())
        self._shrunk.clear()

    def let_go(self, holes: Iterable[OpenHole]) -> None:
        """Leave holes to others."""
        for hole in holes:
            hole.given_up = True
        self._shrunk.clear()
        self._young.all()

    async def _open(self, holes: list[OpenHole]) -> None:
        """Tell of holes, and have them mended; before any note of progress passes them."""
        for hole in holes:
            (market, stream, symbol), ids = hole.key, hole.hole
            self._metrics.holes.labels(market, stream).inc()
            self._log.warning(
                "hole", market=market, stream=stream, symbol=symbol, first_id=ids.first_id, last_id=ids.last_id
            )
        await self._ledger.tell_all(holes)
        self._offer(hole for hole in holes if not hole.settled)

    def _offer(self, holes: Iterable[OpenHole]) -> None:
        for hole in holes:
            market, raw_type, _ = hole.key
            if raw_type is RawType.DEPTH:
                self.books.offer(hole)
            elif market in self.fillers:
                self.fillers[market].offer([hole])
