"""A market in which a robot has traded, and what the topics hold of it if the processors fold all that was told."""

from __future__ import annotations

from collections import Counter
from functools import cache

from processors.core.account_partition import AccountPartition
from processors.core.records import Output, RawRecord as Fed
from sandbox.recordings.private import Account
from sandbox.simulation.accounts.robot import Robot
from sandbox.soak.accounts.books import Kept, kept_of
from sandbox.verify.private.outcome import PrivateOutcome, RawRecord, StateRecord
from sandbox.verify.private.verification import raw_type_of
from schemas.accounts import Balance, Order, Position
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from tests.unit.sandbox.simulation.accounts.stage import SYMBOLS, Stage, quiet


__all__ = ["Traded", "traded"]

LABEL = "main"
Event = tuple[str, bytes]
"""Type and payload."""


class Traded:
    """What an account was told on a market, and what the exchange keeps of it."""

    def __init__(self, market: Market, events: list[Event], kept: Kept) -> None:
        self.account: Account = (market, LABEL)
        self.events = events
        self.kept = kept

    def outcome(self, lost: frozenset[int] = frozenset()) -> PrivateOutcome:
        """Return what the topics hold.

        Args:
            lost: which events the stream did not deliver.
        """
        market, _ = self.account
        outcome, partition = PrivateOutcome(), AccountPartition()
        offsets: Counter[RawType] = Counter()
        for number, (kind, payload) in enumerate(self.events):
            if number in lost:
                continue
            raw_type = raw_type_of(kind)
            offset = offsets[raw_type]
            offsets[raw_type] += 1
            outcome.raw[market, LABEL, raw_type].append(RawRecord(offset, kind, payload))
            headers = (("connection_id", b"c"), ("connection_sequence", str(number).encode()))
            for result in partition.feed(Fed(market, raw_type, 0, offset, 0, LABEL.encode(), payload, headers)):
                assert isinstance(result, Output)
                assert isinstance(result.type, DerivedType)
                assert isinstance(result.value, Order | Balance | Position)
                record = StateRecord(result.key, result.value, offset)
                outcome.states[market, LABEL, result.type].append(record)
        return outcome


@cache
def traded(market: Market, requests: int = 150) -> Traded:
    """Let a robot trade, and the market close."""
    config = quiet(symbols={market: SYMBOLS[market]}, activity=0.2, duration_s=900.0)
    stage = Stage(config, accounts=(LABEL,))
    robot = Robot(market, LABEL, stage.rules(market), seed=3)
    for _ in range(requests):
        ask = robot.next({symbol: stage.quote(market, symbol) for symbol in SYMBOLS[market]})
        status, body = stage.send(market, ask.method, ask.path, LABEL, **ask.params)
        robot.answered(ask, status, body)
        stage.advance()
    stage.source.close_markets()
    while stage.advance():
        pass
    events = [(event.stream, event.data) for event in stage.events if event.account == LABEL]
    kept = kept_of(market, LABEL, stage.books(market, LABEL))
    for key, fields in kept.orders.items():
        if fields["kind"] == "algo":  # no event tells these two, answers do
            kept.orders[key] = {**fields, "activation_price": None, "callback_rate": None}
    return Traded(market, events, kept)
