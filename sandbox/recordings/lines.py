"""One line of a recording: a receive time and a frame, or a REST answer with its URL, or nothing to keep.

Formats, told apart line by line (so that a file may hold several):

- ``<time> <json>`` and cryptofeed's ``<time>: <json>``: a frame. The time is in ns, µs, ms or s, with or without a
  fraction, told by its magnitude.
- ``https://host/path?query -> <time>: <json>``: a REST answer (cryptofeed's ``.http`` and ``.0`` files).
- ``wss://host/path <-> <time>`` and ``configuration: …``: cryptofeed's remarks.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import msgspec


__all__ = ["Answer", "Remark", "Timed", "parse_line", "parse_time_ns"]


class Timed(msgspec.Struct, frozen=True, gc=False):
    """A frame's JSON with its receive time."""

    time_ns: int
    body: bytes


class Answer(msgspec.Struct, frozen=True):
    """A REST answer with the request that it answers."""

    time_ns: int
    host: str
    path: str
    params: dict[str, str]
    body: bytes


class Remark(msgspec.Struct, frozen=True):
    """A line about the recording; `host` is the venue's, where the line names it."""

    host: str = ""


def parse_line(line: bytes) -> Timed | Answer | Remark | None:
    """Return what a line holds; None if it is of no known format. The JSON is not looked at."""
    token, _, body = line.partition(b" ")
    if token.isdigit() and body:
        return Timed(_to_ns(token, b""), body)
    if token.startswith((b"https://", b"http://")):
        return _parse_answer(line)
    if token.startswith((b"wss://", b"ws://")):
        return Remark(urlsplit(token.decode(errors="replace")).hostname or "")
    if token == b"configuration:":
        return Remark()
    time_ns = parse_time_ns(token.removesuffix(b":"))
    return None if time_ns is None or not body else Timed(time_ns, body)


def parse_time_ns(token: bytes) -> int | None:
    """Return a time since the epoch in ns: s, ms, µs and ns are told by magnitude; None if it is no number."""
    whole, _, fraction = token.partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()):
        return None
    return _to_ns(whole, fraction)


def _to_ns(whole: bytes, fraction: bytes) -> int:
    value = int(whole)
    if value >= 10**17:
        return value
    digits = 3 if value >= 10**14 else 6 if value >= 10**11 else 9
    scale: int = 10**digits
    return value * scale + int(fraction[:digits].ljust(digits, b"0"))


def _parse_answer(line: bytes) -> Answer | None:
    url, arrow, rest = line.partition(b" -> ")
    token, colon, body = rest.partition(b": ")
    time_ns = parse_time_ns(token)
    if not arrow or not colon or time_ns is None:
        return None
    parts = urlsplit(url.decode(errors="replace"))
    return Answer(time_ns, parts.hostname or "", parts.path, dict(parse_qsl(parts.query)), body)
