from __future__ import annotations

from ingest.gaps_command import Wanted, chosen, totals
from schemas.control import Gap, GapStatus
from schemas.markets import Market


def gap(symbol: str, first_id: int, status: GapStatus, market: Market = Market.SPOT) -> Gap:
    """Return an entry of ten ids."""
    return Gap(
        market=market,
        stream="trade",
        symbol=symbol,
        epoch=0,
        first_id=first_id,
        last_id=first_id + 9,
        status=status,
        reason=None,
        previous_time=0,
        next_time=1,
        opened_time=2,
        updated_time=3,
    )


LEDGER = [
    gap("ETHUSDT", 5, GapStatus.FILLED),
    gap("BTCUSDT", 30, GapStatus.DEFERRED),
    gap("BTCUSDT", 7, GapStatus.ABSENT),
    gap("BTCUSDT", 10, GapStatus.OPEN, Market.USDM),
]


def shown(market: Market | None, symbol: str | None, status: Wanted) -> list[tuple[str, int]]:
    return [(one.symbol, one.first_id) for one in chosen(LEDGER, market, symbol, status)]


def test_open_entries_come_first_then_by_market_and_symbol() -> None:
    assert shown(None, None, Wanted.ALL) == [("BTCUSDT", 30), ("BTCUSDT", 10), ("BTCUSDT", 7), ("ETHUSDT", 5)]


def test_market_symbol_and_status_choose() -> None:
    assert shown(Market.USDM, None, Wanted.ALL) == [("BTCUSDT", 10)]
    assert shown(Market.SPOT, "btcusdt", Wanted.OPEN) == [("BTCUSDT", 30)]
    assert shown(None, None, Wanted.CLOSED) == [("BTCUSDT", 7), ("ETHUSDT", 5)]


def test_totals_count_entries_and_ids_by_status_and_an_empty_ledger_says_so() -> None:
    assert totals(LEDGER) == "4 entries: absent 1 (10 ids), deferred 1 (10 ids), filled 1 (10 ids), open 1 (10 ids)"
    assert totals([]) == "the ledger is empty: nothing was ever missing"
