"""Waiting for another process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60, every_s: float = 0.2) -> None:
    """Return when the condition holds.

    Raises:
        TimeoutError: it does not in time.
    """
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 - nothing here could set an event
            await asyncio.sleep(every_s)
