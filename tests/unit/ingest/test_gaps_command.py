from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from ingest.gaps_command import Wanted, as_table, chosen, totals
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


@pytest.mark.parametrize(("width", "lines_of_an_entry"), [(80, 2), (140, 1)])
def test_the_longest_entry_fits_the_terminal_with_no_word_broken(width: int, lines_of_an_entry: int) -> None:
    longest = msgspec.structs.replace(
        gap("1000000MOGUSDT", 4333354178, GapStatus.UNFILLABLE, Market.COINM),
        stream="agg-trade",
        reason="venue-refuses-requests",
        next_time=3_599_000,
    )
    shown = io.StringIO()
    out = Console(file=shown, width=width)

    out.print(as_table([longest], 59_000, wide=width >= 140))

    lines = shown.getvalue().splitlines()
    _, entry = "\n".join(lines).split("\n", maxsplit=1)
    ids = [str(longest.first_id), str(longest.last_id), "10"]
    words = [longest.status, longest.reason, "coinm agg-trade", longest.symbol, *ids, "01-01 00:00:00", "59 min 59 s"]
    assert [word for word in (*words, "59.0 s") if str(word) not in entry] == []
    assert len([line for line in lines if "43333541" in line]) == lines_of_an_entry
