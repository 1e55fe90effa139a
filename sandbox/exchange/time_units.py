"""Microseconds instead of milliseconds, which a client of spot may ask for.

Source: binance-spot-api-docs, "WebSocket Streams for Binance" and "Public Rest API", "timeUnit" (2026-07-21); error
-1194 of "Error Codes". Futures know nothing of it. What is served here is exact to the millisecond.
"""

from __future__ import annotations

import re

from sandbox.exchange.source import RestReply, error_reply


__all__ = [
    "BAD_TIME_UNIT",
    "answer_in_microseconds",
    "asks_microseconds",
    "payload_in_microseconds",
    "private_in_microseconds",
]

BAD_TIME_UNIT: RestReply = error_reply(
    400, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
)

_MICROSECONDS = {None: False, "MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
_TIME = re.compile(rb'("(?:E|T|O|C|t)":\d{13})(?!\d)')
"""Of streams: `t` is an open time in klines and a trade id elsewhere, but ids of spot are shorter than times."""
_NUMBER = re.compile(rb"(?<=[:,\[])(\d{13})(?=[,\]}])")


def asks_microseconds(value: str | None) -> bool | None:
    """Return whether a value of ``timeUnit`` (None: it is not there) means microseconds; None if it means nothing."""
    return _MICROSECONDS.get(value)


def payload_in_microseconds(data: bytes) -> bytes:
    """Return a stream's payload with all its times in microseconds."""
    return _TIME.sub(rb"\g<1>000", data)


def answer_in_microseconds(reply: RestReply) -> RestReply:
    """Return a REST answer with all its times in microseconds; no other number of spot has 13 digits."""
    return RestReply(reply.status, _NUMBER.sub(rb"\g<1>000", reply.body), reply.headers)


def private_in_microseconds(data: bytes) -> bytes:
    """Return an event or a reply about an account with all its times in microseconds."""
    return _NUMBER.sub(rb"\g<1>000", data)
