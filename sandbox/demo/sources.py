"""Where the market data comes from: a recording, a simulated market, or Binance itself; and the proof for each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sandbox.demo.exchange_control import ExchangeControl
from sandbox.demo.reachability import PINGS, Unreachable, first_unreachable
from sandbox.demo.subscriptions import AccountOptions, Stream, Subscriptions, recorded_streams, subscriptions_to
from sandbox.errors import SandboxError
from sandbox.recordings import Recording, Summary, survey
from sandbox.stack import Stack
from sandbox.verify.evidence import Evidence
from sandbox.verify.klines import KlineFile
from sandbox.verify.naive import NaiveWalk
from sandbox.verify.recorded import contract_sizes, evidence_of, naive_book_of, sizes_of
from sandbox.verify.symbols import SymbolId
from sandbox.verify.topics import collect_evidence, diffs_of, snapshots_of
from sandbox.verify.verification import Given
from schemas.markets import Market


__all__ = [
    "BinanceUnreachableError",
    "LiveSource",
    "RecordedSource",
    "SimulatedSource",
    "Simulation",
    "Source",
]

_PING_S: Final = 10.0
_LIVE_LIMIT_S: Final = 115.0
_CONNECTED_S: Final = 3.0
"""From ingest's start until its subscriptions are acknowledged."""
_AFTER_CLOSE_S: Final = 8.0
"""After the end of a minute: its kline, and the heartbeat that closes the candle."""
_UNSETTLED_MS: Final = 10_000
"""Before ingest is stopped: a heartbeat vouches for a time two seconds ago, or five where it is quiet."""


class BinanceUnreachableError(SandboxError):
    """Binance does not answer from here."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"Binance cannot be reached: {self.url}: {self.reason}\n"
            "a simulated exchange needs no network: SOURCE=simulated"
        )


class Source(Protocol):
    """What a run needs to know of where its data comes from."""

    @property
    def exchange(self) -> Sequence[str] | None:
        """Arguments of the exchange; None: Binance itself."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """What ingest subscribes to."""
        ...

    @property
    def accounts(self) -> Mapping[str, AccountOptions]:
        """Accounts that there are, by label; robots trade for them."""
        ...

    @property
    def books(self) -> frozenset[tuple[Market, str]]:
        """Symbols of which a depth snapshot can be had."""
        ...

    @property
    def until_ms(self) -> int:
        """Time of the last event, once everything was sent."""
        ...

    @property
    def watched_s(self) -> float | None:
        """How long to watch a source that does not end by itself, from now; None: it does."""
        ...

    def begin(self, stack: Stack) -> None:
        """Learn from the exchange, before it sends, what only it knows.

        Raises:
            OSError: it does not answer.
        """
        ...

    def proof(self, stack: Stack, scratch: Path) -> tuple[Evidence, Given]:
        """Return the truth, once the services have stopped; Kafka still runs."""
        ...


class RecordedSource:
    """A recording.

    Args:
        paths: files, directories, stems.
        market: of all of them; None: each tells.
        summary: the survey of them.
        speed: as the exchange takes it.
        klines: the venue's klines from files.
        sizes: contract sizes that the user tells.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        market: Market | None,
        summary: Summary,
        *,
        speed: str,
        klines: Sequence[tuple[SymbolId, KlineFile]] = (),
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._paths = paths
        self._market = market
        self._summary = summary
        self._speed = speed
        self._klines = klines
        self._sizes = sizes or {}
        self.watched_s = None
        self.accounts: Mapping[str, AccountOptions] = {}
        self.subscriptions = subscriptions_to(recorded_streams(summary))

    @property
    def exchange(self) -> list[str]:
        """Arguments of the exchange."""
        arguments = ["--start", "manual", "--speed", self._speed]
        for path in self._paths:
            arguments += ["--replay", str(path)]
        if self._market is not None:
            arguments += ["--market", str(self._market)]
        for symbol, size in self._sizes.items():
            arguments += ["--contract-size", f"{symbol}={size}"]
        return arguments

    @property
    def books(self) -> frozenset[tuple[Market, str]]:
        """Symbols with a recorded snapshot."""
        return frozenset((snapshot.market, snapshot.symbol) for snapshot in self._summary.snapshots)

    @property
    def until_ms(self) -> int:
        """Time of the last recorded event."""
        return self._summary.last_event_ms

    def begin(self, stack: Stack) -> None:
        """Learn nothing: the recording tells it all."""

    def proof(self, stack: Stack, scratch: Path) -> tuple[Evidence, Given]:
        """Return what the recording holds."""
        told = {SymbolId(Market.COINM, symbol): size for symbol, size in self._sizes.items()}
        evidence = evidence_of(self._summary, scratch / "evidence", self.subscriptions.left_out)
        evidence.remarks += [str(problem) for problem in self._summary.problems]
        given = Given(
            naive_book=lambda symbol_id: naive_book_of(self._summary, symbol_id),
            klines=self._klines,
            contract_sizes={**contract_sizes(self._summary), **told},
        )
        return evidence, given


class Simulation(msgspec.Struct, frozen=True):
    """A simulated market for the demo.

    It begins shortly before a full minute, so that whole minutes lie inside.
    """

    symbols: Mapping[Market, Sequence[str]]
    streams: Sequence[str]
    seed: int = 1
    start_ms: int = 1_793_577_600_000 + 50_000
    duration_s: int = 135
    """0: without end."""
    present: bool = False
    """Begins at once, when the exchange is started, at the present; else when it is told to, at `start_ms`."""
    speed: str = "3"
    """As the exchange takes it."""

    def stream_names(self) -> dict[Stream, int]:
        """Return the full names of all streams; all count the same."""
        return {
            (market, f"{symbol.lower()}@{kind}"): 1
            for market, symbols in self.symbols.items()
            for symbol in symbols
            for kind in self.streams
        }


class SimulatedSource:
    """A simulated market, which writes down what it sends.

    Args:
        simulation: what is simulated.
        record: where it writes; None: it does not, and there is no proof.
        accounts: labels of accounts on all of its markets.
        keys_dir: where it writes their keys.
    """

    def __init__(
        self,
        simulation: Simulation,
        record: Path | None,
        *,
        accounts: Sequence[str] = (),
        keys_dir: Path | None = None,
    ) -> None:
        self._simulation = simulation
        self._record = record
        self._keys_dir = keys_dir
        self.accounts = {label: AccountOptions(tuple(simulation.symbols)) for label in accounts}
        self._sizes: dict[SymbolId, int] = {}
        self.watched_s = None
        self.subscriptions = subscriptions_to(simulation.stream_names())

    @property
    def exchange(self) -> list[str]:
        """Arguments of the exchange."""
        simulation = self._simulation
        arguments = ["--simulate", "--start", "now" if simulation.present else "manual", "--speed", simulation.speed]
        arguments += ["--seed", str(simulation.seed), "--duration", str(simulation.duration_s)]
        if not simulation.present:
            arguments += ["--start-time", str(simulation.start_ms)]
        # The proof counts on every frame that was sent: nobody is cut off for being slow on a slow machine.
        arguments += ["--slow-readers", "wait"]
        for market, symbols in simulation.symbols.items():
            for symbol in symbols:
                arguments += ["--symbol", f"{market}:{symbol}"]
        if self._record is not None:
            arguments += ["--record", str(self._record)]
        for label in self.accounts:
            arguments += ["--account", label]
        if self._keys_dir is not None:
            arguments += ["--keys-dir", str(self._keys_dir)]
        return arguments

    @property
    def books(self) -> frozenset[tuple[Market, str]]:
        """All symbols: a simulated market knows its books."""
        return frozenset((market, symbol) for market, symbols in self._simulation.symbols.items() for symbol in symbols)

    @property
    def until_ms(self) -> int:
        """The end of trading."""
        return self._simulation.start_ms + 1000 * self._simulation.duration_s

    def begin(self, stack: Stack) -> None:
        """Learn the contract sizes, which the exchange states."""
        if Market.COINM in self._simulation.symbols and stack.exchange_url is not None:
            answer = ExchangeControl(stack.exchange_url).get("/dapi/v1/exchangeInfo")
            self._sizes = sizes_of(Market.COINM, answer)

    def proof(self, stack: Stack, scratch: Path) -> tuple[Evidence, Given]:
        """Return what the exchange wrote down."""
        if self._record is None:
            raise ValueError("the simulated market wrote nothing down")
        summary = survey(Recording.find([self._record]))
        evidence = evidence_of(summary, scratch / "evidence", self.subscriptions.left_out)
        given = Given(naive_book=lambda symbol_id: naive_book_of(summary, symbol_id), contract_sizes=self._sizes)
        return evidence, given


class LiveSource:
    """Binance's production endpoints.

    Nobody else records what Binance sends: the raw topics themselves are the evidence. Books are compared with book
    tickers, candles with klines, ids with one another.

    Args:
        symbols: of each market.
        streams: stream types of each symbol.
    """

    exchange = None

    def __init__(self, symbols: Mapping[Market, Sequence[str]], streams: Sequence[str]) -> None:
        simulation = Simulation(symbols=symbols, streams=streams)
        self._symbols = symbols
        self.accounts: Mapping[str, AccountOptions] = {}
        self.subscriptions = subscriptions_to(simulation.stream_names())

    @property
    def books(self) -> frozenset[tuple[Market, str]]:
        """All symbols."""
        return frozenset((market, symbol) for market, symbols in self._symbols.items() for symbol in symbols)

    @property
    def until_ms(self) -> int:
        """Now: what was sent until ingest was told to stop."""
        return time.time_ns() // 1_000_000

    @property
    def watched_s(self) -> float:
        """Until a whole minute has gone by and its candle is closed, but within two minutes."""
        into_minute_s = (time.time_ns() / 10**9 + _CONNECTED_S) % 60
        return min(_LIVE_LIMIT_S, _CONNECTED_S + (60 - into_minute_s) + 60 + _AFTER_CLOSE_S)

    def require_reachable(self) -> None:
        """Ask each market whether it answers.

        Raises:
            BinanceUnreachableError: one does not.
        """
        if (failure := self.unreachable(_PING_S)) is not None:
            raise BinanceUnreachableError(failure.url, failure.reason)

    def unreachable(self, limit_s: float) -> Unreachable | None:
        """Return which market does not answer within the limit, and why; None: all do."""
        return first_unreachable([PINGS[market] for market in self._symbols], limit_s)

    def begin(self, stack: Stack) -> None:
        """Learn nothing."""

    def proof(self, stack: Stack, scratch: Path) -> tuple[Evidence, Given]:
        """Return what the raw topics hold."""
        servers, table, markets = stack.bootstrap_servers, stack.table, self.subscriptions.markets
        evidence = collect_evidence(servers, table, markets, scratch / "evidence")

        def naive_book(symbol_id: SymbolId) -> NaiveWalk:
            snapshots = snapshots_of(servers, table, symbol_id)
            return NaiveWalk(symbol_id.market, snapshots, diffs_of(servers, table, symbol_id))

        return evidence, Given(naive_book=naive_book, raw_is_evidence=True, unsettled_ms=_UNSETTLED_MS)
