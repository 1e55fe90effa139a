"""The operators' page, over a pipeline as it is deployed, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driver import opened
from tests.browser.site import SYMBOLS, ReadService, Site


pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


async def test_every_stream_is_told_of_with_its_state_and_lag(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, "/operations") as tab:
        for market in ("Spot", "USD-M"):
            for stream in ("trade", "depth", "ticker"):
                row = tab.page.get_by_role("row").filter(
                    has=tab.page.get_by_role("rowheader", name=stream, exact=True), has_text=market
                )
                await expect(row.first).to_contain_text("live")
        lag = "() => /^\\d+ (ms|s|min)$/.test(document.querySelector('#streams-rows tr').cells[4].textContent)"
        await tab.until(lag)


async def test_books_connections_topics_and_groups_are_told_of(
    browser: Browser, site: Site, service: ReadService
) -> None:
    prefix = site.deployment.table.prefix
    books = sum(map(len, SYMBOLS.values()))
    async with opened(browser, service.address, "/operations") as tab:
        await expect(tab.page.locator("#books-note")).to_have_text(f"{books} of {books} live")
        assert await tab.text("#books .empty") == "Every book is live."
        await expect(tab.page.locator("#connections-rows")).to_contain_text("up")
        topic = tab.page.get_by_role("row").filter(has_text=f"{prefix}.spot.raw.depth")
        await expect(topic).to_have_count(1)
        await expect(topic.locator("polyline")).to_have_attribute("points", re.compile(r"[\d.]+,[\d.]+ "))
        group = tab.page.get_by_role("row").filter(has_text=f"{prefix}-processors-books")
        await expect(group).to_contain_text("stable")


async def test_figures_move_each_second(browser: Browser, service: ReadService) -> None:
    async with opened(browser, service.address, "/operations") as tab:
        await tab.until("() => document.querySelectorAll('#topics-rows tr').length > 3")
        before = await tab.text("#topics-rows")

        await tab.page.wait_for_function(
            "(old) => document.getElementById('topics-rows').innerText !== old", arg=before
        )
