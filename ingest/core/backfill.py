"""Trades that the streams did not bring: what to ask the venue for, what an answer means, and the records made of it.

An answer that steps over an id says that the venue has none, if it is known to begin before it. So the question begins
at an id before the hole, which the log has: where the answer lacks that, the venue's memory may end behind it.

Sources: binance-spot-api-docs, "Public Rest API for Binance", ``historicalTrades`` and ``aggTrades`` (2026-07-21);
derivatives documentation, "Recent Trades List", "Compressed/Aggregate Trades List" (2026-05-28). On futures
``historicalTrades`` wants an API key; without one only the newest 1000 of ``trades`` can be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

import msgspec
from msgspec import Struct, structs

from ingest.core.ledger import EPOCH_OVER, OpenHole
from ingest.core.records import Header, Record, header
from ingest.core.streams import stream_of
from schemas.markets import Market
from schemas.rest import RestAggTrade, RestTrade
from schemas.topics import RawType, TopicTable, partition_of


__all__ = ["Answered", "Backfill", "BackfillOrigin", "Kind", "Question", "RestItem", "backfill_record", "id_of"]

BEYOND_REACH: Final = "beyond-reach"
"""Without a key the venue gives the newest 1000 only."""
NO_LONGER_GIVEN: Final = "no-longer-given"
"""The venue's memory ends behind it."""
NOT_GIVEN: Final = "not-given"
"""The venue, asked again and again, does not come so far."""

RestItem = RestTrade | RestAggTrade

_PAGE: Final = 1000
_KEYED_PAGE: Final = 500
_PROBE: Final = 100
_MOST_WAITS: Final = 8
"""Answers that bring nothing new before we believe that none will; with the pauses between them some minutes."""


class Kind(Enum):
    """Which endpoint to ask."""

    NEWEST = auto()
    """``trades``."""
    HISTORICAL = auto()
    """``historicalTrades``."""
    AGGREGATES = auto()
    """``aggTrades``."""


class Question(Struct, frozen=True):
    """What to ask the venue."""

    kind: Kind
    symbol: str
    from_id: int
    """First id wanted; of no meaning for the newest."""
    limit: int


class Answered(Struct, frozen=True):
    """What an answer says about the missing ids of a hole."""

    found: tuple[RestItem, ...] = ()
    """To be put into the log."""
    absent: tuple[tuple[int, int], ...] = ()
    """Runs of ids that the venue does not have."""
    lost: tuple[tuple[int, int, str], ...] = ()
    """Runs of ids that it cannot give, and why."""
    waits: bool = False
    """The venue does not know the rest yet: ask again later."""


class Backfill:
    """The questions about one hole.

    Args:
        hole: of trades or aggregate trades.
        keyed: whether requests carry an API key: then futures give older trades too.
    """

    def __init__(self, hole: OpenHole, *, keyed: bool = False) -> None:
        market, raw_type, self._symbol = hole.key
        self._hole = hole
        if raw_type is RawType.AGG_TRADE:
            self.kind = Kind.AGGREGATES
        elif market is Market.SPOT or keyed:
            self.kind = Kind.HISTORICAL
        else:
            self.kind = Kind.NEWEST
        keyed_page = self.kind is Kind.HISTORICAL and market.is_futures
        self._page = _KEYED_PAGE if keyed_page else _PAGE
        self._anchor = hole.hole.first_id - 1
        """An id that the venue should know, before the first that is missing."""
        self._probed = False
        self._waits = 0

    def question(self) -> Question:
        """Return what to ask next; only while something is missing."""
        first, last = self._hole.first_missing, self._hole.hole.last_id
        if not first - self._page // 2 <= self._anchor < first:
            self._anchor, self._probed = first - 1, False
        from_id = max(0, self._anchor)
        limit = self._page if self.kind is Kind.NEWEST else min(self._page, last - from_id + 2)
        return Question(self.kind, self._symbol, from_id, limit)

    def widened(self, question: Question) -> Question:
        """Return a question with as large an answer as the venue gives: it costs no more, and may serve others."""
        return structs.replace(question, limit=self._page)

    def answered_by(self, question: Question, items: Sequence[RestItem]) -> bool:
        """Whether the answer to a question about another hole of the same stream and symbol settles this one too."""
        hole = self._hole
        if hole.settled or not items or question.from_id >= hole.first_missing:
            return False
        ids = (id_of(items[0]), id_of(items[-1]))
        return min(ids) < hole.first_missing and max(ids) > hole.hole.last_id

    def answer(self, question: Question, items: Sequence[RestItem]) -> Answered:
        """Take the answer to a question.

        Returns:
            What it decides. The caller puts ``found`` into the log and then tells the hole all of it.
        """
        hole, first = self._hole, self._hole.first_missing
        by_id = {id_of(item): item for item in items}
        if self.kind is not Kind.NEWEST:
            by_id = {one_id: item for one_id, item in by_id.items() if one_id >= question.from_id}
        if not by_id:
            return self._nothing_new(first)
        oldest, newest = min(by_id), max(by_id)
        lost: list[tuple[int, int, str]] = []
        if oldest > first:
            if self._may_probe(question):
                self._anchor, self._probed = max(0, first - _PROBE), True
                return Answered()
            reason = BEYOND_REACH if self.kind is Kind.NEWEST else NO_LONGER_GIVEN
            lost.append((first, min(oldest - 1, hole.hole.last_id), reason))
        found, absent = self._between(by_id, first if not lost else oldest, min(newest, hole.hole.last_id), lost)
        if not (found or absent or lost):
            return self._nothing_new(first)
        self._waits = 0
        self._anchor, self._probed = min(newest, hole.hole.last_id), False
        return Answered(
            tuple(found), tuple(absent), tuple(lost), waits=newest <= hole.hole.last_id and self._short(items)
        )

    def _may_probe(self, question: Question) -> bool:
        # The id before the hole may itself be one that the venue skips: ask from further back before despairing.
        return self.kind is not Kind.NEWEST and not self._probed and question.from_id > 0

    def _short(self, items: Sequence[RestItem]) -> bool:
        return self.kind is Kind.NEWEST or len(items) < self._page

    def _between(
        self, by_id: dict[int, RestItem], first: int, last: int, lost: list[tuple[int, int, str]]
    ) -> tuple[list[RestItem], list[tuple[int, int]]]:
        """Return which missing ids from first to last are there, and which are not."""
        found: list[RestItem] = []
        absent: list[tuple[int, int]] = []
        known = sorted(one_id for one_id in by_id if first <= one_id <= last)
        for start, stop in self._hole.fates.missing():
            at = max(start, first)
            end = min(stop, last)
            for one_id in (one for one in known if at <= one <= end):
                if one_id > at:
                    absent.append((at, one_id - 1))
                item = by_id[one_id]
                if self._hole.believes(item.trade_time):
                    found.append(item)
                else:
                    lost.append((one_id, one_id, EPOCH_OVER))
                at = one_id + 1
            if at <= end:
                absent.append((at, end))
        return found, absent

    def _nothing_new(self, first: int) -> Answered:
        self._waits += 1
        if self._waits <= _MOST_WAITS:
            return Answered(waits=True)
        return Answered(lost=((first, self._hole.hole.last_id, NOT_GIVEN),))


class BackfillOrigin(Struct, frozen=True):
    """Where a backfilled trade came from."""

    connection_id: str
    """Of the REST client: ``<ingest id>.<market>.repair``."""
    sequence: int
    """Counts its trades."""
    receive_time_ns: int


def backfill_record(
    table: TopicTable,
    market: Market,
    symbol: str,
    item: RestItem,
    *,
    origin: BackfillOrigin,
    extra_headers: Sequence[Header] = (),
) -> Record:
    """Return the raw record of a trade that REST gave, in the shape that the stream would have given it.

    Decimal numbers stay as they came. What REST does not tell (the order type ``X`` on futures) is left out.
    """
    if isinstance(item, RestTrade):
        raw_type, text, value = RawType.TRADE, "trade", _trade(market, symbol, item)
    else:
        raw_type, text, value = RawType.AGG_TRADE, "aggTrade", _agg_trade(market, symbol, item)
    return Record(
        table.raw(market, raw_type).name,
        partition_of(symbol),
        symbol.encode(),
        value,
        item.trade_time,
        [
            header("receive_time_ns", origin.receive_time_ns),
            header("connection_id", origin.connection_id),
            header("connection_sequence", origin.sequence),
            header("stream", stream_of(market, text, symbol).name),
            _ORIGIN,
            *extra_headers,
        ],
        item.trade_time,
    )


_ORIGIN: Final = ("origin", b"backfill")
_TAIL: Final = ',"origin":"backfill"}'
_FUTURES_TYPES: Final = {Market.USDM: 1, Market.COINM: 2}
_BOOLEAN: Final = ("false", "true")


def _trade(market: Market, symbol: str, one: RestTrade) -> bytes:
    name, price, quantity, time = _text(symbol), _text(one.price), _text(one.quantity), one.trade_time
    maker = _BOOLEAN[one.buyer_is_maker]
    if market is Market.SPOT:
        return (
            f'{{"e":"trade","E":{time},"s":{name},"t":{one.trade_id},"p":{price},"q":{quantity},"T":{time},'
            f'"m":{maker},"M":{_BOOLEAN[one.best_match is not False]}{_TAIL}'
        ).encode()
    # COIN-M's undocumented stream has no `st` (seen 2026-09-25), USD-M's has.
    futures_type = ',"st":1' if market is Market.USDM else ""
    return (
        f'{{"e":"trade","E":{time},"T":{time},"s":{name},"t":{one.trade_id},"p":{price},"q":{quantity},'
        f'"m":{maker}{futures_type}{_TAIL}'
    ).encode()


def _agg_trade(market: Market, symbol: str, one: RestAggTrade) -> bytes:
    name, price, quantity, time = _text(symbol), _text(one.price), _text(one.quantity), one.trade_time
    ids = f'"f":{one.first_trade_id},"l":{one.last_trade_id},"T":{time},"m":{_BOOLEAN[one.buyer_is_maker]}'
    if market is Market.SPOT:
        return (
            f'{{"e":"aggTrade","E":{time},"s":{name},"a":{one.aggregate_trade_id},"p":{price},"q":{quantity},'
            f'{ids},"M":{_BOOLEAN[one.best_match is not False]}{_TAIL}'
        ).encode()
    normal = "" if one.quantity_without_rpi is None else f'"nq":{_text(one.quantity_without_rpi)},'
    return (
        f'{{"e":"aggTrade","E":{time},"a":{one.aggregate_trade_id},"s":{name},"p":{price},"q":{quantity},{normal}'
        f'{ids},"st":{_FUTURES_TYPES[market]}{_TAIL}'
    ).encode()


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def id_of(item: RestItem) -> int:
    """Return the id of a trade or an aggregate trade."""
    return item.trade_id if isinstance(item, RestTrade) else item.aggregate_trade_id
