from __future__ import annotations

import aiohttp
import structlog
from structlog.testing import capture_logs

from ingest.core.streams import stream_of
from ingest.symbols import SymbolBook, learn
from schemas.markets import Market
from schemas.topics import RawType
from tests.support.fakes import FakeClocks
from tests.support.rest import rest_client
from tests.support.venue import FakeVenue


STREAMS = [
    stream_of(Market.COINM, "trade", "BTCUSD_PERP"),
    stream_of(Market.COINM, "aggTrade", "BTCUSD_PERP"),
    stream_of(Market.COINM, "aggTrade", "ETHUSD_PERP"),
]


def test_aggregate_trades_say_that_trades_are_made_from_them_where_there_are_no_others() -> None:
    book = SymbolBook(STREAMS)

    assert book.extra_headers(Market.COINM, RawType.AGG_TRADE, "ETHUSD_PERP") == [("carries_trades", b"1")]
    assert book.extra_headers(Market.COINM, RawType.AGG_TRADE, "BTCUSD_PERP") == []
    assert book.extra_headers(Market.COINM, RawType.TRADE, "BTCUSD_PERP") == []


def test_trades_carry_the_contract_size_once_it_is_known() -> None:
    book = SymbolBook(STREAMS)

    book.learn_contract_size(Market.COINM, "BTCUSD_PERP", 100)

    assert book.extra_headers(Market.COINM, RawType.TRADE, "BTCUSD_PERP") == [("contract_size", b"100")]
    assert book.extra_headers(Market.COINM, RawType.DEPTH, "BTCUSD_PERP") == []
    assert book.extra_headers(Market.USDM, RawType.TRADE, "BTCUSD_PERP") == []


async def test_exchange_info_tells_contract_sizes_and_which_symbols_do_not_exist() -> None:
    book = SymbolBook(STREAMS)
    async with FakeVenue() as venue, aiohttp.ClientSession() as session:
        venue.symbols = [
            {"symbol": "BTCUSD_PERP", "baseAsset": "BTC", "quoteAsset": "USD", "contractSize": 100},
            {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT"},
        ]
        rest = rest_client(f"{venue.url}/dapi/v1", session, FakeClocks(), Market.COINM)
        with capture_logs() as logs:
            await learn(
                book,
                Market.COINM,
                {"BTCUSD_PERP", "ETHUSD_PERP"},
                rest=rest,
                random=lambda: 0.0,
                log=structlog.get_logger(),
            )

    assert book.extra_headers(Market.COINM, RawType.TRADE, "BTCUSD_PERP") == [("contract_size", b"100")]
    assert [(line["log_level"], line["symbols"]) for line in logs] == [("error", ["ETHUSD_PERP"])]
