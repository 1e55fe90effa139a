"""What a soak is made of: how long a day, how many symbols, and how much of everything happens to them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from sandbox.errors import SandboxError
from sandbox.soak.accounts.plan import AccountsPlan


__all__ = ["DAY", "Amounts", "Scenario", "ScenarioError", "named_scenarios", "read_scenario"]

DAY: Final = "day"
"""The scenario of the whole day; `cut` is its short form."""


class ScenarioError(SandboxError):
    """A scenario file says something that cannot be."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason

    def __str__(self) -> str:
        return f'scenario "{self.source}": {self.reason}\nscenarios that come with the package: {_listed()}'


class Amounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often each thing happens; the seed says when, and to whom."""

    dropped_frames: int = 0
    duplicated_frames: int = 0
    reordered_frames: int = 0
    delayed_frames: int = 0
    misdated_frames: int = 0
    """Frames whose event time is an hour off."""
    resets: int = 0
    half_opens: int = 0
    closes: int = 0
    slow_readers: int = 0
    """How often ingest is stopped until the exchange cuts it off."""
    shutdowns: int = 0
    """`serverShutdown`, spot only."""
    silences: int = 0
    rest_storms: int = 0
    """Of 429, 418, 5xx, garbage and slow answers in turn."""
    stale_snapshots: int = 0
    new_snapshots: int = 0
    cut_depth: bool = False
    """Whether connections are served with differently cut depth diffs from some time on."""
    listings: int = 0
    delistings: int = 0
    wipes: int = 0
    """Symbols whose ids begin anew."""
    kills: int = 0
    """SIGKILLs of ingest."""
    broker_restarts: int = 0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A soak."""

    seed: int = 1
    symbols: int = 52
    """On three markets together."""
    day_s: float = 86_400
    """Length of the simulated day."""
    minutes: float = 15
    """What the day takes on the wall's clock."""
    activity: float = 0.02
    """Factor on every symbol's rate of orders."""
    time_factor: float = 1
    """How many times as fast as the client's the clock of the connection rules and REST limits runs."""
    lifetime_s: float = 300
    """Seconds of the wall's clock after which the exchange cuts a connection: its 24 hours."""
    weight_limits: dict[str, int] = {}
    """Request weight a minute of `spot` and `futures`, as exchangeInfo states it; empty: the venue's."""
    broker_down_s: float = 5
    stopped_s: float = 8
    """How long ingest is stopped to be a slow reader."""
    calm_start: float = 0.03
    """Part of the day before the first fault."""
    calm_end: float = 0.10
    """Part of the day after the last fault: every symbol must trade again, or nobody can know what is missing."""
    settle_s: float = 240
    """Seconds that ingest may take after the day to close its ledger."""
    amounts: Amounts = Amounts()
    worker_kills: int = 0
    """How often workers are killed while they go through the log again; 0: the soak is of ingest."""
    accounts: AccountsPlan | None = None
    """Who trades, and what happens to whom; None: the soak is of market data."""
    first_life: dict[str, Any] = {}
    """Settings of ingest until its first kill, in place of `ingest`."""
    ingest: dict[str, Any] = {}
    """Settings of ingest, section by section, beside those that the soak makes."""

    @property
    def speed(self) -> float:
        """How many times as fast as the wall's clock the venue's runs."""
        return self.day_s / (60 * self.minutes)

    def check(self) -> str | None:
        """Return what cannot be; None where all can."""
        checks = (
            (self.symbols >= 10, "symbols: at least 10, or a market has none"),
            (self.day_s > 0 and self.minutes > 0, "day_s, minutes: must be positive"),
            (
                self.calm_start > 0 and self.calm_end > 0 and self.calm_start + self.calm_end < 1,
                "calm: between 0 and 1",
            ),
            (self.activity > 0, "activity: must be positive"),
            (self.time_factor >= 1, "time_factor: at least 1"),
            (self.worker_kills >= 0, "worker_kills: not below 0"),
        )
        return next((message for fine, message in checks if not fine), None)


def named_scenarios() -> dict[str, str]:
    """Return the scenarios that come with the package: name and text."""
    folder = files("sandbox.soak") / "scenarios"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def read_scenario(name: str) -> Scenario:
    """Read a scenario: one that comes with the package, or a file.

    Raises:
        ScenarioError: there is none, or it says what cannot be.
    """
    text = named_scenarios().get(name)
    if text is None:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(name, f"cannot be read: {error}") from error
    try:
        scenario = msgspec.convert(yaml.safe_load(text) or {}, Scenario)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ScenarioError(name, str(error)) from error
    problem = scenario.check()
    if problem:
        raise ScenarioError(name, problem)
    return scenario


def _listed() -> str:
    return ", ".join(named_scenarios())
