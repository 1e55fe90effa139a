"""All comparisons together: the recording against itself, and what came out of the topics against the recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sandbox.recordings.private import Account, PrivateEvent, PrivateRecording
from sandbox.verify.private.account_events import AccountEvents
from sandbox.verify.private.account_laws import judge_account, name_of
from sandbox.verify.private.comparison import Demand, StateComparison, compare_states
from sandbox.verify.private.contradictions import Contradiction
from sandbox.verify.private.order_states import States, order_key
from sandbox.verify.private.outcome import RAW_TYPES, PrivateOutcome, RawRecord
from sandbox.verify.private.report import AccountReport, PrivateReport
from sandbox.verify.private.reports import Fields, OrderId, UnreadableEventError, decode_event
from sandbox.verify.private.wallet_states import WalletStates
from sandbox.verify.report import RawCounts
from schemas.topics import DerivedType, RawType


__all__ = ["judge_recording", "raw_type_of", "verify_private"]

T = TypeVar("T")
"""What an event changes."""
_ORDER_TYPES: Final = frozenset(
    {
        "executionReport",
        "listStatus",
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ALGO_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
    }
)


def raw_type_of(event_type: str) -> RawType:
    """Return the raw topic that an event belongs into."""
    return RawType.ORDER_UPDATE if event_type in _ORDER_TYPES else RawType.ACCOUNT_UPDATE


def judge_recording(recording: PrivateRecording) -> dict[Account, list[Contradiction]]:
    """Return what each account's events say against one another."""
    return {
        account: list(judge_account(account[1], AccountEvents(account[0], _events_of(recording, account))))
        for account in recording.accounts
    }


def verify_private(recording: PrivateRecording, outcome: PrivateOutcome, *, seconds: float) -> PrivateReport:
    """Compare everything that came out with everything that is recorded.

    Args:
        recording: what was replayed.
        outcome: what the topics hold.
        seconds: how long the pipeline took, for the report.
    """
    accounts = {
        f"{account[0]}:{account[1]}": _Account(account, _events_of(recording, account), outcome).report()
        for account in recording.accounts
    }
    return PrivateReport(
        accounts=accounts,
        problems=list(_problems(recording, outcome)),
        not_compared=[f"{what} ({count} times)" for what, count in sorted(recording.left_out.items())],
        dead_letters=outcome.dead_letters,
        events=len(recording.events),
        seconds=seconds,
    )


def _events_of(recording: PrivateRecording, account: Account) -> list[PrivateEvent]:
    return [event for event in recording.events if (event.market, event.account) == account]


def _problems(recording: PrivateRecording, outcome: PrivateOutcome) -> Iterator[str]:
    for problem in recording.problems:
        yield f"the recording cannot be read: {problem}"
    for text in outcome.undecodable:
        yield f"record that cannot be decoded: {text}"
    for text in outcome.misplaced:
        yield f"record outside its account's partition: {text}"
    for market, account in sorted(outcome.accounts - set(recording.accounts)):
        yield f"records of an account that is not recorded: {market} {account}"
    yield from _dead_letters(recording, outcome)


def _dead_letters(recording: PrivateRecording, outcome: PrivateOutcome) -> Iterator[str]:
    """Say of each reason how many were set aside for it, and what the first says, where it is recorded."""
    places = {event.data: event.place for event in reversed(recording.events)}
    reasons = Counter(letter.get("reason", "?") for letter in outcome.dead_letters)
    for reason, count in sorted(reasons.items()):
        first = next(letter for letter in outcome.dead_letters if letter.get("reason", "?") == reason)
        place, detail = places.get(first.get("event", "").encode()), first.get("detail")
        told = ": ".join(part for part in (place, detail) if part)
        yield f"{count} private dead letters: {reason}" + (f", the first: {told}" if told else "")


class _Account:
    """The comparisons of one account."""

    def __init__(self, account: Account, events: Sequence[PrivateEvent], outcome: PrivateOutcome) -> None:
        self._market, self._label = account
        self._recorded = events
        self._outcome = outcome
        self._events = AccountEvents(self._market, events)
        self._places = {event.data: event.place for event in reversed(events)}
        self._problems: list[str] = []

    def report(self) -> AccountReport:
        contradictions = list(judge_account(self._label, self._events))
        doubted = self._doubted(contradictions)
        raw = {raw_type: self._compare_raw(raw_type) for raw_type in RAW_TYPES}
        orders = self._compare(DerivedType.ORDER, self._order_demands(), doubted)
        balances, positions = self._wallet_demands()
        return AccountReport(
            events=dict(Counter(event.type for event in self._recorded)),
            repeated=self._events.duplicates,
            raw={str(raw_type): counts for raw_type, counts in raw.items()},
            orders=orders,
            balances=self._compare(DerivedType.BALANCE, balances),
            positions=self._compare(DerivedType.POSITION, positions),
            answers=self._outcome.answers[self._market, self._label],
            contradictions=contradictions,
            problems=self._problems,
            not_compared=[
                f"states of {key.decode()}: the recording contradicts itself about it" for key in sorted(doubted)
            ],
        )

    def _doubted(self, contradictions: Iterable[Contradiction]) -> frozenset[bytes]:
        """Return the keys of the orders about which the recording contradicts itself."""
        subjects = {contradiction.subject for contradiction in contradictions}
        orders: set[OrderId] = {*self._events.reports, *(order for order, _, _ in self._events.lite)}
        return frozenset(order_key(self._label, order) for order in orders if name_of(order) in subjects)

    def _raw(self, raw_type: RawType) -> list[RawRecord]:
        return self._outcome.raw.get((self._market, self._label, raw_type), [])

    def _compare_raw(self, raw_type: RawType) -> RawCounts:
        recorded = Counter(event.data for event in self._recorded if raw_type_of(event.type) is raw_type)
        published = Counter(record.value for record in self._raw(raw_type))
        missing, more = recorded - published, published - recorded
        duplicates = sum(count for value, count in more.items() if value in recorded)
        foreign = more.total() - duplicates
        if missing or more:
            self._problems.append(
                f"raw {raw_type}: {missing.total()} recorded events not published, {duplicates} published more often "
                f"than recorded, {foreign} published that were not recorded"
            )
        return RawCounts(recorded.total(), published.total(), duplicates, missing.total(), foreign)

    def _event(self, record: RawRecord) -> PrivateEvent:
        place = self._places.get(record.value, f"raw offset {record.offset}")
        name, _, line = place.rpartition(":")
        number = int(line) if line.isdecimal() else 0
        return PrivateEvent(self._market, self._label, record.type, 0, record.value, Path(name or place), number)

    def _order_demands(self) -> list[Demand]:
        states, demands = States(self._market, self._label), []
        for record in self._raw(RawType.ORDER_UPDATE):
            event = self._event(record)
            for key, state in _taken(states.take, event):
                demands.append(Demand(record.offset, key, state, event.place))
        return demands

    def _wallet_demands(self) -> tuple[list[Demand], list[Demand]]:
        states = WalletStates(self._label)
        demands: Mapping[str, list[Demand]] = {"balance": [], "position": []}
        for record in self._raw(RawType.ACCOUNT_UPDATE):
            event = self._event(record)
            for change in _taken(states.take, event):
                demands[change.kind].append(Demand(record.offset, change.key, change.state, event.place))
        return demands["balance"], demands["position"]

    def _compare(
        self, derived: DerivedType, demands: Sequence[Demand], ignored: frozenset[bytes] = frozenset()
    ) -> StateComparison:
        published = self._outcome.states.get((self._market, self._label, derived), [])
        result = compare_states(str(derived), demands, published, ignored)
        if not result.holds:
            self._problems.append(
                f"{derived}: of {result.demanded} states {result.different} differ, {result.missing} missing; "
                f"{result.extra} published that nothing demands; {result.final_equal} of {result.keys} end as they "
                "have to"
            )
        return result


def _taken(take: Callable[[PrivateEvent, Fields], list[T]], event: PrivateEvent) -> list[T]:
    """Return what an event changes: nothing where it cannot be read, which is told among the contradictions."""
    try:
        return take(event, decode_event(event))
    except (UnreadableEventError, msgspec.DecodeError):
        return []
