"""Waiting for the pipeline: until it listens to everything, and until it has done everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from sandbox.demo.exchange_control import ExchangeControl, ExchangeStatus
from sandbox.demo.settling import HeartbeatWatch, Log, Needed, behind, needed_heartbeats
from sandbox.demo.subscriptions import Subscriptions
from sandbox.errors import SandboxError
from sandbox.stack import PRIVATE, Stack
from sandbox.verify.streams import carried
from sandbox.verify.topics import Partition
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import ControlType, Layer, RawType, TopicTable


__all__ = ["Flow", "NotFlowingError", "Progress"]

_POLL_S: Final = 0.5
_STALL_S: Final = 60.0
"""How long nothing at all may change before the wait is given up."""
_QUIET_POLLS: Final = 3
_LISTEN_S: Final = 120.0
_RAW_TYPES: Final = {
    "books": (RawType.DEPTH,),
    "trades": (RawType.TRADE, RawType.AGG_TRADE, RawType.TICKER, RawType.MINI_TICKER),
    PRIVATE: (RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE, RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT),
}
"""What each family of workers reads."""


class NotFlowingError(SandboxError):
    """The pipeline did not begin to listen."""

    def __init__(self, waited_for: str, waited_s: float) -> None:
        super().__init__(waited_for, waited_s)
        self.waited_for = waited_for
        self.waited_s = waited_s

    def __str__(self) -> str:
        return f"the pipeline did not begin to flow: waited {self.waited_s:g} s for {self.waited_for}"


class Progress(msgspec.Struct, frozen=True):
    """How far everything is."""

    exchange: ExchangeStatus
    published: int
    """Records in the raw topics."""
    lag: Mapping[str, int]
    """Raw records that each group has not done yet."""
    derived: int
    """Records in the derived topics."""
    missing_heartbeats: int
    elapsed_s: float


class Flow:
    """The flow through a stack, from its start to its rest.

    Args:
        stack: entered.
        subscriptions: what ingest subscribes to.
        codec: decodes heartbeats.
    """

    def __init__(self, stack: Stack, subscriptions: Subscriptions, codec: Codec) -> None:
        self._stack = stack
        self._subscriptions = subscriptions
        self._codec = codec
        self._log = Log(stack.bootstrap_servers, stack.table)
        self._control = ExchangeControl(stack.exchange_url or "")
        self._reads = _reads(stack.table, stack.groups(), subscriptions.markets)
        self._started_s = 0.0
        self.seconds = 0.0
        """From the first frame until the workers had done the last raw record."""
        self.remarks: list[str] = []
        """What did not come to rest, if it was given up."""

    def await_listening(self, books: Iterable[tuple[Market, str]]) -> None:
        """Wait until ingest has subscribed to everything and fetched the snapshots that there are.

        Args:
            books: symbols whose depth snapshot the source can give.

        Raises:
            NotFlowingError: it took too long.
            ProcessDiedError: something ended.
        """
        wanted = len(self._subscriptions.streams)
        snapshots = len(self._subscriptions.symbols_with_depth() & frozenset(books))
        depth = [self._stack.table.raw(market, RawType.DEPTH) for market in self._subscriptions.markets]
        deadline = time.monotonic() + _LISTEN_S
        while True:
            self._stack.check_running()
            subscribed = self._control.status().subscriptions
            fetched = sum(self._log.ends_of(depth).values())
            if subscribed >= wanted and fetched >= snapshots:
                return
            if time.monotonic() >= deadline:
                what = (
                    f"{wanted} subscriptions ({subscribed} made) and {snapshots} depth snapshots ({fetched} published)"
                )
                raise NotFlowingError(what, _LISTEN_S)
            time.sleep(_POLL_S)

    def start(self) -> None:
        """Let the exchange send."""
        self._started_s = time.monotonic()
        self._control.start()

    def await_rest(self, until_ms: Callable[[], int], show: Callable[[Progress], None]) -> None:
        """Wait until everything that the exchange sends is done by everybody.

        Args:
            until_ms: the time of the last event, asked for once the exchange has ended.
            show: called with the progress, twice a second.

        Raises:
            ProcessDiedError: something ended.
        """
        watch: HeartbeatWatch | None = None
        stall, quiet = _Stall(), _Quiet()
        try:
            while True:
                self._stack.check_running()
                status = self._control.status()
                if status.ended and watch is None:
                    watch = self._watch(until_ms())
                heard = watch is not None and watch.poll(0)
                progress, ends = self._look(status, watch)
                show(progress)
                worked = status.ended and not any(progress.lag.values())
                if worked and not self.seconds:
                    self.seconds = progress.elapsed_s
                elif not worked:
                    self.seconds = 0.0
                caught_up = watch is not None and heard and self._heartbeats_done(watch)
                if quiet.since(ends) >= _QUIET_POLLS and worked and caught_up:
                    return
                if stall.for_s((ends, progress.lag, status.frames_sent, heard)) > _STALL_S:
                    self._give_up(progress, watch)
                    return
                time.sleep(_POLL_S)
        finally:
            if watch is not None:
                watch.close()

    def watch_for(self, seconds: float, show: Callable[[Progress], None]) -> None:
        """Watch a flow that does not end by itself; then stop ingest and wait until the workers have done it all.

        Args:
            seconds: how long.
            show: called with the progress, twice a second.

        Raises:
            ProcessDiedError: something ended.
        """
        self._started_s = time.monotonic()
        stall, live = _Stall(), ExchangeStatus("live")
        while time.monotonic() - self._started_s < seconds:
            self._stack.check_running()
            show(self._look(live, None)[0])
            time.sleep(_POLL_S)
        self.remarks += self._stack.stop_services("ingest")
        while True:
            self._stack.check_running()
            progress, ends = self._look(live, None)
            show(progress)
            if not any(progress.lag.values()):
                break
            if stall.for_s((ends, progress.lag)) > _STALL_S:
                self._give_up(progress, None)
                break
            time.sleep(_POLL_S)
        self.seconds = self.seconds or progress.elapsed_s

    def check_running(self) -> None:
        """Raise `ProcessDiedError` if anything has ended."""
        self._stack.check_running()

    def look(self) -> Progress:
        """Return how far everything is now."""
        status = self._control.status() if self._stack.exchange_url else ExchangeStatus("live")
        return self._look(status, None)[0]

    def _watch(self, until_ms: int) -> HeartbeatWatch:
        streams = []
        for market, name in self._subscriptions.streams:
            kind = carried(market, name)
            if kind is not None:
                streams.append((market, kind.raw_type, kind.symbol))
        needed: dict[Needed, int] = dict.fromkeys(needed_heartbeats(streams), until_ms)
        return HeartbeatWatch(self._stack.bootstrap_servers, self._stack.table, self._codec, needed)

    def _look(self, status: ExchangeStatus, watch: HeartbeatWatch | None) -> tuple[Progress, dict[Partition, int]]:
        markets = self._subscriptions.markets
        raw = self._log.ends(Layer.RAW, markets=markets)
        derived = self._log.ends(Layer.DERIVED, markets=markets)
        lag = {group: behind(topics, raw, self._log.committed(group)) for group, topics in self._reads.items()}
        progress = Progress(
            exchange=status,
            published=sum(raw.values()),
            lag=lag,
            derived=sum(derived.values()),
            missing_heartbeats=0 if watch is None else len(watch.missing),
            elapsed_s=time.monotonic() - self._started_s if self._started_s else 0.0,
        )
        return progress, {**raw, **derived}

    def _heartbeats_done(self, watch: HeartbeatWatch) -> bool:
        """Return whether every group has read the last heartbeat that was needed, and the ledger."""
        gaps = self._log.ends_of([self._stack.table.control(ControlType.GAP)])
        return all(
            behind({place[0] for place in watch.reached}, watch.reached, committed) == 0
            and behind(topics, gaps, committed) == 0
            for group, topics in self._reads.items()
            for committed in [self._log.committed(group)]
        )

    def _give_up(self, progress: Progress, watch: HeartbeatWatch | None) -> None:
        self.seconds = self.seconds or progress.elapsed_s
        waiting = f"lag {dict(progress.lag)}, exchange {progress.exchange.state}"
        if watch is not None and watch.missing:
            shown = ", ".join(f"{market} {stream}[{number}]" for market, stream, number in sorted(watch.missing)[:5])
            waiting += f", {len(watch.missing)} heartbeats missing ({shown})"
        self.remarks.append(f"the pipeline did not come to rest: nothing changed for {_STALL_S:g} s ({waiting})")


class _Quiet:
    """Counts for how many polls nothing changed."""

    def __init__(self) -> None:
        self._last: object = None
        self._count = 0

    def since(self, state: object) -> int:
        self._count = self._count + 1 if state == self._last else 0
        self._last = state
        return self._count


class _Stall:
    """Measures for how long nothing changed."""

    def __init__(self) -> None:
        self._last: object = None
        self._since_s = time.monotonic()

    def for_s(self, state: object) -> float:
        now_s = time.monotonic()
        if state != self._last:
            self._last, self._since_s = state, now_s
        return now_s - self._since_s


def _reads(table: TopicTable, groups: tuple[str, ...], markets: Iterable[Market]) -> dict[str, frozenset[str]]:
    """Return the topics that each group of workers reads."""
    families = {group: group.rpartition("-")[2] for group in groups}
    reads = {
        group: {table.raw(market, raw_type).name for market in markets for raw_type in _RAW_TYPES[family]}
        for group, family in families.items()
    }
    for group, family in families.items():
        if family == "trades":
            reads[group].add(table.control(ControlType.GAP).name)
    return {group: frozenset(topics) for group, topics in reads.items()}
