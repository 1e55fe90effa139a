"""Takes the pictures of docs/dashboard.md from a read service that runs, for instance of ``make up``."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Page

from tests.browser.driver import opened, running_chromium
from tests.browser.palette import with_palette
from tests.support.project import ROOT


_FOLDER: Final = ROOT / "docs" / "screenshots"
_MARKET: Final = "/?market=spot&symbol=BTCUSDT&interval=1m"
_PICTURES: Final[tuple[tuple[str, str, tuple[int, int], Literal["light", "dark"]], ...]] = (
    ("market-dark", _MARKET, (1440, 1000), "dark"),
    ("market-light", _MARKET, (1440, 1000), "light"),
    ("market-tablet", _MARKET, (768, 1100), "light"),
    ("market-phone", _MARKET, (360, 780), "dark"),
    ("operations", "/operations", (1440, 1000), "dark"),
    ("operations-phone", "/operations", (360, 780), "light"),
)
_LARGEST: Final = 200_000
"""Bytes of a picture in the repository."""


async def _take(address: str, folder: Path, settle_s: float) -> None:
    async with running_chromium() as browser:
        for name, path, size, scheme in _PICTURES:
            async with opened(browser, address, path, size=size, scheme=scheme) as tab:
                await tab.until("() => document.querySelectorAll('tbody tr th:not(:empty)').length > 4")
                await asyncio.sleep(settle_s)
                await _write(tab.page, folder / f"{name}.png")


async def _write(page: Page, path: Path) -> None:
    size = await asyncio.to_thread(path.write_bytes, with_palette(await page.screenshot()))
    print(f"{path.relative_to(ROOT)}: {size // 1000} kB")  # noqa: T201 - a command
    if size > _LARGEST:
        message = f"{path} has {size} bytes, more than {_LARGEST}"
        raise SystemExit(message)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8080", help="of the read service")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="where the pictures go")
    parser.add_argument("--settle", type=float, default=8.0, metavar="SECONDS", help="how long each page may fill")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_take(given.address.rstrip("/"), given.folder, given.settle))


if __name__ == "__main__":
    main()
