"""What a page shows when what is behind it goes away, and that it comes back by itself."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driver import opened
from tests.browser.site import ReadService, Site


pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

BTC = "/?market=spot&symbol=BTCUSDT"
FILLED = "() => document.querySelectorAll('#bids tr th:not(:empty)').length > 5"
FRESH = "() => document.querySelectorAll('.panel.stale').length === 0"


async def test_a_page_comes_back_when_the_server_does(browser: Browser, site: Site) -> None:
    async with AsyncExitStack() as life:
        service = await life.enter_async_context(site.read_service())
        async with opened(browser, service.address, BTC) as tab:
            await tab.until(FILLED)
            await tab.until(FRESH)

            await life.aclose()
            await expect(tab.page.locator("#banner")).to_contain_text("Disconnected, retrying")
            await expect(tab.page.locator("#connection")).to_have_text("disconnected")
            await expect(tab.page.locator("#book")).to_have_class("panel stale")
            await expect(tab.page.locator("#announcements")).to_have_text("Disconnected. Retrying.")

            async with site.read_service(port=service.port):
                await expect(tab.page.locator("#connection")).to_have_text("connected")
                await expect(tab.page.locator("#banner")).to_be_hidden()
                await tab.until(FRESH)
                await tab.until("() => document.querySelectorAll('#trades tr.fresh').length > 3")
                # The second life's end is no part of the test.
                await tab.page.goto("about:blank")
            tab.forgive(lambda error: "net::ERR_" in error)


async def test_what_the_workers_do_not_tell_any_more_looks_stale(
    browser: Browser, site: Site, service: ReadService
) -> None:
    """The read service and the broker are there, so that nothing else tells."""
    async with opened(browser, service.address, BTC) as tab:
        await tab.until(FILLED)
        await tab.until(FRESH)

        async with halted(site.workers):
            await expect(tab.page.locator("#book")).to_have_class("panel stale")
            await expect(tab.page.locator("#book .age")).to_contain_text(re.compile(r"no news for \d+ s"))
            await expect(tab.page.locator("#connection")).to_have_text("connected")
            assert float(await tab.run("() => getComputedStyle(document.querySelector('#book .body')).opacity")) < 1

        await tab.until("() => !document.querySelector('#book').classList.contains('stale')")


@asynccontextmanager
async def halted(processes: Iterable[asyncio.subprocess.Process]) -> AsyncIterator[None]:
    """Halt processes for a while."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
