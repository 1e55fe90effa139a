"""Whether Binance answers from here, found out within a time that a user does not mind to wait."""

from __future__ import annotations

import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from typing import Final

import msgspec

from schemas.markets import Market


__all__ = ["PINGS", "Unreachable", "first_unreachable"]

PINGS: Final = {
    Market.SPOT: "https://api.binance.com/api/v3/ping",
    Market.USDM: "https://fapi.binance.com/fapi/v1/ping",
    Market.COINM: "https://dapi.binance.com/dapi/v1/ping",
}
"""Of each market, what costs next to nothing to ask."""
_REFUSED_REGION: Final = 451


class Unreachable(msgspec.Struct, frozen=True):
    """An address that does not answer as it should, and why."""

    url: str
    reason: str


def first_unreachable(urls: Collection[str], limit_s: float) -> Unreachable | None:
    """Ask all addresses at once; return the first that is known not to answer well, or None where all do.

    The limit holds for the whole of it: a resolver that hangs is left to itself.
    """
    answers: queue.Queue[tuple[str, str | None]] = queue.Queue()
    for url in urls:
        threading.Thread(target=_ask, args=(url, limit_s, answers), daemon=True).start()
    waiting = dict.fromkeys(urls)
    deadline = time.monotonic() + limit_s
    while waiting:
        try:
            url, reason = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return Unreachable(next(iter(waiting)), f"no answer within {limit_s:g} s")
        if reason is not None:
            return Unreachable(url, reason)
        del waiting[url]
    return None


def _ask(url: str, limit_s: float, answers: queue.Queue[tuple[str, str | None]]) -> None:
    try:
        with urllib.request.urlopen(url, timeout=limit_s):  # noqa: S310 - constants, and servers of tests
            answers.put((url, None))
    except urllib.error.HTTPError as error:
        place = ", this place is refused" if error.code == _REFUSED_REGION else ""
        answers.put((url, f"HTTP {error.code}{place}"))
    except OSError as error:
        reason = getattr(error, "reason", error)
        answers.put((url, getattr(reason, "strerror", None) or str(reason)))
