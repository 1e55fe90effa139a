"""Does to processes what the course of the day says, one thing after the other, while the day goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Protocol

from sandbox.soak.checker.causes import Act
from sandbox.soak.course import ActKind, Course
from sandbox.soak.scenario import Scenario
from sandbox.verify.topics import admin_of


__all__ = ["BACK", "Actor", "Processes"]

_BREATH_S: Final = 5.0
"""Between two acts, where one took so long that the next is due."""
BACK: Final = "broker back"


class Processes(Protocol):
    """What an actor does things to; `sandbox.soak.stand.Stand`."""

    def kill_ingest(self) -> None:
        """Kill ingest and start it again at once."""
        ...

    def pause_ingest(self) -> None:
        """Let ingest do nothing."""
        ...

    def resume_ingest(self) -> None:
        """Let ingest go on."""
        ...

    def stop_broker(self) -> None:
        """Stop Kafka in good order."""
        ...

    def start_broker(self) -> None:
        """Start Kafka again on its data."""
        ...


class Actor:
    """Kills, stops and restarts processes when it is time.

    Args:
        scenario: how long things last, and until when they may happen.
        course: what is to be done.
        processes: to whom it is done.
        before_kill: called before ingest is killed: what its next life is set up with.
        tell: receives a line about each act.
    """

    def __init__(
        self,
        scenario: Scenario,
        course: Course,
        processes: Processes,
        *,
        before_kill: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._scenario = scenario
        self._waiting = list(course.acts)
        self._count = len(course.acts)
        self._processes = processes
        self._before_kill = before_kill
        self._tell = tell
        self._free_at_s = 0.0
        self._resume_at_s: float | None = None
        self._restart: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1)
        self.done: list[Act] = []
        """What was done, and when."""

    @property
    def broker_away(self) -> bool:
        """Whether the broker is not there on purpose."""
        return self._restart is not None

    def step(self, venue_s: float, now_s: float) -> None:
        """Do what is due, and go on with what takes its time.

        Args:
            venue_s: the venue's time since the first event.
            now_s: a monotonic clock.

        Raises:
            SandboxError: the broker did not come back.
        """
        self._go_on(now_s)
        busy = self._resume_at_s is not None or self._restart is not None or now_s < self._free_at_s
        if busy or not self._waiting or venue_s < self._waiting[0].at_s or self._too_late(venue_s):
            return
        self._begin(self._waiting.pop(0).kind, now_s)

    def finish(self) -> list[str]:
        """End what goes on; returns what is wrong: acts for which the day was too short."""
        with suppress(ProcessLookupError):
            if self._resume_at_s is not None:
                self._resume()
        if self._restart is not None:
            self._restart.result()
            self._come_back()
        if not self._waiting:
            return []
        kinds = ", ".join(act.kind for act in self._waiting)
        left = f"{len(self._waiting)} of {self._count} acts were not done ({kinds})"
        return [f"{left}: this machine took too long for those before; give the day more minutes"]

    def close(self) -> None:
        """Wait for what goes on, whatever became of the soak: nobody must start a broker behind the stand's back."""
        self._pool.shutdown()

    def _too_late(self, venue_s: float) -> bool:
        """Return whether the calm has begun: what is lost now nobody might find out."""
        return venue_s > self._scenario.day_s * (1 - self._scenario.calm_end / 2)

    def _begin(self, kind: ActKind, now_s: float) -> None:
        self._note(kind)
        match kind:
            case ActKind.KILL:
                self._tell("SIGKILL to ingest, and a new one")
                self._before_kill()
                self._processes.kill_ingest()
                self._free_at_s = now_s + _BREATH_S
            case ActKind.STOP:
                self._tell(f"ingest stands still for {self._scenario.stopped_s:g} s")
                self._processes.pause_ingest()
                self._resume_at_s = now_s + self._scenario.stopped_s
            case ActKind.BROKER:
                self._tell(f"the broker is stopped, and is to be away for {self._scenario.broker_down_s:g} s")
                self._restart = self._pool.submit(self._restart_broker)

    def _go_on(self, now_s: float) -> None:
        if self._resume_at_s is not None and now_s >= self._resume_at_s:
            self._resume()
            self._free_at_s = now_s + _BREATH_S
        if self._restart is not None and self._restart.done():
            self._restart.result()
            self._come_back()
            self._free_at_s = now_s + _BREATH_S

    def _resume(self) -> None:
        self._resume_at_s = None
        self._processes.resume_ingest()

    def _restart_broker(self) -> None:
        self._processes.stop_broker()
        time.sleep(self._scenario.broker_down_s)
        self._processes.start_broker()

    def _come_back(self) -> None:
        self._restart = None
        # The old client would ask by the leaders' old epochs for ever (confluent-kafka 2.16.0).
        admin_of.cache_clear()
        self._note(BACK)
        self._tell("the broker is back")

    def _note(self, what: str) -> None:
        self.done.append(Act(what, time.time_ns() // 1_000_000))
