"""How the exchange server serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from sandbox.exchange.connection_settings import ConnectionSettings
from sandbox.exchange.faults.scenario import Scheduled
from sandbox.exchange.limits import Pool
from sandbox.exchange.private.accounts import PrivateSettings
from sandbox.exchange.rules import RULES, MarketRules
from schemas.markets import Market


__all__ = ["ExchangeSettings", "StartMode"]

_LEAST_DEADLINE_S = 2.0
"""How long a client has for its answer to a ping, however hastened."""


class StartMode(StrEnum):
    """What lets the first event go."""

    AUTO = "auto"
    """Somebody subscribed to every stream of the source, or to some and to no further one for three seconds."""
    NOW = "now"
    """Nothing: it goes at once."""
    MANUAL = "manual"
    """``POST /sandbox/start``."""


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the server serves."""

    host: str = "127.0.0.1"
    port: int = 9443
    """0: any free one."""
    speed: float | None = 1
    """How many times as fast as in the source; None: as fast as the clients take it."""
    start: StartMode = StartMode.AUTO
    start_quiet_s: float = 3
    """Automatic start: how long no further stream is subscribed to."""
    record: Path | None = None
    """A directory for a recording of what is sent."""
    truth: Path | None = None
    """A directory for ``faults.jsonl``: what faults did."""
    rules: Mapping[Market, MarketRules] = msgspec.field(default_factory=lambda: RULES)
    time_factor: float = 1.0
    """How many times as fast the clock of the rules runs: pings, connection age, attempts, request weight, bans."""
    lifetime_s: float | None = None
    """When a connection is cut, by the client's clock; None: after 24 hours by the rules' clock."""
    weight_limits: Mapping[Pool, int] = {}
    """Request weight per minute, where it is not the venue's; exchangeInfo states it."""
    connections: ConnectionSettings = ConnectionSettings()
    unknown_keys: bool = False
    """Whether every payload has a key that no documentation names."""
    scenario: Sequence[Scheduled] = ()
    """Faults that happen by themselves."""
    private: PrivateSettings = PrivateSettings()
    """Which accounts there are."""

    @property
    def pace(self) -> float | None:
        """How many times as fast as its clients' clocks the venue's runs, at least once; None: it has no pace."""
        return None if self.speed is None else max(1.0, self.speed)

    def rules_in_force(self) -> dict[Market, MarketRules]:
        """Return the rules of each market by the client's clock."""
        hastened = {market: rules.hastened(self.time_factor, _LEAST_DEADLINE_S) for market, rules in self.rules.items()}
        if self.lifetime_s is None:
            return hastened
        return {
            market: msgspec.structs.replace(rules, lifetime_s=self.lifetime_s) for market, rules in hastened.items()
        }
