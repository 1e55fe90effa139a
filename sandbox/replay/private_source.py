"""The replay of what happened to accounts, as a source of the exchange server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sandbox.exchange.source import Halt, RestReply, StreamEvent, error_reply, json_reply
from sandbox.recordings import SymbolSummary
from sandbox.recordings.observed import Steps
from sandbox.recordings.private import Account, PrivateRecording
from sandbox.replay.exchange_info import synthesise
from sandbox.replay.private_answers import AccountAnswers
from schemas.markets import Market


__all__ = ["PrivateReplaySource"]

_NS_PER_MS: Final = 1_000_000
_LEAD_MS: Final = 1_000
"""How long before the first event the clock stands: an account is asked about before anything has happened to it."""


class PrivateReplaySource:
    """Sends each recorded event once, in order, to its account alone; answers requests by what was sent up to then.

    Orders cannot be placed: what happened to the accounts is recorded. There is no market data.

    Args:
        recording: what is replayed.
    """

    def __init__(self, recording: PrivateRecording) -> None:
        self._recording = recording
        self._clock_ms = max(0, recording.events[0].event_time_ms - _LEAD_MS)
        self._answers: dict[Account, AccountAnswers] = {
            (market, label): AccountAnswers(market) for market, label in recording.accounts
        }
        self._symbols = _symbols(recording)

    @property
    def event_count(self) -> int:
        """How many events the replay yields in all."""
        return len(self._recording.events)

    def streams(self, market: Market) -> frozenset[str]:
        """Return nothing: there is no market data."""
        return frozenset()

    def events(self) -> Iterator[StreamEvent | Halt]:
        """Yield every recorded event; it is due at its own time, or its predecessor's where that is later."""
        due_ms = self._clock_ms
        for event in self._recording.events:
            due_ms = max(due_ms, event.event_time_ms)
            yield StreamEvent(due_ms * _NS_PER_MS, event.market, event.type, event.data, event.account)
            self._clock_ms = max(self._clock_ms, due_ms)
            self._answers[event.market, event.account].take(event)

    def clock_ms(self) -> int:
        """Return the venue's clock: the time of the last event that was sent."""
        return self._clock_ms

    def advance_clock(self, to_ms: int) -> None:
        """Move the clock on to `to_ms`; never back."""
        self._clock_ms = max(self._clock_ms, to_ms)

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        """Answer what is public: which symbols there are, and of market data that there is none."""
        if path.endswith("/exchangeInfo"):
            symbols = [SymbolSummary(market, name, 0, 0, Steps()) for name in sorted(self._symbols[market])]
            return json_reply(synthesise(market, symbols, {}, self.clock_ms()))
        return error_reply(400, -1121, "Invalid symbol.")

    def open_account(self, market: Market, label: str, balances: Mapping[str, str]) -> None:
        """Let an account exist that nothing is recorded of; what the others have, their events tell."""
        self._answers.setdefault((market, label), AccountAnswers(market))

    def account_request(
        self, market: Market, account: str, method: str, path: str, params: Mapping[str, str]
    ) -> RestReply:
        """Answer a question by what was sent; refuse whatever would change something."""
        known = self._answers.get((market, account))
        if known is None or method != "GET":
            return error_reply(400, -1020, "This operation is not supported.")
        return known.answer(path, params, self.clock_ms())

    def account_books(self, market: Market) -> object:
        """Return what the events that were sent say of each account."""
        return {label: known.books() for (of, label), known in self._answers.items() if of is market}


def _symbols(recording: PrivateRecording) -> dict[Market, frozenset[str]]:
    """Return the symbols that are recorded, as exchangeInfo is asked for them before anything was sent."""
    whole = {market: AccountAnswers(market) for market in Market}
    for event in recording.events:
        whole[event.market].take(event)
    return {market: answers.symbols for market, answers in whole.items()}
