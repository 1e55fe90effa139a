"""One request to the venue's REST interface: its turn, its answer, and what an answer that is an error says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from ingest.core.budget import Importance
from ingest.core.replies import UNREADABLE
from ingest.core.restraint import MOST_BELIEVED_S
from ingest.core.windows import usages_of
from ingest.errors import RestRefusedError, RestUnreachableError
from ingest.rest_pool import RestPool, Turn
from schemas import rest


__all__ = ["RestTransport", "retry_after_s"]

_BANNED_UNTIL: Final = re.compile(r"until (\d{13})")
_SLOW_DOWN, _BANNED = 429, 418

_decode_error: Final = msgspec.json.Decoder(rest.ApiError).decode


class RestTransport:
    """Sends requests as their pool's budget allows.

    Args:
        session: the HTTP client.
        pool: gives turns; shared by everything that counts against one address's limit.
        wall_ms: our clock, milliseconds since the epoch; bans are told as a time.
        timeout_s: how long an answer may take.
    """

    def __init__(
        self, session: aiohttp.ClientSession, pool: RestPool, wall_ms: Callable[[], int], *, timeout_s: float = 10.0
    ) -> None:
        self.pool = pool
        self._session = session
        self._wall_ms = wall_ms
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def send(
        self,
        method: str,
        url: str,
        *,
        weight: int,
        importance: Importance,
        query: Callable[[], str] = str,
        headers: Callable[[], Mapping[str, str]] = dict,
        private: bool = False,
    ) -> bytes:
        """Return the body of an answer, when the request's turn has come.

        Args:
            method: of HTTP.
            url: without its query; errors name it.
            weight: what it counts.
            importance: what it is for.
            query: called when its turn has come, for a signature holds seconds only; travels as it is.
            headers: called likewise.
            private: whether it carries what must reach nobody else: then no other address is followed, and no page of
                somebody between is repeated.

        Raises:
            RestRefusedError: the answer is an error.
            RestUnreachableError: there was none.
        """
        async with self.pool.turn(weight, importance) as turn:
            try:
                async with self._session.request(
                    method,
                    _addressed(url, query()),
                    headers=headers(),
                    timeout=self._timeout,
                    allow_redirects=not private,
                ) as answer:
                    turn.usages = usages_of(answer.headers, date_ms(answer.headers))
                    body = await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = type(error).__name__ if private else str(error) or type(error).__name__
                raise RestUnreachableError(url, reason) from (None if private else error)
            if answer.status != 200:
                raise self._refused(url, answer.status, answer.headers, body, turn, private=private)
            self.pool.succeeded(turn)
            return body

    def _refused(
        self, url: str, status: int, headers: Mapping[str, str], body: bytes, turn: Turn, *, private: bool
    ) -> RestRefusedError:
        code: int | None = None
        try:
            error = _decode_error(body)
        except UNREADABLE:
            # A proxy's page, not the venue's JSON.
            message = f"{len(body)} bytes that are none of the venue's" if private else _shown(body)
        else:
            code, message = error.code, error.message
        # The venue's own clock, where it tells it: ours may be off.
        told_ms = date_ms(headers)
        wait_s = retry_after_s(headers, message, self._wall_ms() if told_ms is None else told_ms)
        turn.outcome = "refused"
        if status in {_SLOW_DOWN, _BANNED}:
            self.pool.refused(turn, wait_s, banned=status == _BANNED)
        return RestRefusedError(url, status, code, message, wait_s)


def retry_after_s(headers: Mapping[str, str], message: str, wall_ms: int) -> float | None:
    """Return how long the venue wants to be left alone.

    Futures do not promise the header; a ban's message names its end (code -1003, "banned until ..."). A time far beyond
    any ban is not believed, or nothing would be asked again.
    """
    wait_s = _told_wait_s(headers, message, wall_ms)
    return None if wait_s is None else min(wait_s, MOST_BELIEVED_S)


def _told_wait_s(headers: Mapping[str, str], message: str, wall_ms: int) -> float | None:
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    if found := _BANNED_UNTIL.search(message):
        return max(0.0, (int(found[1]) - wall_ms) / 1000)
    return None


def date_ms(headers: Mapping[str, str]) -> int | None:
    """Return when an answer was made by the clock of who made it, cut to seconds; None: it does not say."""
    try:
        return int(parsedate_to_datetime(headers["Date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        return None


def _addressed(url: str, query: str) -> URL:
    return URL(f"{url}?{query}", encoded=True) if query else URL(url)


def _shown(body: bytes) -> str:
    return body[:200].decode(errors="replace")
