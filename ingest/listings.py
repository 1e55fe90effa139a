"""The symbols of one market, followed: the venue's list asked for again and again where that can change anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.core.backoff import delay_s
from ingest.core.budget import Importance
from ingest.core.followed import Followed, Seen
from ingest.core.patterns import Resolution, Wishes, trading_by_symbol
from ingest.errors import RestError, is_transient
from schemas.rest import ExchangeInfo, SymbolInfo


__all__ = ["Listings"]

_MOST_NAMED: Final = 20
"""More symbols than that would make a log line that nobody reads."""


class Listings:
    """Knows what the wishes of one market come to, and tells when that changes.

    It asks until the venue has answered once. It goes on asking where patterns are followed, or where a symbol is
    asked for that the venue does not list yet.

    Args:
        wishes: what is asked for.
        ask: asks the venue.
        learn: takes what every answer tells of each symbol.
        changed: is called when :attr:`symbols` changed, and when the patterns are resolved for the first time.
        refresh_s: how long to wait between two questions.
        grace_s: how long a symbol that a pattern stands for is kept when it stops trading.
        clocks: time and chance.
        log: bound to the market.
    """

    def __init__(
        self,
        wishes: Wishes,
        *,
        ask: Callable[[Importance], Awaitable[ExchangeInfo]],
        learn: Callable[[Sequence[SymbolInfo]], None],
        changed: Callable[[], None],
        refresh_s: float,
        grace_s: float,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._wishes = wishes
        self._followed = Followed(wishes, grace_s * 1000)
        self._ask = ask
        self._learn = learn
        self._changed = changed
        self._refresh_s = refresh_s
        self._clocks = clocks
        self._log = log
        self._told = Resolution(())
        self._failures = 0
        self._wake = asyncio.Event()
        self.answered = asyncio.Event()
        """Set as soon as the venue has told its symbols once."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """What to take at present, sorted; before the first answer, what is named in full."""
        return tuple(sorted(self._followed.symbols))

    @property
    def resolved(self) -> bool:
        """Whether the patterns, if there are any, were compared with the venue's list."""
        return self._followed.resolved

    def wish(self, wishes: Wishes) -> None:
        """Take other wishes: compared with the list as last seen at once, and with a new one soon."""
        self._wishes = wishes
        self._tell(self._followed.wish(wishes, self._clocks.now_ms()), first=False)
        self._wake.set()

    async def run(self) -> None:
        """Ask when it is time to, until cancelled."""
        while True:
            self._wake.clear()
            pause_s = await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def look(self) -> float | None:
        """Ask once; returns how long to wait before the next question, None: until the wishes change."""
        try:
            info = await self._ask(Importance.REFRESH if self.answered.is_set() else Importance.CLOCK)
        except RestError as error:
            return self._failed(error)
        trading = trading_by_symbol(info.symbols)
        if not trading:
            # No market is without symbols; whoever believed that would leave all of them.
            self._log.warning("venue's list of symbols is empty: not believed, asked for again")
            return self._again()
        self._failures = 0
        self._learn(info.symbols)
        first = not self.answered.is_set()
        self._tell(self._followed.look(trading, self._clocks.now_ms()), first=first)
        self.answered.set()
        return self._refresh_s if self._wishes.patterns or self._told.unlisted else None

    def _failed(self, error: RestError) -> float:
        if not is_transient(error):
            self._log.error("venue does not tell its symbols", reason=str(error))
            return self._refresh_s
        self._log.warning("venue does not tell its symbols yet", reason=str(error))
        return self._again()

    def _again(self) -> float:
        self._failures += 1
        return min(self._refresh_s, delay_s(self._failures - 1, self._clocks.random()))

    def _tell(self, seen: Seen, *, first: bool) -> None:
        """Tell what is new, each thing once."""
        before, now = self._told, seen.resolution
        self._told = now
        if seen.added:
            self._log.info("symbols taken", **_named(seen.added))
        for reason, symbols in groupby(sorted(seen.removed, key=seen.removed.__getitem__), seen.removed.__getitem__):
            self._log.warning("symbols left", reason=reason, **_named(sorted(symbols)))
        if unlisted := sorted(set(now.unlisted) - set(before.unlisted)):
            self._log.error("symbols that the venue does not have", symbols=unlisted)
        if listed := sorted(set(before.unlisted).difference(now.unlisted).intersection(now.symbols)):
            self._log.info("symbols that the venue has at last", symbols=listed)
        if halted := sorted(set(now.halted) - set(before.halted)):
            self._log.warning("symbols that do not trade", symbols=halted)
        if idle := sorted(set(now.idle) - set(before.idle)):
            self._log.warning("patterns that stand for no symbol that trades", patterns=idle)
        if seen.added or seen.removed or (first and self._wishes.patterns):
            self._changed()


def _named(symbols: Collection[str]) -> dict[str, object]:
    return {"symbol_count": len(symbols), "symbols": list(symbols)[:_MOST_NAMED]}
