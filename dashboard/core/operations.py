"""The operators' view: how each stream stands, and what is known of connections, topics, groups and holes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from dashboard.core import answers
from dashboard.core.answers import Document, Moment
from dashboard.core.connections import Connections
from dashboard.core.holes import Holes
from dashboard.core.origins import Origin
from dashboard.core.store import Store
from dashboard.core.traffic import Lags, Topics
from dashboard.core.vouching import Vouched, Vouching
from schemas.control import Connection, Gap, Heartbeat
from schemas.derived import BookState
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable


__all__ = ["CONTROL_READ", "MEASURED", "DeadLetter", "Operations"]

CONTROL_READ: Final = (ControlType.CONNECTION, ControlType.DEAD_LETTER, ControlType.GAP, ControlType.HEARTBEAT)
"""The control topics that are read; of all others only the ends are looked at."""
MEASURED: Final = (DerivedType.TRADE, DerivedType.TOP_OF_BOOK)
"""Derived topics whose records tell how long the whole way took."""
_MOVING_S: Final = 10.0
"""A topic that grew within so long is live, whatever else is known of it."""
_SILENT_S: Final = 60.0
"""A stream that is connected and not vouched for may be quiet for so long before it is called silent."""
_BOOKS_TOLD: Final = 200


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be read."""

    time: int
    source_topic: str
    reason: str


class Operations:
    """What operators are told.

    Args:
        table: names the topics.
        markets: which are read.
        private: whether what tells of accounts is shown.
    """

    def __init__(self, table: TopicTable, markets: Iterable[Market], *, private: bool) -> None:
        self._table = table
        self._markets = tuple(markets)
        self._private = private
        self.connections = Connections()
        self.holes = Holes()
        self.vouching = Vouching()
        self.topics = Topics()
        self.arrival = Lags()
        """From the venue to ingest, of raw topics."""
        self.passage = Lags()
        """From the venue to here, of derived topics."""
        self._dead_letter: DeadLetter | None = None

    def take(self, value: msgspec.Struct, at_s: float) -> bool:
        """Take a value of a control topic; returns whether it is news."""
        match value:
            case Connection():
                return self.connections.take(value)
            case Gap():
                return self.holes.take(value)
            case Heartbeat():
                self.connections.hear(value.ingest_id, at_s)
                return self.vouching.take(value, at_s)
            case _:
                return False

    def take_dead_letter(self, time: int, headers: Mapping[str, bytes]) -> None:
        """Take a dead letter: where it came from and why; what it holds is not kept."""
        source, reason = (headers.get(name, b"").decode(errors="replace") for name in ("source_topic", "reason"))
        if self._dead_letter is None or time >= self._dead_letter.time:
            self._dead_letter = DeadLetter(time, source, reason[:500])

    def origin(self, now_ms: int, at_s: float) -> Origin:
        """Return where data come from."""
        return self.connections.origin(now_ms, at_s)

    def document(self, store: Store, moment: Moment) -> Document:
        """Return everything that the operators' page shows, apart from the status."""
        dead_letters = self._table.control(ControlType.DEAD_LETTER).name
        return {
            "streams": self._streams(store, moment),
            "derived": self._derived(moment.at_s),
            "connections": self.connections.documents(moment.now_ms, moment.at_s, private=self._private),
            "books": self._books(store, moment),
            "topics": self.topics.documents(),
            "groups": self.topics.group_documents(),
            "dead_letters": {
                "records_per_s": self.topics.records_per_s(dead_letters),
                "end_offset": self.topics.end_offset(dead_letters),
                "last": None if self._dead_letter is None else msgspec.structs.asdict(self._dead_letter),
            },
        }

    def _streams(self, store: Store, moment: Moment) -> list[Document]:
        carried = self.connections.carriers(moment.now_ms, moment.at_s)
        known = {*self.connections.once_carried(), *((of, RawType(stream)) for of, stream in self.vouching.streams())}
        return [
            {
                **self._stream(market, raw_type, moment, carried.get((market, raw_type), set())),
                "resyncs_total": store.resyncs(market) if raw_type is RawType.DEPTH else None,
            }
            for market in self._markets
            for raw_type in RawType
            if not raw_type.private
            and (market.is_futures or raw_type not in {RawType.MARK_PRICE, RawType.FORCE_ORDER})
            and ((market, raw_type) in known or self.topics.end_offset(self._table.raw(market, raw_type).name))
        ]

    def _stream(self, market: Market, raw_type: RawType, moment: Moment, carried: set[str]) -> Document:
        topic = self._table.raw(market, raw_type).name
        vouched = self.vouching.of(market, raw_type, moment.at_s)
        still_s = self.topics.still_s(topic, moment.at_s)
        half, most = self.arrival.percentiles(topic, moment.at_s)
        return {
            "market": market,
            "stream": raw_type,
            "state": _state(still_s, vouched, connected=bool(carried)),
            "age_ms": self.arrival.age_ms(topic, moment.now_ms),
            "vouched_until": None if vouched is None else vouched.until,
            "lag_ms_p50": half,
            "lag_ms_p99": most,
            "records_per_s": self.topics.records_per_s(topic),
            "gaps_open": self.holes.open(market, raw_type),
            "gaps_total": self.holes.total(market, raw_type),
            "symbols": _symbols(carried, vouched),
        }

    def _derived(self, at_s: float) -> list[Document]:
        documents = []
        for market in self._markets:
            for of in MEASURED:
                topic = self._table.derived(market, of).name
                if topic in self.passage.topics():
                    half, most = self.passage.percentiles(topic, at_s)
                    documents.append({"market": market, "type": of, "lag_ms_p50": half, "lag_ms_p99": most})
        return documents

    def _books(self, store: Store, moment: Moment) -> Document:
        whole = answers.books_answer(store, self._markets, moment)
        wanted = ("market", "symbol", "state", "reason", "age_ms")
        others = [book for book in whole["books"] if book["state"] is not BookState.LIVE]
        return {
            "counts": whole["counts"],
            "not_live": [{name: book[name] for name in wanted} for book in others[:_BOOKS_TOLD]],
        }


def _state(still_s: float | None, vouched: Vouched | None, *, connected: bool) -> str:
    """Return how a stream stands: live, silent (connected, but nothing comes or nobody vouches), down, or unknown."""
    moving = still_s is not None and still_s <= _MOVING_S
    if vouched is not None:
        if vouched.quiet == 0:
            return "live"
        return "silent" if connected or moving else "down"
    if moving:
        return "live"
    if connected:
        return "live" if still_s is not None and still_s <= _SILENT_S else "silent"
    return "unknown" if still_s is None else "down"


def _symbols(carried: set[str], vouched: Vouched | None) -> int | None:
    """Return how many symbols a stream carries; None: it carries all that there are, or nothing is known of it."""
    if any(stream.startswith("!") for stream in carried):
        return None
    named = {stream.partition("@")[0] for stream in carried}
    if named:
        return len(named)
    return None if vouched is None else vouched.symbols
