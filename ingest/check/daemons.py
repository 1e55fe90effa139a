"""Threads that nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


__all__ = ["DaemonExecutor"]


class DaemonExecutor(ThreadPoolExecutor):
    """An event loop's executor whose threads die with the process.

    A name server that does not answer holds a thread of the ordinary one for a minute, and the interpreter waits for
    it at its end.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a thread of its own."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - belongs to who waits, if anybody does
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, daemon=True).start()
        return future
