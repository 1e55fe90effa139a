"""WebSocket messages cut out of what a socket read, as far as that is simple.

Nearly all that a venue sends are whole text messages, unmasked and in one frame (RFC 6455, section 5.2). To cut those
out takes a tenth of the time that a parser needs which is ready for everything; all else is left to one.
"""

from __future__ import annotations

from typing import Final


__all__ = ["cut_messages", "frame_end"]

_SIMPLE: Final = frozenset({0x81, 0x82})
"""First bytes of a final text or binary frame with no extension."""
_SHORT: Final = 126
"""Shorter payloads have their length in the second byte; there 126 says that two bytes with it follow, 127 eight."""
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4


def cut_messages(data: bytes, start: int, max_bytes: int) -> tuple[list[bytes], int]:
    """Return the whole messages that the data begin with, and where what follows them starts.

    What follows is a frame that is not there to its end, or one that is no message by itself, or the end of the data.

    Args:
        data: what was read.
        start: where a frame starts.
        max_bytes: a longer payload is no message.
    """
    messages: list[bytes] = []
    size = len(data)
    while size - start >= 2 and data[start] in _SIMPLE:
        length = data[start + 1]
        body = start + 2
        if length == _SHORT:  # the most frequent first: this runs for every frame
            body = start + 4
            if body > size:
                break
            length = data[start + 2] << 8 | data[start + 3]
        elif length > _SHORT:
            body = start + 10
            if body > size or length != 127:  # masked, which no server may send
                break
            length = int.from_bytes(data[start + 2 : body])
        end = body + length
        if end > size or length > max_bytes:
            break
        messages.append(data[body:end])
        start = end
    return messages, start


def frame_end(data: bytes, start: int) -> int | None:
    """Return where the frame ends that starts there, within the data or beyond; None: its head is not there yet."""
    if len(data) - start < 2:
        return None
    length = data[start + 1] & ~_MASKED
    body = start + 2
    if length >= _SHORT:
        body += 2 if length == _SHORT else 8
        if body > len(data):
            return None
        length = int.from_bytes(data[start + 2 : body])
    return body + length + (_MASK_BYTES if data[start + 1] & _MASKED else 0)
