"""How long nothing is asked after the venue said that too much was, and how carefully after that."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct


__all__ = ["MOST_BELIEVED_S", "Refusal", "Restraint"]

FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 300.0
"""Limits of the pause after a 429 that does not say how long: doubled each time."""
FIRST_BAN_S: Final = 120.0
LONGEST_BAN_S: Final = 3600.0
"""Likewise after a 418: the venue's bans begin at two minutes and grow."""
MOST_BELIEVED_S: Final = 7 * 86_400.0
"""The longest ban is three days by the venue's words: a time far beyond is not believed, and it is asked again."""
PENANCE_MS: Final = 3_600_000.0
"""After the end of a ban the share stays cut for so long."""
LEAST_FACTOR: Final = 1 / 8
"""Each ban halves the share, but not below this."""


class Refusal(Struct, frozen=True):
    """What a refusal for asking too much led to."""

    until_ms: float
    """Nothing is asked before this time."""
    news: bool
    """Whether that is later than was known: answers to what was under way already often say nothing new."""


class Restraint:
    """The pauses and the penance of one address. All times are of one monotonic clock."""

    def __init__(self) -> None:
        self.until_ms = -math.inf
        """Nothing is asked before this time; it never moves back."""
        self._factor = 1.0
        self._factor_until_ms = -math.inf
        self._refused_ms = -math.inf
        self._refusals = 0
        self._bans = 0

    def factor(self, now_ms: float) -> float:
        """Return which part of the ordinary share may be used."""
        return self._factor if now_ms < self._factor_until_ms else 1.0

    def left_ms(self, now_ms: float) -> float:
        """Return how long nothing is asked from now on."""
        return max(0.0, self.until_ms - now_ms)

    def answered(self) -> None:
        """Take note that the venue gave a good answer: the next refusal is the first of its series."""
        self._refusals = 0

    def refused(self, sent_ms: float, retry_after_s: float | None, *, banned: bool, now_ms: float) -> Refusal:
        """Ask nothing for a while: the venue says that too much was asked.

        Args:
            sent_ms: when the request was sent that was refused.
            retry_after_s: how long the venue wants to be left alone; None: it does not say.
            banned: whether the address is banned (418), not only told to slow down (429).
            now_ms: the time.
        """
        first = sent_ms > self._refused_ms  # not one of those that were under way at an earlier refusal
        if first:
            self._refused_ms = now_ms
            self._bans += banned
            self._refusals += not banned
        wait_s = self._pause_s(banned=banned) if retry_after_s is None else min(retry_after_s, MOST_BELIEVED_S)
        before_ms = self.until_ms
        self.until_ms = max(before_ms, now_ms + wait_s * 1000)
        if banned:
            self._repent(now_ms, halve=first)
        return Refusal(self.until_ms, self.until_ms > before_ms)

    def restore_ban(self, until_ms: float, now_ms: float) -> None:
        """Take note of a ban of an earlier run, which may be over."""
        end_ms = min(until_ms, now_ms + MOST_BELIEVED_S * 1000)
        self.until_ms = max(self.until_ms, end_ms)
        if now_ms < end_ms + PENANCE_MS:
            self._bans, self._factor, self._factor_until_ms = 1, 0.5, end_ms + PENANCE_MS

    def _pause_s(self, *, banned: bool) -> float:
        first, longest, times = (
            (FIRST_BAN_S, LONGEST_BAN_S, self._bans) if banned else (FIRST_PAUSE_S, LONGEST_PAUSE_S, self._refusals)
        )
        return float(min(longest, first * 2.0 ** min(30, max(0, times - 1))))

    def _repent(self, now_ms: float, *, halve: bool) -> None:
        now_factor = self.factor(now_ms)
        self._factor = max(LEAST_FACTOR, now_factor / 2) if halve or now_factor == 1.0 else now_factor
        self._factor_until_ms = self.until_ms + PENANCE_MS
