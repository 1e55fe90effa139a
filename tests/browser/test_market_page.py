"""The market page, over a pipeline as it is deployed, in a real browser."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, expect

from dashboard.api.example_accounts import example_balance, example_order, example_position
from schemas.derived import Alert, AlertKind, AlertStatus, TakerSide
from schemas.markets import Market
from schemas.topics import DerivedType, partition_of
from tests.browser.driver import opened
from tests.browser.site import ReadService, Site
from tests.support.broker_io import Sent, send
from tests.support.polling import until


pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

BTC = "/?market=spot&symbol=BTCUSDT&interval=1m"
FILLED = "() => document.querySelectorAll('#bids tr th:not(:empty)').length > 5"

SAID = """() => {
    window.said = [];
    const spoken = document.getElementById('announcements');
    new MutationObserver(() => said.push(spoken.textContent)).observe(spoken, { childList: true });
}"""
"""From now on keeps what is announced: the next announcement takes the place of one."""


def plain(shown: str) -> str:
    """Return a number as it is written in an answer, but for zeros at its end."""
    return shown.replace(",", "").rstrip("0").rstrip(".") if "." in shown else shown.replace(",", "")


async def test_every_trade_on_the_tape_is_the_read_services_to_the_last_digit(
    browser: Browser, service: ReadService
) -> None:
    rows = """() => [...document.querySelectorAll('#trades tr:not(.hole)')].map((row) => [
        Number(row.title.replace(/\\D/g, '')), ...[...row.cells].slice(1).map((cell) => cell.textContent)])"""
    async with opened(browser, service.address, BTC) as tab:
        await tab.until("() => document.querySelectorAll('#trades tr:not(.hole)').length >= 20")
        shown = await tab.run(rows)

        answer = await service.get("/api/v1/markets/spot/trades/BTCUSDT?limit=200")
        told = {one["trade_id"]: one for one in answer["trades"] if one["kind"] == "trade"}
        words = {"BUY": "▲ Buy", "SELL": "▼ Sell"}
        compared = [row for row in shown if row[0] in told]
        assert len(compared) >= 20
        for trade_id, side, price, quantity in compared:
            trade = told[trade_id]
            assert (side, plain(price), plain(quantity)) == (
                words[trade["taker_side"]],
                plain(trade["price"]),
                plain(trade["quantity"]),
            )


async def test_the_ladder_is_the_book_of_the_read_service(browser: Browser, service: ReadService) -> None:
    """The book moves; at some moment both are of the same one."""
    side_of = "() => [...document.querySelectorAll('#%s tr:not(.deep)')].map((row) => row.innerText.split('\\t'))"
    async with opened(browser, service.address, BTC) as tab:
        await tab.until(FILLED)
        assert await tab.text("#book-state") == "live"

        async def are_equal() -> bool:
            book = await service.get("/api/v1/markets/spot/books/BTCUSDT?depth=50")
            asks = [[plain(text) for text in row[:2]] for row in await tab.run(side_of % "asks")][::-1]
            bids = [[plain(text) for text in row[:2]] for row in await tab.run(side_of % "bids")]
            return (asks, bids) == (levels(book, "ask", len(asks)), levels(book, "bid", len(bids)))

        await until(are_equal, every_s=0.02)


def levels(book: dict[str, Any], side: Literal["ask", "bid"], count: int) -> list[list[str]]:
    """Return the levels of a side as the newest records say: the best price, and what stands behind it."""
    best, kept = [book["top"][f"{side}_price"], book["top"][f"{side}_quantity"]], book[f"{side}s"]
    if book["top"]["update_id"] > book["snapshot_update_id"]:
        sign = 1 if side == "ask" else -1
        kept = [best, *(one for one in kept if sign * (float(one[0]) - float(best[0])) > 0)]
    return [[plain(text) for text in one] for one in kept[:count]]


async def test_the_page_moves_without_being_loaded_again(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await tab.until(FILLED)
        await tab.until("() => document.querySelector('#last').textContent !== ''")
        before = await tab.text("#trades tr:first-child"), await tab.text("#bids"), await tab.page.title()

        await tab.until("() => document.querySelectorAll('#trades tr.fresh').length > 3")
        await tab.page.wait_for_function("(old) => document.title !== old", arg=before[2])

        async def has_moved() -> bool:
            return await tab.text("#bids") != before[1]

        await until(has_moved)
        # The title also changes with the number of places; the arrow comes with the first other price.
        await tab.until("() => /[▲▼]$/.test(document.querySelector('#last').textContent)")
        assert "BTCUSDT · Spot" in await tab.page.title()
        assert re.fullmatch(r"[\d,.]+ [▲▼]", await tab.text("#last"))


async def test_charts_are_drawn_and_have_words_beside_them(browser: Browser, service: ReadService) -> None:
    painted = """() => ['candles-chart', 'depth-chart', 'flow-chart'].every((id) =>
        [...document.getElementById(id).querySelectorAll('canvas')].some((canvas) =>
            canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)))"""
    async with opened(browser, service.address, BTC) as tab:
        await tab.until("() => !document.querySelector('#flow .body').hidden")
        await tab.until("() => !document.querySelector('#candles .body').hidden")
        await tab.until(painted)

        assert re.search(r"[\d.]+ in \d+ bids, the last \u2212[\d.]+ % away", await tab.run(text_of("depth-words")))
        assert re.search(r"Open [\d,.]+ High [\d,.]+ Low [\d,.]+ Close [\d,.]+", await tab.text("#candles-legend"))
        await tab.page.get_by_text("The last candles as a table").click()
        await expect(tab.page.locator("#candles-rows tr").first).to_be_visible()
        assert re.search(r"\d % bought", (await tab.texts("#flow-rows tr"))[0])


def text_of(element: str) -> str:
    return f"() => document.getElementById('{element}').textContent"


async def test_a_final_candle_in_the_table_is_exact(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await tab.page.locator("#candles-table summary").click()
        await tab.until("() => document.querySelectorAll('#candles-rows tr').length > 0")

        async def is_exact() -> bool:
            told = (await service.get("/api/v1/markets/spot/candles/BTCUSDT?interval=1m&limit=1"))["candles"][-1]
            cells = (await tab.page.locator("#candles-rows tr").first.inner_text()).split("\t")
            names = ("open", "high", "low", "close", "base_volume")
            return [plain(text) for text in cells[1:6]] == [plain(told[name]) for name in names]

        await until(is_exact, every_s=0.02)


async def test_a_symbol_is_picked_with_the_keyboard_and_stays_in_the_address(
    browser: Browser, service: ReadService
) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await tab.until(FILLED)
        symbol = tab.page.get_by_role("combobox", name="Symbol")
        await tab.page.keyboard.press("/")
        await expect(symbol).to_be_focused()
        await expect(symbol).to_have_attribute("aria-expanded", "true")
        await expect(tab.page.get_by_role("option")).to_have_count(3)

        await tab.page.keyboard.type("eth")
        await expect(tab.page.get_by_role("option")).to_have_count(1)
        await tab.page.keyboard.press("Enter")

        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("ETHUSDT Spot")
        assert query_of(tab.page.url) == {"market": ["spot"], "symbol": ["ETHUSDT"], "interval": ["1m"]}
        await tab.until(FILLED)

        await tab.page.go_back()
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("BTCUSDT Spot")
        await symbol.click()
        for key in ("End", "ArrowUp", "Enter"):
            await tab.page.keyboard.press(key)
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("BTCUSDT USD-M")


async def test_what_was_looked_at_last_is_shown_where_the_address_names_nothing(
    browser: Browser, service: ReadService
) -> None:
    async with opened(browser, service.address, "/") as tab:
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("BTCUSDT Spot")
        await tab.page.get_by_role("combobox", name="Symbol").fill("eth")
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("ETHUSDT Spot")

        await tab.page.goto(f"{service.address}/")

        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("ETHUSDT Spot")


async def test_the_interval_is_changed_by_button_and_by_key(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await tab.page.get_by_role("button", name="5m", exact=True).click()
        await tab.until(FILLED)
        assert query_of(tab.page.url)["interval"] == ["5m"]
        await expect(tab.page.get_by_role("button", name="5m", exact=True)).to_have_attribute("aria-pressed", "true")

        await tab.page.get_by_role("heading", level=1).click()
        await tab.page.keyboard.press("4")
        await expect(tab.page.get_by_role("button", name="1h", exact=True)).to_have_attribute("aria-pressed", "true")
        assert query_of(tab.page.url)["interval"] == ["1h"]


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


async def test_keys_can_be_switched_off(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await tab.page.keyboard.press("?")
        await tab.page.get_by_label("Single keys work as shortcuts").uncheck()
        await tab.page.get_by_role("button", name="Close").click()

        await tab.page.keyboard.press("4")
        await tab.page.keyboard.press("?")

        await expect(tab.page.get_by_role("dialog")).to_be_hidden()
        assert query_of(tab.page.url)["interval"] == ["1m"]


async def test_the_page_says_that_the_exchange_is_simulated(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, BTC) as tab:
        await expect(tab.page.locator("#source")).to_have_text("Simulated exchange")
        await expect(tab.page.locator("#connection")).to_have_text("connected")


async def test_an_alert_appears_and_is_announced(browser: Browser, site: Site, service: ReadService) -> None:
    topic = site.deployment.table.derived(Market.SPOT, DerivedType.ALERT)
    now = (await service.get("/api/v1/markets/spot/tickers/BTCUSDT"))["event_time"]
    alert = Alert(
        symbol="BTCUSDT",
        kind=AlertKind.ONE_SIDED_FLOW,
        status=AlertStatus.OPEN,
        opened_time=now,
        time=now,
        window="10s",
        side=TakerSide.SELL,
        value=91 * 10**14,
        threshold=80 * 10**14,
        baseline=None,
        input_offset=10**12,
    )
    record = Sent(topic.name, partition_of("BTCUSDT"), site.codec.encode(topic, alert), b"BTCUSDT", now)
    async with opened(browser, service.address, BTC) as tab:
        # What is there already is not announced.
        await tab.until("() => !document.querySelector('#alerts .empty').textContent.includes('not read yet')")
        await tab.run(SAID)
        await send(site.deployment.broker, [record])

        shown = tab.page.locator("#alerts-list li").filter(has_text="sellers had 91 % in 10s, limit 80 %")
        await expect(shown).to_contain_text("open")
        await tab.until("() => said.some((text) => text.includes('Alert: One-sided flow of BTCUSDT.'))")


async def test_a_symbol_that_nobody_knows_is_told_so(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, "/?market=spot&symbol=NOSUCH") as tab:
        await expect(tab.page.locator("#banner")).to_contain_text('symbol "NOSUCH"')
        assert "No order book of NOSUCH yet" in await tab.text("#book")
        tab.forgive(lambda error: "404" in error)


async def test_orders_are_shown_only_where_the_service_reads_them(
    browser: Browser, site: Site, service: ReadService
) -> None:
    table = site.deployment.table
    records = []
    for of, value in (
        (DerivedType.ORDER, example_order()),
        (DerivedType.BALANCE, example_balance()),
        (DerivedType.POSITION, example_position()),
    ):
        topic = table.derived(Market.USDM, of)
        records.append(Sent(topic.name, partition_of("main"), site.codec.encode(topic, value), str(of).encode()))
    await send(site.deployment.broker, records)
    async with opened(browser, service.address, BTC) as tab:
        await tab.until(FILLED)
        await expect(tab.page.locator("#private")).to_be_hidden()

    async with (
        site.read_service(DASHBOARD_PRIVATE="true") as private,
        opened(browser, private.address, BTC) as tab,
    ):
        await expect(tab.page.locator("#private-rows")).to_contain_text("▲ Buy")
        assert "partially filled" in await tab.text("#private-rows")
        await tab.page.get_by_role("button", name="Balances").click()
        await expect(tab.page.locator("#private-rows")).to_contain_text("125,000")
        await tab.page.get_by_role("button", name="Positions").click()
        await expect(tab.page.locator("#private-rows")).to_contain_text("cross")
