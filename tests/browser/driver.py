"""Chromium as Debian has it, driven by Playwright, and a page that tells what went wrong in it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect


__all__ = ["CHROMIUM", "Tab", "opened", "running_chromium"]

CHROMIUM: Final = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
_LIMIT_MS: Final = 120_000
"""For whatever is waited for in a page: not how long it may take, but when to give up on a crowded machine."""
_ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Tab:
    """A page, and the errors that it had.

    Args:
        page: of Playwright's.
        address: of the read service.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url))

    async def text(self, selector: str) -> str:
        """Return what an element says, as it is seen."""
        return " ".join((await self.page.locator(selector).inner_text()).split())

    async def texts(self, selector: str) -> list[str]:
        """Return what each of many elements says, all of one moment."""
        found = await self.page.locator(selector).all_inner_texts()
        return [" ".join(one.split()) for one in found]

    async def until(self, condition: str) -> None:
        """Wait until a function of JavaScript is true."""
        await self.page.wait_for_function(condition)

    async def run(self, script: str) -> Any:
        """Return what a function of JavaScript gives."""
        return await self.page.evaluate(script)

    def forgive(self, excused: Callable[[str], bool]) -> None:
        """Strike out the errors that the test itself caused."""
        self.errors = [error for error in self.errors if not excused(error)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.errors.append(f"asks another address: {url}")


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Run the browser; without one the test is skipped, or fails where it is required (`REQUIRE_BROWSER=1`)."""
    if not CHROMIUM.exists():
        missing = f"no browser at {CHROMIUM}: apt-get install chromium, or name one by CHROMIUM"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"REQUIRE_BROWSER=1, but {missing}", pytrace=False)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser,
    address: str,
    path: str,
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: Literal["light", "dark"] = "dark",
    motion: Literal["no-preference", "reduce"] = "no-preference",
) -> AsyncIterator[Tab]:
    """Open a page; an error in its console, or a request to another address, is a failure at the end.

    Args:
        browser: which opens it.
        address: of the read service.
        path: of the page.
        size: of the window.
        scheme: of colours that the system is said to have.
        motion: that the system is said to want.
    """
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion=motion
    )
    context.set_default_timeout(_LIMIT_MS)
    expect.set_options(timeout=_LIMIT_MS)
    try:
        tab = Tab(await context.new_page(), address)
        await tab.page.goto(f"{address}{path}")
        yield tab
        assert tab.errors == []
    finally:
        await context.close()
