from __future__ import annotations

from ingest.core.streams import stream_of
from ingest.symbols import SymbolBook
from schemas.markets import Market
from schemas.rest import SymbolInfo
from schemas.topics import RawType


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


def test_exchange_info_tells_contract_sizes_and_what_is_listed() -> None:
    book = SymbolBook(STREAMS)
    assert book.status(Market.COINM, "BTCUSD_PERP") is None

    book.learn(
        Market.COINM,
        [
            SymbolInfo(
                symbol="BTCUSD_PERP",
                base_asset="BTC",
                quote_asset="USD",
                contract_size=100,
                contract_status="PRE_SETTLE",
            )
        ],
    )

    assert book.extra_headers(Market.COINM, RawType.TRADE, "BTCUSD_PERP") == [("contract_size", b"100")]
    assert book.status(Market.COINM, "BTCUSD_PERP") == "PRE_SETTLE"
    assert book.status(Market.COINM, "ETHUSD_PERP") == ""


def test_what_carries_trades_follows_what_is_subscribed_to() -> None:
    book = SymbolBook(STREAMS)

    book.take(Market.COINM, STREAMS[1:])
    book.take(Market.USDM, [])

    assert book.extra_headers(Market.COINM, RawType.AGG_TRADE, "BTCUSD_PERP") == [("carries_trades", b"1")]
