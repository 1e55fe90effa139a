"""What a page is told, beat by beat; the time is the test's."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.api.example_accounts import example_balance
from dashboard.api.examples import example_values
from dashboard.core.accounts import Accounts
from dashboard.core.answers import Document, Moment
from dashboard.core.store import Limits, Store
from dashboard.core.views import MarketView, OperationsView, View
from schemas.derived import AlertStatus, BookState
from schemas.markets import Market
from tests.unit.dashboard.values import SYMBOL, alert, candle, flow, ticker, top, trade


SPOT = Market.SPOT


class Now:
    """A beat of the test's."""

    def __init__(self, at_s: float, unread: frozenset[str] = frozenset(), obstacle: str | None = None) -> None:
        self.moment = Moment(1_723_161_661_250, obstacle, at_s)
        self._unread = unread

    def status(self) -> Document:
        return {"source": "the test"}

    def operations(self) -> Document:
        return {"streams": []}

    def readable(self, market: Market, schema: str) -> bool:
        return market is SPOT and schema not in self._unread


class Page:
    """A page over a store, ten beats a second."""

    def __init__(self, *, accounts: Accounts | None = None) -> None:
        self.store = Store(Limits())
        self.view = MarketView(self.store, accounts, SPOT, SYMBOL, interval="1m", depth=5)
        self.beat = 0

    def told(self, beats: int = 1, **now: Any) -> dict[str, Document]:
        """Return what is told at the beat after so many, by event."""
        self.beat += beats
        return told(self.view, Now(self.beat / 10, **now))

    def take(self, schema: str, value: Any) -> None:
        self.store.take(SPOT, schema, value, 0)


def told(view: View, now: Now) -> dict[str, Document]:
    pushes = list(view.due(now))
    assert len({push.event for push in pushes}) == len(pushes), "one of a kind"
    return {push.event: push.document() for push in pushes}


@pytest.fixture
def page() -> Page:
    one = Page()
    for schema, value in example_values().items():
        one.take(schema, value)
    return one


def test_at_first_all_that_is_known_is_told(page: Page) -> None:
    everything = page.told()

    assert set(everything) == {"status", "book", "candles", "trades", "ticker", "liquidity", "alerts"}
    assert len(everything["candles"]["candles"]) == len(everything["trades"]["trades"]) == 1


def test_while_nothing_changes_only_ages_are_told_once_a_second(page: Page) -> None:
    page.told()

    heard = [set(page.told()) for _ in range(30)]

    assert heard == [{"status", "book"} if beat % 10 == 9 else set() for beat in range(30)]


def test_of_many_changes_between_two_beats_the_newest_state_is_told_once(page: Page) -> None:
    page.told()
    for number in range(1, 500):
        page.take("top-of-book", top(30_000 + number, update_id=60_000_000 + number))
        page.take("ticker", ticker(1_723_161_700_000 + number))
        page.take("candle", candle(1_723_161_600_000, 90_000 + number, trade_count=number))

    news = page.told()

    assert set(news) == {"book", "ticker", "candle"}
    assert news["book"]["top"]["update_id"] == 60_000_499
    assert [one["trade_count"] for one in news["candle"]["candles"]] == [499]
    assert page.told() == {}


def test_a_page_that_was_slow_is_told_the_state_of_now_and_nothing_in_between(page: Page) -> None:
    page.told()
    for number in range(1, 6):
        page.take("top-of-book", top(30_000 + number, update_id=60_000_000 + number))
        page.take("trade", trade(4_000_000_000 + number, 90_000 + number))

    news = page.told(beats=600)

    assert news["book"]["top"]["update_id"] == 60_000_005
    assert [one["trade_id"] for one in news["trades"]["trades"]] == [4_000_000_000 + n for n in range(1, 6)]


def test_of_trades_only_the_new_ones_are_told_and_at_most_a_hundred(page: Page) -> None:
    page.told()
    page.take("trade", trade(4_000_000_000, 90_000))
    assert [one["trade_id"] for one in page.told()["trades"]["trades"]] == [4_000_000_000]

    for number in range(1, 151):
        page.take("trade", trade(4_000_000_000 + number, 90_000 + number))

    ids = [one["trade_id"] for one in page.told()["trades"]["trades"]]
    assert ids == [4_000_000_000 + n for n in range(51, 151)]


def test_another_symbol_s_changes_are_not_told(page: Page) -> None:
    page.told()
    page.take("top-of-book", top(30_000, symbol="ETHUSDT"))
    page.take("trade", trade(1, symbol="ETHUSDT"))
    page.take("ticker", ticker(1_723_161_700_000, symbol="ETHUSDT"))

    assert page.told() == {}


def test_flow_is_told_when_a_window_of_ten_seconds_closed(page: Page) -> None:
    page.told()
    page.take("trade-flow", flow(1_723_161_660_000, window="10s"))

    assert page.told()["flow"]["window"] == "10s"
    assert page.told() == {}


def test_alerts_of_the_symbol_are_told_with_open_ones_first(page: Page) -> None:
    page.take("alert", alert(1_723_161_700_000, symbol="ETHUSDT"))
    page.take("alert", alert(1_723_161_700_000))
    page.take("alert", alert(1_723_161_700_000, status=AlertStatus.CLOSED, time=1_723_161_710_000))

    states = [one["status"] for one in page.told()["alerts"]["alerts"]]

    assert states == ["open", "closed"]


def test_a_book_that_nothing_is_heard_of_any_more_is_told_as_stale_at_once(page: Page) -> None:
    page.told()

    assert page.told(obstacle="the broker is away")["book"]["state"] == BookState.STALE
    assert page.told(obstacle="the broker is away") == {}
    assert page.told()["book"]["state"] == BookState.LIVE


def test_what_is_not_read_to_its_present_is_not_told_until_it_is(page: Page) -> None:
    everything = frozenset({"top-of-book", "candle", "trade", "trade-flow", "ticker", "liquidity", "alert"})

    assert set(page.told(unread=everything)) == {"status"}
    assert set(page.told(unread=everything - {"trade"})) == {"trades"}
    assert set(page.told()) == {"book", "candles", "ticker", "liquidity", "alerts"}


def test_of_a_symbol_of_which_nothing_is_known_only_the_status_and_alerts_are_told() -> None:
    assert set(Page().told()) == {"status", "alerts"}


def test_candles_of_a_topic_that_was_replaced_are_told_whole_again(page: Page) -> None:
    page.take("candle", candle(1_723_161_600_000, 90_000))
    page.told()
    for partition in range(12):
        page.store.forget(SPOT, "candle", partition, interval="1m")
        page.store.forget(SPOT, "trade", partition)
    page.take("candle", candle(1_723_161_600_000, 1))
    page.take("trade", trade(5, 1))

    news = page.told()

    assert len(news["candles"]["candles"]) == 1
    assert [one["trade_id"] for one in news["trades"]["trades"]] == [5]


def test_accounts_are_told_where_they_are_read_when_they_change() -> None:
    accounts = Accounts(10)
    page = Page(accounts=accounts)
    assert page.told()["accounts"] == {"orders": [], "balances": [], "positions": []}
    assert "accounts" not in page.told()

    accounts.take(Market.USDM, example_balance())

    assert len(page.told()["accounts"]["balances"]) == 1


def test_operators_are_told_once_a_second() -> None:
    view = OperationsView()

    heard = [set(told(view, Now(beat / 10))) for beat in range(21)]

    assert heard == [{"status", "operations"} if beat % 10 == 0 else set() for beat in range(21)]


def test_pages_that_are_told_the_same_share_what_is_written_and_others_do_not(page: Page) -> None:
    """Equal keys must mean equal documents, also of two pages of which one came later."""
    late = MarketView(page.store, None, SPOT, SYMBOL, interval="1m", depth=5)
    deep = MarketView(page.store, None, SPOT, SYMBOL, interval="5m", depth=9)
    page.told()
    page.take("trade", trade(4_000_000_000, 90_000))
    page.take("candle", candle(1_723_161_660_000, 90_000))

    now = Now(5.0)
    written: dict[object, Document] = {}
    for view in (page.view, late, deep):
        for push in view.due(now):
            document = push.document()
            assert written.setdefault(push.key, document) == document, push.key

    assert len(written) == 10
