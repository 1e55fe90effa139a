"""What happens to REST requests, and the venue's words for it."""

from __future__ import annotations

from sandbox.exchange.faults.model import Rest, RestKind
from sandbox.exchange.limits import whole_seconds
from sandbox.exchange.source import RestReply, error_reply
from schemas.markets import Market


__all__ = ["RestFailure", "refusal"]

_ERROR_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_UNKNOWN = "Unknown error, please check your request or try again later."
_TOO_MUCH = "Too much request weight used; current limit is %d request weight per 1 MINUTE."
_BANNED = "Way too much request weight used; IP banned until %d. Please use WebSocket Streams for live updates."


class RestFailure:
    """One ordered fault of requests at work.

    Args:
        fault: What was ordered.
        now_s: A monotonic clock, seconds.
    """

    def __init__(self, fault: Rest, now_s: float) -> None:
        self.fault = fault
        self._until_s = float("inf") if fault.seconds is None else now_s + fault.seconds
        self._left = fault.count or (1 if fault.seconds is None else None)

    def takes(self, market: Market, path: str, now_s: float) -> bool:
        """Return whether it happens to a request, which is then counted."""
        if self.spent(now_s) or not self.fault.matches(market, path):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def spent(self, now_s: float) -> bool:
        """Return whether it happens to no further request."""
        return self._left == 0 or now_s >= self._until_s

    def reply(self, market: Market, clock_ms: int, limit: int) -> RestReply | None:
        """Return what is answered instead of the answer; None where the answer itself is needed."""
        match self.fault.kind:
            case RestKind.ERROR:
                # Futures answer with their own error, spot's proxy with a page that is no JSON.
                return error_reply(503, -1000, _UNKNOWN) if market.is_futures else RestReply(502, _ERROR_PAGE)
            case RestKind.LIMITED | RestKind.BANNED:
                banned = self.fault.kind is RestKind.BANNED
                return refusal(market, self.fault.retry_after_s, clock_ms, limit, banned=banned)
            case RestKind.GARBAGE | RestKind.SLOW:
                return None


def refusal(market: Market, retry_after_s: float, clock_ms: int, limit: int, *, banned: bool) -> RestReply:
    """Return 429 or 418 as the venue words it.

    Spot says in ``Retry-After`` how long to wait; the futures say it in the text alone, as the time at which the ban
    ends: the venue's clock now, and as many of the client's seconds later.

    Args:
        market: Whose words are used.
        retry_after_s: By the client's clock.
        clock_ms: The venue's clock.
        limit: The weight per minute.
        banned: Whether it is a ban.
    """
    text = _BANNED % (clock_ms + round(retry_after_s * 1_000)) if banned else _TOO_MUCH % limit
    reply = error_reply(418 if banned else 429, -1003, text)
    if market.is_futures:
        return reply
    return RestReply(reply.status, reply.body, {"Retry-After": str(whole_seconds(retry_after_s))})
