"""What is tried of each market: one stream of each type, with one symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ingest.config import Settings
from ingest.core.streams import Route, Stream, stream_of, stream_types
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Subject", "subjects_of"]

_SYMBOLS: Final = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
"""Tried where none is configured: something happens in them all the time."""
_COMMON: Final = ("trade", "aggTrade", "depth@100ms", "bookTicker", "depth5@100ms", "miniTicker", "ticker", "kline_1m")
_FUTURES: Final = ("markPrice@1s", "forceOrder")
_PATTERN: Final = frozenset("*?[]")


class Subject(Struct, frozen=True):
    """What is tried of one market."""

    market: Market
    rest_url: str
    symbols: tuple[str, ...]
    """Those that are configured, or the usual one."""
    routes: Mapping[Route, tuple[str, tuple[Stream, ...]]]
    """Address and streams of each socket."""


def subjects_of(settings: Settings) -> list[Subject]:
    """Return what is to be tried: the configured markets, or all three if there are none."""
    return [_subject(settings, market) for market in settings.markets.present() or Market]


def _subject(settings: Settings, market: Market) -> Subject:
    configured = settings.markets.present().get(market)
    endpoint = settings.endpoint_of(market)
    named = () if configured is None else (*configured.symbols, *configured.symbol_streams)
    symbols = tuple(dict.fromkeys(one for one in named if not _PATTERN & set(one))) or (_SYMBOLS[market],)
    texts = () if configured is None else (*configured.streams, *_flat(configured.symbol_streams.values()))
    streams = [stream_of(market, text, symbols[0]) for text in _one_of_each_type(market, texts)]
    return Subject(
        market,
        endpoint.rest,
        symbols,
        {
            route: (url, tuple(stream for stream in streams if stream.type.route is route))
            for route, url in endpoint.streams.items()
        },
    )


def _one_of_each_type(market: Market, configured: Iterable[str]) -> list[str]:
    """Return a stream type for every type of record: the configured one, or the usual one."""
    usual = (*_COMMON, *_FUTURES) if market.is_futures else _COMMON
    chosen: dict[RawType, str] = {}
    for text in (*configured, *usual):
        chosen.setdefault(stream_types(market)[text].raw_type, text)
    # In one order, whatever is configured.
    return [chosen[stream_types(market)[text].raw_type] for text in usual]


def _flat(lists: Iterable[Iterable[str]]) -> list[str]:
    return [text for texts in lists for text in texts]
