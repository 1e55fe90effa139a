"""Is a market's REST interface within reach, what does it allow, and do the clocks agree?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import aiohttp
import msgspec

from ingest.check.diagnosis import Diagnosis, of_body, of_error, of_status
from ingest.check.findings import Finding, Mark, Report
from ingest.connection import Clocks
from ingest.core.replies import UNREADABLE
from ingest.core.silence import TRADING, status_of
from ingest.core.windows import Kind, limits_of, usages_of
from ingest.rest_transport import retry_after_s
from schemas import rest
from schemas.markets import Market


__all__ = ["REST", "RestProbe"]

REST: Final = "REST"
ANSWER_LIMIT_S: Final = 6.0
CLOCK_LIMIT_MS: Final = 1_000
_MOST_NAMES: Final = 8
_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"))

T = TypeVar("T")


class _NothingUsefulError(Exception):
    """A request did not get what it asked for."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        super().__init__(diagnosis.detail)


class RestProbe:
    """Asks a market for everything that ingest asks it, once.

    Args:
        market: which.
        base_url: with the version.
        symbols: the configured instruments.
        own_time: whether the venue has a time of its own, as a simulated one: then no difference is wrong.
        session: the HTTP client.
        clocks: ours, to compare the venue's with.
        report: takes the findings.
    """

    def __init__(
        self,
        market: Market,
        base_url: str,
        symbols: Sequence[str],
        *,
        own_time: bool,
        session: aiohttp.ClientSession,
        clocks: Clocks,
        report: Report,
    ) -> None:
        self._market = market
        self._base_url = base_url
        self._symbols = symbols
        self._own_time = own_time
        self._session = session
        self._clocks = clocks
        self._report = report
        self._used: int | None = None
        self._limit: int | None = None

    async def run(self) -> None:
        """Try one after the other; what cannot work any more is not tried."""
        left = [
            (REST, self._ping),
            ("clock", self._clock),
            ("symbols", self._symbols_known),
            ("REST depth", self._depth),
            ("REST weight", self._weight),
        ]
        while left:
            subject, step = left.pop(0)
            try:
                await step(subject)
            except _NothingUsefulError as failed:
                self._tell(subject, Mark.FAIL, failed.diagnosis.detail, failed.diagnosis.advice)
                break
        for subject, _ in left:
            self._tell(subject, Mark.SKIP, "not tried")

    async def _ping(self, subject: str) -> None:
        started_ms = self._clocks.now_ms()
        await self._get("ping", dict[str, object], {})
        self._tell(subject, Mark.OK, f"{self._base_url}, {self._clocks.now_ms() - started_ms:.0f} ms")

    async def _clock(self, subject: str) -> None:
        before_ms = self._clocks.wall_ns() // 1_000_000
        venue_ms = (await self._get("time", rest.ServerTime, {})).server_time
        after_ms = self._clocks.wall_ns() // 1_000_000
        # The venue's clock was read somewhere in between: certain is only the difference to that span.
        certain_ms = max(0, before_ms - venue_ms) + max(0, venue_ms - after_ms)
        middle_ms = (before_ms + after_ms) // 2 - venue_ms
        words = f"{_duration(abs(middle_ms))} {'ahead of' if middle_ms > 0 else 'behind'} the venue's"
        detail = f"ours is {words}, give or take {(after_ms - before_ms) // 2} ms"
        if self._own_time:
            self._tell(subject, Mark.OK, f"{detail}; a sandbox has a time of its own")
        elif certain_ms > CLOCK_LIMIT_MS:
            self._tell(subject, Mark.WARN, detail, "let this machine's clock be set by NTP")
        else:
            self._tell(subject, Mark.OK, detail)

    async def _symbols_known(self, subject: str) -> None:
        info = await self._get("exchangeInfo", rest.ExchangeInfo, {})
        weights = [limit for limit in limits_of(info.rate_limits) if limit.kind is Kind.WEIGHT]
        self._limit = min((limit.limit for limit in weights), default=None)
        statuses = {one.symbol: status_of(one) for one in info.symbols}
        unknown = [symbol for symbol in self._symbols if symbol not in statuses]
        idle = [one for one in self._symbols if one in statuses and statuses[one] != TRADING]
        if unknown:
            advice = "correct the names: the venue acknowledges streams of unknown symbols and sends nothing"
            self._tell(subject, Mark.FAIL, f"not known to the venue: {_listed(unknown)}", advice)
        elif idle:
            words = _listed([f"{one} ({statuses[one]})" for one in idle])
            self._tell(subject, Mark.WARN, f"not trading: {words}", "their streams will be silent")
        else:
            detail = f"{len(self._symbols)} configured, {len(statuses):,} at the venue"
            self._tell(subject, Mark.OK, detail)

    async def _depth(self, subject: str) -> None:
        symbol = self._symbols[0]
        snapshot = await self._get("depth", rest.DepthSnapshot, {"symbol": symbol, "limit": 5})
        if snapshot.bids and snapshot.asks:
            best = f"{snapshot.bids[0][0]} / {snapshot.asks[0][0]}"
            self._tell(subject, Mark.OK, f"{symbol} {best}")
        else:
            self._tell(subject, Mark.WARN, f"{symbol} has an empty side", "is it trading?")

    async def _weight(self, subject: str) -> None:
        if self._used is None:
            advice = "a proxy drops X-MBX-USED-WEIGHT: what others at this address use cannot be seen"
            self._tell(subject, Mark.WARN, "the answers do not tell it", advice)
        elif self._limit is None:
            self._tell(subject, Mark.WARN, "exchangeInfo names no limit", "the documented one is kept")
        elif self._used > self._limit // 2:
            advice = "something else at this address asks a lot: snapshots and backfill have to wait for it"
            self._tell(subject, Mark.WARN, f"{self._used:,} of {self._limit:,} a minute used", advice)
        else:
            self._tell(subject, Mark.OK, f"{self._used:,} of {self._limit:,} a minute used")

    async def _get(self, path: str, of: type[T], params: Mapping[str, str | int]) -> T:
        url = f"{self._base_url}/{path}"
        try:
            async with self._session.get(
                url, params=params, timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
            ) as answer:
                body, status, headers = await answer.read(), answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _NothingUsefulError(of_error(error, url, ANSWER_LIMIT_S)) from error
        if status != 200:
            raise _NothingUsefulError(self._refused(status, headers, body))
        self._used = max((usage.used for usage in usages_of(headers, None)), default=self._used)
        try:
            return msgspec.json.decode(body, type=of)
        except UNREADABLE as error:
            raise _NothingUsefulError(of_body(body)) from error

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Diagnosis:
        said = of_status(status)
        message = body[:2000].decode(errors="replace")
        wait_s = retry_after_s(headers, message, self._clocks.wall_ns() // 1_000_000)
        if wait_s is not None and status in {418, 429}:
            return Diagnosis(f"{said.detail} for another {wait_s:.0f} s", said.advice)
        try:
            error = msgspec.json.decode(body, type=rest.ApiError)
        except UNREADABLE:
            return said
        return Diagnosis(f"{said.detail}: {error.message} (code {error.code})", said.advice)

    def _tell(self, subject: str, mark: Mark, detail: str, advice: str | None = None) -> None:
        self._report(Finding(self._market, subject, mark, detail, advice, REST))


def _duration(milliseconds: int) -> str:
    if milliseconds < 10_000:
        return f"{milliseconds:,} ms"
    seconds = milliseconds / 1000
    amount, unit = next(((seconds / size, name) for size, name in _UNITS if seconds >= 2 * size), (seconds, "s"))
    return f"{amount:,.0f} {unit}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
