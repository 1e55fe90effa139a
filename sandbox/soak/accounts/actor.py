"""Does what is laid out when it is time: through the exchange's control, or to the processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from sandbox.soak.accounts.happenings import Happening, HappeningKind, fault_of
from sandbox.soak.accounts.plan import AccountsPlan
from sandbox.stack import PRIVATE
from schemas.markets import Market


__all__ = ["AccountsActor", "Happened"]

_ASSETS: Final = {Market.SPOT: "USDT", Market.USDM: "USDT", Market.COINM: "BTC"}
_REVOKED_LATER: Final = 0.02
"""After so much of the hour a key that was replaced is good for nothing."""


class Happened(msgspec.Struct):
    """Something that was done."""

    happening: Happening
    done_at: float
    """Part of the hour."""
    fault: int | None = None
    """Its number at the exchange."""
    hits: int | None = None
    """How many frames or connections it touched."""


class Processes(Protocol):
    """What is stopped and killed; `sandbox.stack.Stack`."""

    def restart(self, name: str) -> int | None:
        """Stop a service as an operator does, and start it again; returns its exit status."""
        ...

    def kill(self, name: str) -> None:
        """Kill a service, and start it again at once."""
        ...


class Exchange(Protocol):
    """What the exchange is told; `sandbox.soak.accounts.control.AccountsControl`."""

    def order(self, fault: Mapping[str, Any]) -> int:
        """Let a fault happen; returns its number."""
        ...

    def hits(self) -> Mapping[int, int]:
        """Return what each fault has done, by its number."""
        ...

    def give_key(self, account: str) -> None:
        """Give an account a new key beside those that it has."""
        ...

    def revoke_old_keys(self, account: str) -> None:
        """Let all keys of an account but the newest be good for nothing."""
        ...

    def transfer(self, market: Market, account: str, asset: str, amount: str) -> None:
        """Let something arrive at an account, or leave it."""
        ...


class AccountsActor:
    """Does what is laid out.

    Args:
        plan: how much each time.
        happenings: what, in order.
        processes: what is stopped and killed.
        exchange: what is told to make faults.
        before_kill: called before a worker is killed, which takes its counts with it.
        tell: receives a line about each.
    """

    def __init__(
        self,
        plan: AccountsPlan,
        happenings: Sequence[Happening],
        *,
        processes: Processes,
        exchange: Exchange,
        before_kill: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._waiting = list(happenings)
        self._processes = processes
        self._exchange = exchange
        self._before_kill = before_kill
        self._tell = tell
        self._revoke: dict[str, float] = {}
        self._transfers = 0
        self.done: list[Happened] = []
        self.problems: list[str] = []

    @property
    def left(self) -> int:
        """How many things are still to happen."""
        return len(self._waiting)

    def step(self, part: float) -> None:
        """Do what is due.

        Args:
            part: how much of the hour is over.
        """
        for account in [account for account, at in self._revoke.items() if at <= part]:
            del self._revoke[account]
            self._exchange.revoke_old_keys(account)
        while self._waiting and self._waiting[0].at <= part:
            happening = self._waiting.pop(0)
            whom = " of ".join(str(each) for each in (happening.market, happening.account) if each)
            self._tell(f"{happening.kind} {whom}".rstrip())
            happened = Happened(happening, round(part, 4))
            self.done.append(happened)
            self._do(happened, part)

    def finish(self) -> list[str]:
        """Return what was wrong, once nothing happens any more, and note what the exchange's faults have done."""
        hits = self._exchange.hits()
        for happened in self.done:
            if happened.fault is not None:
                happened.hits = hits[happened.fault]
        left = [f"the hour was too short: {self.left} things did not happen"] if self._waiting else []
        touched: Counter[HappeningKind] = Counter()
        for happened in self.done:
            if happened.hits is not None:
                touched[happened.happening.kind] += happened.hits
        return [*self.problems, *left, *(f"{kind}: touched nothing" for kind, hits in touched.items() if not hits)]

    def _do(self, happened: Happened, part: float) -> None:
        happening = happened.happening
        fault = fault_of(happening, self._plan)
        if fault is not None:
            happened.fault = self._exchange.order(fault)
            return
        match happening.kind:
            case HappeningKind.INGEST_RESTART:
                if status := self._processes.restart("ingest"):
                    self.problems.append(f"ingest ended with status {status} when it was told to stop")
            case HappeningKind.INGEST_KILL:
                self._processes.kill("ingest")
            case HappeningKind.WORKER_KILL:
                self._before_kill()
                self._processes.kill(PRIVATE)
            case HappeningKind.NEW_KEY:
                self._exchange.give_key(happening.account)
                self._revoke[happening.account] = part + _REVOKED_LATER
            case _:
                self._transfer(happening)

    def _transfer(self, happening: Happening) -> None:
        assert happening.market is not None  # noqa: S101 - it was laid out so
        self._transfers += 1
        amount = f"{'-' if self._transfers % 2 else ''}0.{self._transfers:02d}345678"
        self._exchange.transfer(happening.market, happening.account, _ASSETS[happening.market], amount)
