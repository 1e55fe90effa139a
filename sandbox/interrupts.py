"""Ending in good order when asked to: Ctrl-C, `kill`, a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


__all__ = ["interrupted_by_signals"]

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Turn the first signal that asks us to end into a `KeyboardInterrupt`; later ones change nothing.

    What is cleaned up after it is thus not cut short by impatience. Only the main thread may enter.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        for ending in _ENDING_SIGNALS:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {ending: signal.signal(ending, interrupt) for ending in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
