from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from ingest.core.budget import Importance
from ingest.core.patterns import Wishes
from ingest.errors import RestError, RestRefusedError, RestUnreachableError
from ingest.listings import Listings
from schemas.rest import ExchangeInfo, SymbolInfo
from tests.support.fakes import FakeClocks


REFRESH_S, GRACE_S = 300.0, 3600.0


class Market:
    """What a venue lists, and who follows it."""

    def __init__(self, logs: list[EventDict]) -> None:
        self.logs = logs
        self.trading: dict[str, str] = {}
        """Status by symbol."""
        self.error: RestError | None = None
        self.asked: list[Importance] = []
        self.learned: list[str] = []
        self.changes: list[tuple[str, ...]] = []
        self.clocks = FakeClocks()
        self.on_ask: Callable[[], None] = lambda: None

    def follow(self, *symbols: str, without: tuple[str, ...] = ()) -> Listings:
        listings = Listings(
            Wishes(symbols, without),
            ask=self._ask,
            learn=self._learn,
            changed=lambda: self.changes.append(listings.symbols),
            refresh_s=REFRESH_S,
            grace_s=GRACE_S,
            clocks=self.clocks,
            log=structlog.get_logger(),
        )
        return listings

    def told(self) -> list[tuple[str, str]]:
        """Return what was logged since the last call, and how severe it is."""
        lines = [(line["log_level"], line["event"]) for line in self.logs]
        self.logs.clear()
        return lines

    async def _ask(self, importance: Importance) -> ExchangeInfo:
        self.asked.append(importance)
        self.on_ask()
        if self.error is not None:
            raise self.error
        symbols = [
            SymbolInfo(symbol=name, status=status, base_asset="A", quote_asset="B")
            for name, status in self.trading.items()
        ]
        return ExchangeInfo(rate_limits=[], symbols=symbols)

    def _learn(self, symbols: Sequence[SymbolInfo]) -> None:
        self.learned += [one.symbol for one in symbols]


@pytest.fixture
def market() -> Iterator[Market]:
    with capture_logs() as logs:
        yield Market(logs)


async def test_names_that_the_venue_lists_are_asked_for_once(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING"}
    listings = market.follow("AUSDT")
    assert listings.resolved

    assert await listings.look() is None

    assert (listings.symbols, market.learned, market.changes) == (("AUSDT",), ["AUSDT"], [])
    assert market.told() == []


async def test_patterns_are_resolved_and_followed(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING", "BUSDT": "PENDING_TRADING"}
    listings = market.follow("*USDT")
    assert (listings.symbols, listings.resolved, listings.answered.is_set()) == ((), False, False)

    assert await listings.look() == REFRESH_S
    assert (listings.resolved, listings.answered.is_set()) == (True, True)
    market.trading["BUSDT"] = "TRADING"
    assert await listings.look() == REFRESH_S

    assert market.asked == [Importance.CLOCK, Importance.REFRESH]
    assert market.changes == [("AUSDT",), ("AUSDT", "BUSDT")]
    assert [line["symbols"] for line in market.logs] == [["AUSDT"], ["BUSDT"]]
    assert market.told() == [("info", "symbols taken")] * 2


async def test_patterns_that_stand_for_nothing_are_told_and_count_as_resolved(market: Market) -> None:
    market.trading = {"ABTC": "TRADING"}
    listings = market.follow("*USDT")

    for _ in range(2):
        await listings.look()

    assert market.changes == [()]
    assert market.told() == [("warning", "patterns that stand for no symbol that trades")]


async def test_an_empty_list_is_no_answer(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING"}
    listings = market.follow("*USDT")
    await listings.look()
    market.told()

    market.trading = {}
    for _ in range(3):
        assert (await listings.look() or REFRESH_S) < REFRESH_S

    assert (listings.symbols, market.changes, market.learned) == (("AUSDT",), [("AUSDT",)], ["AUSDT"])
    assert market.told() == [("warning", "venue's list of symbols is empty: not believed, asked for again")] * 3


async def test_an_empty_list_at_the_start_resolves_nothing(market: Market) -> None:
    listings = market.follow("*USDT")

    await listings.look()

    assert (listings.resolved, listings.answered.is_set(), market.changes) == (False, False, [])


async def test_delisted_and_halted_symbols_are_left_with_the_reason(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING", "BUSDT": "TRADING", "CUSDT": "TRADING"}
    listings = market.follow("*USDT")
    await listings.look()
    market.told()

    market.trading = {"AUSDT": "TRADING", "BUSDT": "BREAK"}
    for _ in range(2):
        await listings.look()
    market.clocks.pass_ms(GRACE_S * 1000)
    await listings.look()

    assert [(line["reason"], line["symbols"]) for line in market.logs] == [
        ("not listed any more", ["CUSDT"]),
        ("does not trade any more", ["BUSDT"]),
    ]
    assert market.told() == [("warning", "symbols left")] * 2
    assert market.changes[1:] == [("AUSDT", "BUSDT"), ("AUSDT",)]


async def test_a_name_that_the_venue_does_not_list_is_told_once_and_asked_for_until_it_does(market: Market) -> None:
    market.trading = {"LUNAUSDT": "BREAK"}
    listings = market.follow("NEWUSDT", "LUNAUSDT")

    for _ in range(2):
        assert await listings.look() == REFRESH_S
    assert market.told() == [
        ("error", "symbols that the venue does not have"),
        ("warning", "symbols that do not trade"),
    ]

    market.trading["NEWUSDT"] = "TRADING"
    assert await listings.look() is None

    assert market.told() == [("info", "symbols that the venue has at last")]
    assert market.changes == []


async def test_a_venue_that_does_not_answer_is_asked_again_with_growing_delays(market: Market) -> None:
    market.error = RestUnreachableError("https://venue", "refused")
    listings = market.follow("AUSDT")

    assert [await listings.look() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert not listings.answered.is_set()

    market.error, market.trading = None, {"AUSDT": "TRADING"}
    assert await listings.look() is None
    market.error = RestUnreachableError("https://venue", "refused")
    assert await listings.look() == 1


async def test_a_venue_that_refuses_is_asked_at_the_ordinary_interval(market: Market) -> None:
    market.error = RestRefusedError("https://venue", 451, None, "not in your country")

    assert await market.follow("*").look() == REFRESH_S
    assert market.told() == [("error", "venue does not tell its symbols")]


async def test_a_failure_leaves_everything_as_it_is(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING"}
    listings = market.follow("*")
    await listings.look()

    market.error = RestRefusedError("https://venue", 503, None, "")
    for _ in range(5):
        await listings.look()

    assert listings.symbols == ("AUSDT",)
    assert market.changes == [("AUSDT",)]


async def test_other_wishes_are_compared_with_the_list_at_once(market: Market) -> None:
    market.trading = {"AUSDT": "TRADING", "BUSDT": "TRADING"}
    listings = market.follow("A*")
    await listings.look()

    listings.wish(Wishes(("*", "CUSDT"), ("A*",)))

    assert listings.symbols == ("BUSDT", "CUSDT")
    assert [line["event"] for line in market.logs[1:]] == [
        "symbols taken",
        "symbols left",
        "symbols that the venue does not have",
    ]


async def test_many_symbols_make_one_short_line(market: Market) -> None:
    market.trading = {f"S{number:03}": "TRADING" for number in range(500)}

    await market.follow("*").look()

    assert [(line["symbol_count"], len(line["symbols"])) for line in market.logs] == [(500, 20)]


async def test_running_it_asks_at_once_and_again_when_the_wishes_change(market: Market) -> None:
    asked = asyncio.Event()
    market.trading = {"AUSDT": "TRADING"}
    market.on_ask = asked.set
    listings = market.follow("AUSDT")
    running = asyncio.create_task(listings.run())
    async with asyncio.timeout(20):
        await listings.answered.wait()
        asked.clear()

        listings.wish(Wishes(("*",)))
        await asked.wait()

    running.cancel()
