"""Orders, balances and positions of the accounts in one partition: all state, and all that comes of a record.

Events of a market are applied as they come. Answers wait until the events that were told before them were applied (see
:mod:`processors.core.held_answers`). What is of one account on one market knows nothing of any other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from processors.core.account_holdings import AccountHoldings
from processors.core.account_orders import AccountOrders
from processors.core.account_parts import Part, PartName, PartType, Result, Telling
from processors.core.account_reports import PassedOver, account_reports
from processors.core.checkpoint_rounds import Entity
from processors.core.held_answers import HeldAnswers
from processors.core.records import DeadLetter, Output, RawRecord, Rejected
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["RETENTION_MS", "AccountPartition"]

RETENTION_MS: Final = 7 * 86_400_000
"""For how long of event time an order is kept after it ended, unless it is set."""

UPDATE_OF: Final[Mapping[RawType, RawType]] = {
    RawType.ORDER_SNAPSHOT: RawType.ORDER_UPDATE,
    RawType.ACCOUNT_SNAPSHOT: RawType.ACCOUNT_UPDATE,
}
"""By the topic of answers, that of the events which they speak of."""
_SNAPSHOT_OF: Final = {update: snapshot for snapshot, update in UPDATE_OF.items()}

_LABEL: Final = re.compile(rb"[a-z0-9][a-z0-9-]*")
_DIGITS: Final = 15
"""Of times: milliseconds, far beyond any."""


class _Account:
    """One account on one market."""

    def __init__(self, market: Market, label: str, retention_ms: int) -> None:
        self.clock_ms = 0
        """The latest time that a record told."""
        self.orders = AccountOrders(market, label, retention_ms)
        self.holdings = AccountHoldings(market, label)

    def parts(self) -> Iterator[Part[Any]]:
        yield from self.orders.parts
        yield from self.holdings.parts


class AccountPartition:
    """The accounts of one partition, of all markets.

    It is :class:`~processors.core.checkpoint_rounds.Checkpointed` and
    :class:`~processors.core.checkpoint_rounds.HoldsRecords`. Whatever the order in which topics are read, the last
    value of each key is the same but for what says how we know it.

    Args:
        retention_ms: for how long of event time an order is kept after it ended.
    """

    def __init__(self, retention_ms: int = RETENTION_MS) -> None:
        self._retention_ms = retention_ms
        self._accounts: dict[tuple[Market, str], _Account] = {}
        self._answers = {(market, raw_type): HeldAnswers() for market in Market for raw_type in UPDATE_OF}
        self._answered = dict.fromkeys(self._answers, 0)
        """Behind the last answer that was applied, by its topic."""
        self._unknown: Counter[tuple[Market, str]] = Counter()

    def feed(self, record: RawRecord) -> list[Result]:
        """Take one raw record; return what changed by it, and by answers that waited for it."""
        results: list[Result] = []
        if record.type in UPDATE_OF:
            answers = self._answers[record.market, record.type]
            answers.offer(record)
            self._let_go(record.market, record.type, results)
            while (lost := answers.next_lost()) is not None:
                detail = (
                    f"waits for offset {lost.after_offset}, the log has {answers.next_offset}: is it of another log?"
                )
                results.append(DeadLetter("does-not-fit", detail, lost.record))
                self._let_go(record.market, record.type, results)
        else:
            snapshot_type = _SNAPSHOT_OF[record.type]
            self._answers[record.market, snapshot_type].advance(record.offset + 1)
            self._apply(record, snapshot_type, results)
            self._let_go(record.market, snapshot_type, results)
        return results

    def take_unknown(self) -> Counter[tuple[Market, str]]:
        """Return how many events of types that nobody knows were passed over, once."""
        unknown, self._unknown = +self._unknown, Counter()
        return unknown

    def first_held(self) -> Mapping[tuple[Market, RawType], int]:
        """Return the first answer of each topic that waits."""
        return {place: first for place, answers in self._answers.items() if (first := answers.first) is not None}

    def passed_over(self, market: Market, raw_type: RawType, offset: int) -> list[Result]:
        """Take note that no record below an offset is left to come; return what comes of answers that waited for it."""
        results: list[Result] = []
        if raw_type in UPDATE_OF:
            first = self._answers[market, raw_type].first
            applied = offset if first is None else min(offset, first)
            self._answered[market, raw_type] = max(applied, self._answered[market, raw_type])
        else:
            self._answers[market, _SNAPSHOT_OF[raw_type]].advance(offset)
            self._let_go(market, _SNAPSHOT_OF[raw_type], results)
        return results

    def entities(self) -> Collection[Entity]:
        """Return the parts of all accounts."""
        return [part.name.entity for part in self._parts()]

    def entities_changed(self) -> Collection[Entity]:
        """Return the parts that changed since each was last dumped or loaded."""
        return [part.name.entity for part in self._parts() if part.changed]

    def dump(self, entity: Entity) -> bytes:
        """Return the whole state of a part."""
        name = PartName.of(entity)
        account = self._accounts[name.market, name.account]
        part = next(part for part in account.parts() if part.name == name)
        return part.dump(account.clock_ms)

    def load(self, entity: Entity, state: bytes) -> None:
        """Take over a dumped part.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        name = PartName.of(entity)
        account = self._account(name.market, name.account)
        of = account.orders if name.type is PartType.ORDERS else account.holdings
        account.clock_ms = max(account.clock_ms, of.load(name, state))

    def dump_shared(self) -> bytes:
        """Return nothing: answers that wait are read again, and the rest is some account's."""
        return b""

    def load_shared(self, state: bytes) -> None:
        """Take over nothing."""

    def start_anew(self, entity: Entity) -> None:
        """Begin a part whose checkpoint is lost: what the log and the next answers tell of it counts."""
        name = PartName.of(entity)
        account = self._account(name.market, name.account)
        (account.orders if name.type is PartType.ORDERS else account.holdings).drop(name)

    def announce(self) -> Collection[Output]:
        """Return nothing: what was said last is right."""
        return ()

    def _parts(self) -> Iterator[Part[Any]]:
        for account in self._accounts.values():
            yield from account.parts()

    def _account(self, market: Market, label: str) -> _Account:
        account = self._accounts.get((market, label))
        if account is None:
            account = self._accounts[market, label] = _Account(market, label, self._retention_ms)
        return account

    def _let_go(self, market: Market, snapshot_type: RawType, results: list[Result]) -> None:
        """Apply the answers that wait no longer."""
        while (record := self._answers[market, snapshot_type].next_due()) is not None:
            place = market, snapshot_type
            self._answered[place] = max(self._answered[place], record.offset + 1)
            self._apply(record, snapshot_type, results)

    def _apply(self, record: RawRecord, snapshot_type: RawType, results: list[Result]) -> None:
        """Apply one record, be it an event or an answer."""
        if _LABEL.fullmatch(record.key or b"") is None:
            results.append(DeadLetter("does-not-fit", "the key is no label of an account", record))
            return
        told = account_reports(record)
        if isinstance(told, Rejected):
            results.append(DeadLetter(told.reason, told.detail, record))
            return
        place = record.market, snapshot_type
        telling = Telling(
            record, record.type is snapshot_type, _cause_of(record), _time_of(record),
            self._answers[place].next_offset, self._answered[place],
        )  # fmt: skip
        account = self._account(record.market, (record.key or b"").decode())
        account.clock_ms = max(account.clock_ms, telling.time_ms)
        if isinstance(told, PassedOver):
            self._unknown[record.market, told.name] += not told.known
        else:
            results += (DeadLetter(item.reason, item.detail, record) for item in told.rejected)
            results += account.orders.tell(told.orders, telling, account.clock_ms)
            results += account.holdings.tell_balances(told.balances, telling)
            results += account.holdings.tell_positions(told.positions, telling)
        results += account.orders.bury(account.clock_ms, record.timestamp_ms)


def _time_of(record: RawRecord) -> int:
    """Return the venue's time: of an answer, when it was asked for."""
    asked = record.header("request_time")
    if record.type not in UPDATE_OF:
        return record.timestamp_ms
    return int(asked) if asked is not None and asked.isdigit() and len(asked) <= _DIGITS else 0


def _cause_of(record: RawRecord) -> ReconcileCause | None:
    name = (record.header("cause") or b"").decode(errors="replace")
    return ReconcileCause(name) if name in set(ReconcileCause) else None
