"""Which of the streams that a source has the pipeline is to subscribe to, and ingest's configuration for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sandbox.recordings import Summary
from sandbox.verify.streams import carried
from schemas.markets import Market
from schemas.topics import RawType


__all__ = [
    "AccountOptions",
    "IngestOptions",
    "Stream",
    "Subscriptions",
    "recorded_streams",
    "subscriptions_to",
    "write_ingest_config",
]

Stream = tuple[Market, str]
"""A market and the full name of a stream."""


class Subscriptions(msgspec.Struct, frozen=True):
    """What the pipeline subscribes to."""

    streams: tuple[Stream, ...]
    left_out: Mapping[Stream, str]
    """Streams of the source that it does not subscribe to, and why."""

    @property
    def markets(self) -> tuple[Market, ...]:
        """The markets, in their order."""
        present = {market for market, _ in self.streams}
        return tuple(market for market in Market if market in present)

    def symbols_with_depth(self) -> frozenset[tuple[Market, str]]:
        """Return the symbols whose books can be built."""
        return frozenset(
            (market, kind.symbol)
            for market, stream in self.streams
            if (kind := carried(market, stream)) is not None and kind.raw_type is RawType.DEPTH
        )


def recorded_streams(summary: Summary) -> dict[Stream, int]:
    """Return the streams of a recording with their numbers of frames."""
    return {(stream.market, stream.stream): stream.frame_count for stream in summary.streams}


def subscriptions_to(streams: Mapping[Stream, int]) -> Subscriptions:
    """Choose the streams to subscribe to: all that have a topic, one depth speed per symbol.

    Args:
        streams: what the source has, with the number of frames of each: of several depth speeds the richest is taken,
            because diffs of two speeds are cut at different ids.
    """
    chosen: list[Stream] = []
    left_out: dict[Stream, str] = {}
    depth: dict[tuple[Market, str], Stream] = {}
    for stream in sorted(streams, key=lambda stream: (-streams[stream], stream)):
        market, name = stream
        kind = carried(market, name)
        if kind is None:
            left_out[stream] = "no topic carries it"
        elif kind.raw_type is RawType.DEPTH and depth.setdefault((market, kind.symbol), stream) != stream:
            left_out[stream] = f"of one symbol, {depth[market, kind.symbol][1]} is subscribed to"
        else:
            chosen.append(stream)
    return Subscriptions(tuple(sorted(chosen)), left_out)


class AccountOptions(msgspec.Struct, frozen=True):
    """An account whose streams ingest takes."""

    markets: tuple[Market, ...]
    symbols: Mapping[Market, Sequence[str]] = {}
    """Those whose orders are asked for at the start."""


class IngestOptions(msgspec.Struct, frozen=True):
    """What ingest must know beside its streams."""

    http_port: int
    exchange_url: str | None = None
    """The sandbox's exchange; None: Binance itself."""
    accounts: Mapping[str, AccountOptions] = {}
    """By label."""
    keys_dir: Path | None = None
    """Where their keys are."""


def write_ingest_config(path: Path, subscriptions: Subscriptions, options: IngestOptions) -> None:
    """Write ingest's configuration file: exactly the subscribed streams."""
    document: dict[str, Any] = {
        "markets": {str(market): _market_section(market, subscriptions.streams) for market in subscriptions.markets},
        "http": {"port": options.http_port},
    }
    if options.exchange_url is None:
        document["endpoint"] = "production"
    else:
        document |= {"endpoint": "sandbox", "sandbox_url": options.exchange_url, "allow_plaintext": True}
    if options.accounts:
        document["accounts"] = msgspec.to_builtins(options.accounts, str_keys=True)
        document["keys_dir"] = str(options.keys_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=True, allow_unicode=True), encoding="utf-8")


def _market_section(market: Market, streams: Iterable[Stream]) -> dict[str, Any]:
    whole_market: list[str] = []
    by_symbol: dict[str, list[str]] = {}
    for owner, name in streams:
        if owner is not market:
            continue
        symbol, _, kind = name.partition("@")
        if symbol.startswith("!"):
            whole_market.append(name)
        else:
            by_symbol.setdefault(symbol.upper(), []).append(kind)
    return {"symbols": [], "streams": whole_market, "symbol_streams": by_symbol}
