"""The exchange's own log: every trade that it made, whoever was told of it, and what its faults did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sandbox.soak.checker.spans import IdSpan
from schemas.decimals import to_scaled
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["BrokenTruthError", "FaultLine", "StreamKey", "Truth", "fingerprint", "read_faults"]

StreamKey = tuple[Market, RawType, str]
"""Market, `trade` or `agg-trade`, symbol."""

_FILES: Final = {RawType.TRADE: "trades", RawType.AGG_TRADE: "agg-trades"}


class BrokenTruthError(Exception):
    """The exchange's own log is not what it should be: nothing can be checked against it."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path = path
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.reason}"


class _Trade(msgspec.Struct, frozen=True, gc=False):
    symbol: str = msgspec.field(name="s")
    epoch: int
    number: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")

    def fingerprint(self) -> int:
        return fingerprint(self.price, self.quantity, self.time, self.buyer_is_maker)


class _AggTrade(msgspec.Struct, frozen=True, gc=False):
    symbol: str = msgspec.field(name="s")
    epoch: int
    number: int = msgspec.field(name="a")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    first: int = msgspec.field(name="f")
    last: int = msgspec.field(name="l")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")

    def fingerprint(self) -> int:
        return fingerprint(self.price, self.quantity, self.first, self.last, self.time, self.buyer_is_maker)


_DECODERS: Final[Mapping[RawType, Callable[[bytes], _Trade | _AggTrade]]] = {
    RawType.TRADE: msgspec.json.Decoder(_Trade).decode,
    RawType.AGG_TRADE: msgspec.json.Decoder(_AggTrade).decode,
}


def fingerprint(price: str, quantity: str, *rest: int) -> int:
    """Return 64 bits that stand for what a trade says; spellings of one number are one.

    Raises:
        ValueError: price or quantity is no number.
    """
    return hash((to_scaled(price), to_scaled(quantity), *rest))


class Truth:
    """Every trade and aggregate trade that the exchange made: by symbol, a span of ids an epoch."""

    def __init__(self, spans: Mapping[StreamKey, list[IdSpan]]) -> None:
        self.spans = spans

    @classmethod
    def read(cls, directory: Path, markets: Iterable[Market]) -> Truth:
        """Read the log of some markets.

        Raises:
            BrokenTruthError: a line cannot be read, or ids are not consecutive within an epoch.
            OSError: a file is not there.
        """
        spans: dict[StreamKey, list[IdSpan]] = {}
        for market in markets:
            for raw_type, name in _FILES.items():
                _read_file(directory / f"{market}.{name}.jsonl", market, raw_type, spans)
        return cls(spans)

    @property
    def symbols(self) -> frozenset[tuple[Market, str]]:
        """Every symbol that traded."""
        return frozenset((market, symbol) for market, _, symbol in self.spans)

    def __len__(self) -> int:
        return sum(len(span) for spans in self.spans.values() for span in spans)


def _read_file(path: Path, market: Market, raw_type: RawType, spans: dict[StreamKey, list[IdSpan]]) -> None:
    decode = _DECODERS[raw_type]
    for number, line in _lines(path):
        try:
            trade = decode(line)
            _add(spans.setdefault((market, raw_type, trade.symbol), []), trade)
        except (msgspec.DecodeError, ValueError) as error:
            raise BrokenTruthError(path, number, str(error)) from error


def _add(epochs: list[IdSpan], trade: _Trade | _AggTrade) -> None:
    while len(epochs) <= trade.epoch:
        epochs.append(IdSpan(trade.number, trade.time))
    if trade.epoch != len(epochs) - 1:
        msg = f"{trade.symbol}: epoch {trade.epoch} after epoch {len(epochs) - 1}"
        raise ValueError(msg)
    epochs[-1].append(trade.number, trade.fingerprint(), trade.time)


class FaultLine(msgspec.Struct, frozen=True):
    """One thing that a fault did."""

    fault: str
    wall_ms: int
    market: str | None = None
    stream: str | None = None
    connection: str | int | None = None
    venue_ms: int | None = None
    ids: dict[str, int | None] | None = None
    """``t`` of a trade, ``a`` of an aggregate trade, ``U`` and ``u`` of a depth diff."""


def read_faults(path: Path) -> Iterator[FaultLine]:
    """Yield what the faults did; nothing where there was none.

    Raises:
        BrokenTruthError: a line cannot be read.
    """
    if not path.exists():
        return
    decode = msgspec.json.Decoder(FaultLine).decode
    for number, line in _lines(path):
        try:
            yield decode(line)
        except msgspec.DecodeError as error:
            raise BrokenTruthError(path, number, str(error)) from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line
