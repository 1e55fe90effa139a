"""The exchange's own log: every trade that its engines made, whether anybody was told of it or not.

Two files a market, a JSON object a line: ``spot.trades.jsonl`` and ``spot.agg-trades.jsonl``. Keys are those of the
streams, and ``epoch``: how often the symbol's ids have begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from sandbox.errors import SandboxError
from sandbox.simulation.symbol_market import SymbolMarket
from sandbox.simulation.trade_log import Aggregate, Trade
from schemas.markets import Market


__all__ = ["TruthExistsError", "TruthLog"]

_FLUSH_EVERY_S: Final = 0.5
_LONGEST_BUFFER: Final = 2_000
"""Lines held back at most, however little time has passed."""
_BOOLEAN: Final = ("false", "true")


class TruthExistsError(SandboxError):
    """The directory holds the log of an earlier run."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f'"{self.path}" exists: move it away, or name another directory'


class TruthLog:
    """Writes down what it sees, in the order in which it happened; a context manager.

    What it saw is in the files after `flush`, after `close`, and within half a second as long as there is trading.

    Args:
        directory: made if it is not there.
        clock: a monotonic clock in seconds.

    Raises:
        TruthExistsError: the directory holds such files already.
    """

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._flushed_s = clock()
        self._held = 0
        self._files = {
            market: tuple(_new_file(directory / f"{market}.{kind}.jsonl") for kind in ("trades", "agg-trades"))
            for market in Market
        }
        self._lines: dict[Market, tuple[list[str], list[str]]] = {market: ([], []) for market in Market}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def saw_trades(self, market: SymbolMarket, trades: Sequence[Trade]) -> None:
        """Write down trades."""
        each = market.instrument
        price, quantity = each.price.text, each.quantity.text
        head = f'{{"s":"{each.symbol}","epoch":{market.epoch},"t":'
        lines = self._lines[each.market][0]
        for trade in trades:
            lines.append(
                f'{head}{trade.trade_id},"p":"{price(trade.price)}","q":"{quantity(trade.quantity)}",'
                f'"T":{trade.time_ms},"m":{_BOOLEAN[trade.buyer_is_maker]}}}\n'
            )
        self._count(len(trades))

    def saw_aggregates(self, market: SymbolMarket, aggregates: Sequence[Aggregate]) -> None:
        """Write down aggregate trades."""
        each = market.instrument
        price, quantity = each.price.text, each.quantity.text
        head = f'{{"s":"{each.symbol}","epoch":{market.epoch},"a":'
        lines = self._lines[each.market][1]
        for one in aggregates:
            lines.append(
                f'{head}{one.aggregate_id},"p":"{price(one.price)}","q":"{quantity(one.quantity)}",'
                f'"f":{one.first_trade_id},"l":{one.last_trade_id},"T":{one.time_ms},'
                f'"m":{_BOOLEAN[one.buyer_is_maker]}}}\n'
            )
        self._count(len(aggregates))

    def flush(self) -> None:
        """Put everything into the files; to be called now and then while there may be no trading."""
        for market, kinds in self._lines.items():
            for file, lines in zip(self._files[market], kinds, strict=True):
                if lines:
                    file.write("".join(lines))
                    file.flush()
                    lines.clear()
        self._held = 0
        self._flushed_s = self._clock()

    def close(self) -> None:
        """Put everything into the files and close them; a second call changes nothing."""
        if any(not file.closed for pair in self._files.values() for file in pair):
            self.flush()
        for pair in self._files.values():
            for file in pair:
                file.close()

    def _count(self, lines: int) -> None:
        self._held += lines
        if self._held >= _LONGEST_BUFFER or self._clock() - self._flushed_s >= _FLUSH_EVERY_S:
            self.flush()


def _new_file(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8", newline="\n")
    except FileExistsError as error:
        raise TruthExistsError(path) from error
