"""How a connection ends so that its client sees a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any


__all__ = ["reset_when_cut"]

_AT_ONCE = struct.pack("ii", 1, 0)


def reset_when_cut(transport: asyncio.Transport) -> None:
    """Let the end of a connection be a TCP reset, what was not sent yet being lost."""
    raw: Any = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
