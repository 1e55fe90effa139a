"""Child processes that are started, awaited, stopped, and never left behind.

A child must not outlive the process that started it, however that one ends: a broker left over from a
killed test run holds the port and the memory. Linux has `PR_SET_PDEATHSIG` for this, but that follows the
*thread* that forked (a child started from a pool's thread dies when the thread does) and exists nowhere else.
Here every child is on a leash: a pipe whose writing end only the parent has. The child's shell leaves a watcher
behind that reads the pipe and then becomes the child by `exec`; when the parent is gone, in whatever way, the
kernel closes its end, the watcher reads the end of file and kills the child's process group.

Each child leads a session of its own: Ctrl-C in a terminal reaches the parent alone, which stops its children
in its own order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.errors import ProcessDiedError, ProcessNotReadyError


__all__ = ["ManagedProcess", "Probe"]

Probe = Callable[[], bool]
"""Asks a child whether it is ready; an `OSError` counts as not yet."""

# The watcher's input has to be opened before it is put into the background, whose standard input is /dev/null.
_LEASH = 'exec 3<&0 </dev/null; { read -r _ <&3; kill -s KILL 0; } & exec "$@" 3<&-'

_POLL_INTERVAL_S = 0.02
_TAIL_BYTES = 64 * 1024


class ManagedProcess:
    """One child process with its log.

    Output of all runs is appended to `log_file`; errors quote the current run only. Methods may be called from
    any thread, but not from two at once.

    Args:
        name: how messages call it, such as `ingest`.
        argv: program and arguments; no shell reads them.
        env: its whole environment; None passes ours on.
        log_file: receives standard output and standard error.
        cwd: working directory; None keeps ours.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_file: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.env = None if env is None else dict(env)
        self.log_file = log_file
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: int | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the current or last run; None before the first."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last run, negative for a signal; None while it runs and before the first."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; one that runs already is left alone."""
        if self.running:
            return
        self._drop_leash()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        watched, self._leash = os.pipe()
        try:
            with self.log_file.open("ab") as log:
                self._log_start = log.tell()
                self._process = subprocess.Popen(  # noqa: S603 - argv comes from our own code, unread by a shell
                    ["/bin/sh", "-c", _LEASH, "leash", *self.argv],
                    stdin=watched,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    start_new_session=True,
                )
        except BaseException:
            self._drop_leash()
            raise
        finally:
            os.close(watched)

    def wait_ready(self, probe: Probe, timeout_s: float = 60) -> None:
        """Wait until `probe` says yes.

        Raises:
            ProcessDiedError: it ended before.
            ProcessNotReadyError: it still runs but did not answer within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not _answers(probe):
            self.check_running()
            if time.monotonic() >= deadline:
                raise ProcessNotReadyError(self.name, self.log_file, self.log_tail(), timeout_s)
            time.sleep(_POLL_INTERVAL_S)
        # Whoever answered may have been somebody else on the same port.
        self.check_running()

    def check_running(self) -> None:
        """Raise `ProcessDiedError` if the process has ended; stopping it on purpose counts too."""
        returncode = self.returncode
        if returncode is not None:
            raise ProcessDiedError(self.name, self.log_file, self.log_tail(), returncode)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the process to end by itself; None if it has not within `timeout_s`."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout_s: float = 10) -> int | None:
        """Ask the process to end by SIGTERM, and kill it if it has not after `timeout_s`.

        Returns:
            Its exit status; None if it was never started.
        """
        if self._process is None:
            return None
        if self.running:
            self._process.terminate()
            self.wait(timeout_s)
        return self.kill()

    def kill(self) -> int | None:
        """Kill the process and all that it started by SIGKILL, and wait for its end."""
        if self._process is None:
            return None
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
        returncode = self._process.wait()
        # The watcher now kills what is left of the group. Doing it by the id of a process that we have waited
        # for could hit a stranger who was given that id since.
        self._drop_leash()
        return returncode

    def restart(self, timeout_s: float = 10) -> None:
        """Stop the process if it runs, then start it again."""
        self.stop(timeout_s)
        self.start()

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines that the current or last run wrote."""
        try:
            with self.log_file.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, size - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _drop_leash(self) -> None:
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None


def _answers(probe: Probe) -> bool:
    try:
        return probe()
    except OSError:
        return False
