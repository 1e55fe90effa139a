from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.core.patterns import Resolution, Wishes, is_pattern, matches, resolve, trading_by_symbol
from schemas.rest import SymbolInfo


SYMBOLS = st.text("AB1_币é", min_size=1, max_size=6)
PATTERNS = st.text("AB1_币é*?", min_size=1, max_size=6)
LISTS = st.dictionaries(SYMBOLS, st.booleans(), max_size=20)
WISHES = st.builds(
    Wishes,
    st.lists(PATTERNS, max_size=5).map(tuple),
    st.lists(PATTERNS, max_size=3).map(tuple),
)

SPOT = {"BTCUSDT": True, "ETHUSDT": True, "ETHBTC": True, "BTCUPUSDT": True, "LUNAUSDT": False, "币安人生USDT": True}
USDM = {"BTCUSDT": True, "BTCUSDT_261225": True, "BTCUSDT_270326": False, "BTCUSDC": True, "ETHUSDT": True}


def wished(*symbols: str, without: tuple[str, ...] = ()) -> Wishes:
    return Wishes(symbols, without)


@pytest.mark.parametrize(
    ("wishes", "symbols"),
    [
        (wished("*USDT"), ("BTCUPUSDT", "BTCUSDT", "ETHUSDT", "币安人生USDT")),
        (wished("*USDT", without=("*UPUSDT", "币*")), ("BTCUSDT", "ETHUSDT")),
        (wished("ETH*"), ("ETHBTC", "ETHUSDT")),
        (wished("*"), ("BTCUPUSDT", "BTCUSDT", "ETHBTC", "ETHUSDT", "币安人生USDT")),
        (wished("ETH???"), ("ETHBTC",)),
        (wished("币安人生*"), ("币安人生USDT",)),
        (wished("ETH*", "LUNAUSDT", without=("*BTC",)), ("ETHUSDT", "LUNAUSDT")),
        (wished("*USDT", "BTCUPUSDT", without=("BTC*",)), ("BTCUPUSDT", "ETHUSDT", "币安人生USDT")),
    ],
)
def test_patterns_stand_for_what_trades_less_what_is_excluded(wishes: Wishes, symbols: tuple[str, ...]) -> None:
    assert resolve(wishes, SPOT).symbols == symbols


@pytest.mark.parametrize(
    ("pattern", "symbols"),
    [
        ("BTC*", ("BTCUSDC", "BTCUSDT", "BTCUSDT_261225")),
        ("BTC*USDT", ("BTCUSDT",)),
        ("*USDT_*", ("BTCUSDT_261225",)),
        ("*USDT", ("BTCUSDT", "ETHUSDT")),
    ],
)
def test_on_futures_a_pattern_says_whether_delivery_contracts_are_meant(pattern: str, symbols: tuple[str, ...]) -> None:
    assert resolve(wished(pattern), USDM).symbols == symbols


def test_a_name_in_full_is_taken_in_any_case_and_its_state_is_told() -> None:
    assert resolve(wished("BTCUSDT", "LUNAUSDT", "NEWUSDT", "*BNB"), SPOT) == Resolution(
        symbols=("BTCUSDT", "LUNAUSDT", "NEWUSDT"), unlisted=("NEWUSDT",), halted=("LUNAUSDT",), idle=("*BNB",)
    )


def test_what_trades_is_read_from_both_names_of_the_status() -> None:
    def symbol(name: str, **status: Any) -> SymbolInfo:
        return SymbolInfo(symbol=name, base_asset="BTC", quote_asset="USD", **status)

    infos = [
        symbol("BTCUSDT", status="TRADING"),
        symbol("LUNAUSDT", status="BREAK"),
        symbol("OLDUSDT", status="CANCEL_ONLY"),
        symbol("BTCUSD_PERP", contract_status="TRADING"),
        symbol("BTCUSD_261225", contract_status="PRE_DELIVERING"),
        symbol("NOTHING"),
        symbol("", status="TRADING"),
    ]

    assert trading_by_symbol(infos) == {
        "BTCUSDT": True,
        "LUNAUSDT": False,
        "OLDUSDT": False,
        "BTCUSD_PERP": True,
        "BTCUSD_261225": False,
        "NOTHING": True,
    }


@given(WISHES, LISTS)
def test_taken_is_every_name_and_each_trading_symbol_that_is_matched_and_not_excluded(
    wishes: Wishes, trading: dict[str, bool]
) -> None:
    """Against the standard library's matcher, which was written by others."""
    expected = {name for name in wishes.symbols if not is_pattern(name)} | {
        symbol
        for symbol, trades in trading.items()
        if trades
        and any(fnmatchcase(symbol, one) for one in wishes.symbols if is_pattern(one))
        and not any(fnmatchcase(symbol, one) for one in wishes.excluded)
    }

    assert set(resolve(wishes, trading).symbols) == expected


@given(WISHES, LISTS, st.randoms())
def test_the_resolution_depends_on_no_order(wishes: Wishes, trading: dict[str, bool], random: object) -> None:
    def shuffled(items: list[Any]) -> list[Any]:
        return sorted(items, key=lambda _: random.random())  # type: ignore[attr-defined]  # Hypothesis's Random

    again = Wishes(tuple(shuffled(list(wishes.symbols))), tuple(shuffled(list(wishes.excluded))))
    result, other = resolve(wishes, trading), resolve(again, dict(shuffled(list(trading.items()))))

    assert result == other
    assert len(set(result.symbols)) == len(result.symbols)


@given(SYMBOLS)
def test_a_symbol_matches_itself_and_everything_matches_the_star(symbol: str) -> None:
    assert matches(symbol, symbol)
    assert matches("*", symbol)
    assert not matches(symbol, symbol + "X")


@pytest.mark.parametrize("symbol", ["A.B", "A+", "(A)", "A[B]", "A\\B"])
def test_signs_that_mean_something_elsewhere_mean_themselves(symbol: str) -> None:
    assert matches(symbol, symbol)
    assert not matches(symbol, "AXB")
