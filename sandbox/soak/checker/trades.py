"""Trades and aggregate trades of the raw log against the exchange's: each there, each as it was, none invented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sandbox.soak.checker.spans import BACKFILLED, LATE, LIVE, size
from sandbox.soak.checker.truth import StreamKey, Truth, fingerprint
from schemas import wire
from schemas.topics import RawType


__all__ = ["SHOWN", "StreamFindings", "TradeCheck"]

SHOWN: Final = 10
"""Examples that a finding shows; all are counted."""

_Numbered = tuple[int, int]
"""Id and fingerprint."""

_decode_trade = msgspec.json.Decoder(wire.Trade).decode
_decode_agg_trade = msgspec.json.Decoder(wire.AggTrade).decode


class StreamFindings(msgspec.Struct):
    """How the raw log of one symbol's trades, or aggregate trades, compares."""

    expected: int = 0
    """Ids that the exchange gave."""
    records: int = 0
    live: int = 0
    """Ids that a connection delivered."""
    backfilled: int = 0
    """Ids that were fetched, and that no connection delivered."""
    duplicates: int = 0
    """Records whose id was there before."""
    late: int = 0
    """Ids that came when a higher one was there already."""
    missing_count: int = 0
    missing: list[tuple[int, int, int]] = []
    """Epoch, first and last id of what is not there; the first few."""
    invented_count: int = 0
    invented: list[str] = []
    """Records whose id the exchange never gave; the first few."""
    wrong_count: int = 0
    wrong: list[str] = []
    """Records that say something else than the exchange; the first few."""


class TradeCheck:
    """Takes the raw records of trades in any order.

    Args:
        truth: the exchange's log; what is found is marked in it.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._findings: dict[StreamKey, StreamFindings] = {}

    def take(self, key: StreamKey, value: bytes, *, backfill: bool, place: str) -> None:
        """Take in one raw record.

        Args:
            key: its market, type and symbol.
            value: its payload.
            backfill: whether repair fetched it.
            place: where it lies, for the report.
        """
        findings = self._findings.setdefault(key, StreamFindings())
        findings.records += 1
        try:
            number, said = _READ[key[1]](value)
        except (msgspec.DecodeError, ValueError) as error:
            _note(findings.wrong, f"{place}: cannot be read: {error}")
            findings.wrong_count += 1
            return
        holding = [span for span in self._truth.spans.get(key, ()) if number in span]
        span = next((span for span in holding if span.says(number, said)), None)
        if span is not None:
            findings.duplicates += span.mark(number, BACKFILLED if backfill else LIVE)
        elif holding:
            findings.wrong_count += 1
            _note(findings.wrong, f"{place}: id {number}: {value.decode(errors='replace')[:300]}")
        else:
            findings.invented_count += 1
            _note(findings.invented, f"{place}: id {number}: {value.decode(errors='replace')[:300]}")

    def findings(self) -> Mapping[StreamKey, StreamFindings]:
        """Return what was found, once every record was taken; of every symbol that traded or has records."""
        for key, spans in self._truth.spans.items():
            findings = self._findings.setdefault(key, StreamFindings())
            findings.expected = sum(map(len, spans))
            findings.live = sum(span.count(LIVE) for span in spans)
            findings.backfilled = sum(size(list(span.not_live())) - size(list(span.missing())) for span in spans)
            findings.late = sum(span.count(LATE) for span in spans)
            missing = [(epoch, *ids) for epoch, span in enumerate(spans) for ids in span.missing()]
            findings.missing_count = sum(last - first + 1 for _, first, last in missing)
            findings.missing = missing[:SHOWN]
        return self._findings


def _trade(value: bytes) -> _Numbered:
    each = _decode_trade(value)
    return each.trade_id, fingerprint(each.price, each.quantity, each.trade_time, each.buyer_is_maker)


def _agg_trade(value: bytes) -> _Numbered:
    each = _decode_agg_trade(value)
    rest = each.first_trade_id, each.last_trade_id, each.trade_time, each.buyer_is_maker
    return each.aggregate_trade_id, fingerprint(each.price, each.quantity, *rest)


_READ: Final[Mapping[RawType, Callable[[bytes], _Numbered]]] = {
    RawType.TRADE: _trade,
    RawType.AGG_TRADE: _agg_trade,
}


def _note(examples: list[str], text: str) -> None:
    if len(examples) < SHOWN:
        examples.append(text)
