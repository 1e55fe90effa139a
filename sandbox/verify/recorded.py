"""Evidence from a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from sandbox.recordings import Frame, Summary, read
from sandbox.verify.books import NaiveQuotes
from sandbox.verify.evidence import Evidence
from sandbox.verify.naive import NaiveWalk
from sandbox.verify.streams import carried
from sandbox.verify.symbols import SymbolId
from schemas.markets import Market
from schemas.rest import ExchangeInfo
from schemas.topics import RawType


__all__ = ["contract_sizes", "evidence_of", "naive_book_of", "sizes_of"]


def evidence_of(
    summary: Summary, directory: Path, left_out: Mapping[tuple[Market, str], str] | None = None
) -> Evidence:
    """Read a recording once and lay out what the venue sent.

    Args:
        summary: the survey of the recording.
        directory: an empty directory for the files, about 100 bytes a frame.
        left_out: recorded streams that the pipeline did not subscribe to, and why.

    Raises:
        UnreadableFileError: a file went away since the survey.
    """
    evidence, unwanted = Evidence(directory), left_out or {}
    for entry in read(summary.recording, symbols=summary.snapshot_symbols):
        if isinstance(entry, Frame):
            if reason := unwanted.get((entry.market, entry.stream)):
                evidence.leave_out(entry.market, entry.stream, reason)
            else:
                evidence.add_frame(entry.market, entry.stream, entry.data)
        elif entry.path.endswith("/depth") and (symbol := entry.params.get("symbol")):
            evidence.add_snapshot(SymbolId(entry.market, symbol.upper()), entry.body)
    return evidence


def naive_book_of(summary: Summary, symbol_id: SymbolId) -> NaiveQuotes:
    """Return the naive book of a symbol; each costs a pass over the recording."""
    return NaiveWalk(symbol_id.market, _snapshots(summary, symbol_id), _diffs(summary, symbol_id))


def contract_sizes(summary: Summary) -> dict[SymbolId, int]:
    """Return the contract sizes that recorded exchangeInfo answers tell."""
    sizes: dict[SymbolId, int] = {}
    for market, body in summary.exchange_info.items():
        sizes |= sizes_of(market, body)
    return sizes


def sizes_of(market: Market, exchange_info: bytes) -> dict[SymbolId, int]:
    """Return the contract sizes in an exchangeInfo answer; nothing where it cannot be read."""
    try:
        symbols = _EXCHANGE_INFO.decode(exchange_info).symbols
    except msgspec.DecodeError:
        return {}
    sizes = {SymbolId(market, symbol.symbol): symbol.contract_size for symbol in symbols}
    return {symbol_id: size for symbol_id, size in sizes.items() if size is not None}


_EXCHANGE_INFO = msgspec.json.Decoder(ExchangeInfo)


def _snapshots(summary: Summary, symbol_id: SymbolId) -> Iterator[bytes]:
    for entry in read(summary.recording, symbols=summary.snapshot_symbols):
        if (
            not isinstance(entry, Frame)
            and entry.path.endswith("/depth")
            and SymbolId(entry.market, entry.params.get("symbol", "").upper()) == symbol_id
        ):
            yield entry.body


def _diffs(summary: Summary, symbol_id: SymbolId) -> Iterator[bytes]:
    for entry in read(summary.recording, symbols=summary.snapshot_symbols):
        if isinstance(entry, Frame) and entry.market is symbol_id.market:
            kind = carried(entry.market, entry.stream)
            if kind is not None and kind.raw_type is RawType.DEPTH and kind.symbol == symbol_id.symbol:
                yield entry.data
