"""How the pages look and are worked, whatever they show: widths, schemes, names, contrast, exact decimals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.driver import Tab, opened
from tests.browser.site import ReadService


pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

PAGES = pytest.mark.parametrize("path", ["/?market=spot&symbol=BTCUSDT", "/operations"])
FILLED = "() => document.querySelectorAll('tbody tr th:not(:empty)').length > 4"

UNNAMED = """() => {
    const named = (one) => one.getAttribute('aria-label') || one.labels?.length || one.textContent.trim()
        || document.getElementById(one.getAttribute('aria-labelledby') ?? '')?.textContent.trim();
    const wanted = 'a, button, input, section, nav, dialog, [role=img], [role=region], [role=group], [role=listbox]';
    return [...document.querySelectorAll(wanted)].filter((one) => !named(one)).map((one) => one.outerHTML.slice(0, 80));
}"""
NO_HEADERS = """() => [...document.querySelectorAll('main table')]
    .filter((table) => table.tHead && table.tBodies.length && !table.closest('[role=img]'))
    .filter((table) => !table.tHead.querySelector('th[scope=col]') && table.tHead.rows.length > 0)
    .map((table) => table.outerHTML.slice(0, 80))"""
TWICE = """() => [...document.querySelectorAll('[id]')].map((one) => one.id)
    .filter((id, at, all) => all.indexOf(id) !== at)"""
POOR_CONTRAST = """() => {
    const probe = document.getElementById('probe');
    const rgb = (token) => {
        probe.style.color = `var(--${token})`;
        return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    };
    const light = (token) => rgb(token).map((one) => one / 255)
        .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
        .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
    const ratio = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const pairs = [];
    for (const ground of ['ground', 'surface', 'surface-raised'])
        for (const text of ['text', 'text-soft', 'buy', 'sell', 'accent', 'warn', 'bad']) pairs.push([text, ground]);
    for (const kind of ['buy', 'sell', 'accent', 'warn', 'bad']) pairs.push([kind, `${kind}-soft`]);
    pairs.push(['text', 'buy-soft'], ['text', 'sell-soft'], ['text', 'accent-soft']);
    return pairs.filter((pair) => ratio(...pair) < 4.5).map((pair) => [...pair, ratio(...pair)]);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def blank(browser: Browser, service: ReadService) -> AsyncIterator[Tab]:
    """A page to calculate in."""
    async with opened(browser, service.address, "/operations") as tab:
        yield tab


@PAGES
async def test_everything_has_a_name_and_every_table_its_headers(
    browser: Browser, service: ReadService, path: str
) -> None:
    async with opened(browser, service.address, path) as tab:
        await tab.until(FILLED)

        assert await tab.run(UNNAMED) == []
        assert await tab.run(NO_HEADERS) == []
        assert await tab.run(TWICE) == []
        for landmark in ("banner", "navigation", "main", "contentinfo"):
            await expect(tab.page.get_by_role(landmark)).to_have_count(1)
        await expect(tab.page.get_by_role("heading", level=1)).to_have_count(1)
        await expect(tab.page.locator("[aria-live]")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(
    browser: Browser, service: ReadService, scheme: Literal["light", "dark"]
) -> None:
    """WCAG 2, AA: 4.5 to 1."""
    async with opened(browser, service.address, "/operations", scheme=scheme) as tab:
        assert await tab.run(POOR_CONTRAST) == []


@PAGES
@pytest.mark.parametrize("width", [360, 768])
async def test_no_page_is_wider_than_the_window(browser: Browser, service: ReadService, path: str, width: int) -> None:
    async with opened(browser, service.address, path, size=(width, 780)) as tab:
        await tab.until(FILLED)

        assert await tab.run("() => document.documentElement.scrollWidth") == width


async def test_the_keyboard_goes_through_the_page_in_order_and_is_seen(browser: Browser, service: ReadService) -> None:
    here = """() => { const one = document.activeElement, style = getComputedStyle(one);
        return [one.id || one.textContent.trim(), style.outlineStyle]; }"""
    async with opened(browser, service.address, "/?market=spot&symbol=BTCUSDT") as tab:
        await tab.until(FILLED)
        met = []
        for _ in range(8):
            await tab.page.keyboard.press("Tab")
            met.append(await tab.run(here))

        assert [name for name, _ in met[:6]] == [
            "Skip to the market",
            "Market",
            "Operations",
            "symbol",
            "theme",
            "help-open",
        ]
        assert {outline for _, outline in met} == {"solid"}


async def test_the_scheme_is_the_systems_until_one_is_chosen_and_then_remembered(
    browser: Browser, service: ReadService
) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    async with opened(browser, service.address, "/operations", scheme="light") as light:
        bright = await light.run(ground)
    async with opened(browser, service.address, "/operations", scheme="dark") as tab:
        dark = await tab.run(ground)
        assert dark != bright

        await tab.page.get_by_role("button", name="Colour scheme").click()
        assert await tab.run(ground) == bright
        await tab.page.reload()
        assert await tab.run(ground) == bright
        await tab.page.keyboard.press("t")
        assert await tab.run(ground) == dark


async def test_nothing_moves_for_whom_that_is_too_much(browser: Browser, service: ReadService) -> None:
    moving = "() => document.getAnimations().length"
    path = "/?market=spot&symbol=BTCUSDT"
    fresh = "() => document.querySelectorAll('#trades tr.fresh').length > 0"
    async with opened(browser, service.address, path, motion="reduce") as tab:
        await tab.until(fresh)
        assert await tab.run(moving) == 0
    async with opened(browser, service.address, path) as tab:
        await tab.until(fresh)
        await tab.until("() => document.getAnimations().length > 0")


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("exact('61737.00000000', 2)", "61,737.00"),
        ("exact('12345678901234567890.1234567800000000')", "12,345,678,901,234,567,890.12345678"),
        ("exact('-0.00000001')", "\N{MINUS SIGN}0.00000001"),
        ("exact('1234567.5', 3)", "1,234,567.500"),
        ("rounded('0.005', 2)", "0.01"),
        ("rounded('-2.5', 0)", "\N{MINUS SIGN}3"),
        ("compact('1929281250.0000000000000000')", "1.93B"),
        ("compact('999999.99')", "1,000.00K"),
        ("compact('12.5')", "12.5"),
        ("percentChange('80000', '80400')", "+0.50"),
        ("percentChange('80000', '79000')", "\N{MINUS SIGN}1.25"),
        ("percentChange('0', '1')", None),
        ("textOf(scaled('0.1') + scaled('0.2'))", "0.3000000000000000"),
        ("placesOf('1.2300')", 2),
        ("scaled('1.5', 0)", "RangeError"),
    ],
)
async def test_decimals_are_exact(blank: Tab, call: str, shown: str | int | None) -> None:
    script = f"""async () => {{
        const {{ compact, exact, percentChange, placesOf, rounded, scaled, textOf }} =
            await import('/static/js/decimals.js');
        try {{ return {call}; }} catch (error) {{ return error.name; }}
    }}"""

    assert await blank.run(script) == shown
