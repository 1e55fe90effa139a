"""What the topics hold about accounts: the raw records, and every state that was made of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sandbox.recordings.private import Account
from sandbox.verify.topics import Record, read_to_end
from schemas.accounts import Balance, Order, Position
from schemas.codec import Codec, DecodeError
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, Layer, RawType, Topic, TopicTable, partition_of


__all__ = ["RAW_TYPES", "PrivateOutcome", "RawRecord", "StateRecord", "collect_private_outcome", "private_topics"]

RAW_TYPES: Final = (RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE)
_SNAPSHOTS: Final = (RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT)
_STATES: Final = (DerivedType.ORDER, DerivedType.BALANCE, DerivedType.POSITION)
_SHOWN: Final = 10
_TOLD_EVERY: Final = 1_000

Value = Order | Balance | Position


class RawRecord(msgspec.Struct, frozen=True):
    """One event as it was published."""

    offset: int
    type: str
    """The event's, as its header says."""
    value: bytes


class StateRecord(msgspec.Struct, frozen=True):
    """One state as it was published."""

    key: bytes
    value: Value
    offset: int


class PrivateOutcome:
    """Everything that the topics hold about accounts, in the order of each partition."""

    def __init__(self) -> None:
        self.raw: dict[tuple[Market, str, RawType], list[RawRecord]] = defaultdict(list)
        """By market, account and type."""
        self.states: dict[tuple[Market, str, DerivedType], list[StateRecord]] = defaultdict(list)
        """The same: every state, not the last ones alone."""
        self.removed: dict[tuple[Market, DerivedType], set[bytes]] = defaultdict(set)
        """Keys that were removed last, by a tombstone."""
        self.answers: Counter[Account] = Counter()
        """REST's answers in the raw topics."""
        self.dead_letters: list[Mapping[str, str]] = []
        """The headers of the records that were set aside, and as ``event`` what they say."""
        self.undecodable: list[str] = []
        self.misplaced: list[str] = []
        """Records in another partition than their account's."""

    @property
    def accounts(self) -> frozenset[Account]:
        """Every account that any topic tells of."""
        return frozenset((market, account) for market, account, _ in (*self.raw, *self.states))

    def take(self, topic: Topic, record: Record, codec: Codec) -> None:
        """Lay out one record."""
        if topic.type is ControlType.PRIVATE_DEAD_LETTER:
            letter = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
            self.dead_letters.append(letter | {"event": (record.value or b"").decode(errors="replace")})
        elif topic.market is not None and topic.layer is Layer.RAW:
            self._take_raw(topic, topic.market, record)
        elif topic.market is not None and record.key is not None:
            self._take_state(topic, topic.market, record.key, record, codec)

    def _take_raw(self, topic: Topic, market: Market, record: Record) -> None:
        account = (record.key or b"").decode(errors="replace")
        self._check_place(record, account)
        if topic.type in _SNAPSHOTS:
            self.answers[market, account] += 1
        elif isinstance(topic.type, RawType):
            raw = RawRecord(record.offset, record.header("stream"), record.value or b"")
            self.raw[market, account, topic.type].append(raw)

    def _take_state(self, topic: Topic, market: Market, key: bytes, record: Record, codec: Codec) -> None:
        derived = topic.type
        if not isinstance(derived, DerivedType):
            return
        account = key.partition(b"|")[0].decode(errors="replace")
        self._check_place(record, account)
        if record.value is None:
            self.removed[market, derived].add(key)
            return
        self.removed[market, derived].discard(key)
        try:
            value = codec.decode(record.topic, record.partition, record.offset, record.value)
        except DecodeError as error:
            if len(self.undecodable) < _SHOWN:
                self.undecodable.append(str(error))
            return
        if isinstance(value, Order | Balance | Position):
            self.states[market, account, derived].append(StateRecord(key, value, record.offset))

    def _check_place(self, record: Record, account: str) -> None:
        if record.partition != partition_of(account) and len(self.misplaced) < _SHOWN:
            self.misplaced.append(f"{record.topic}[{record.partition}]@{record.offset}: of account {account}")


def private_topics(table: TopicTable, markets: Iterable[Market]) -> Sequence[Topic]:
    """Return the topics that tell of accounts."""
    topics = [table.control(ControlType.PRIVATE_DEAD_LETTER)]
    for market in markets:
        topics += [table.raw(market, raw_type) for raw_type in (*RAW_TYPES, *_SNAPSHOTS)]
        topics += [
            table.derived(market, derived)
            for derived in _STATES
            if market.is_futures or derived is not DerivedType.POSITION
        ]
    return topics


def collect_private_outcome(
    bootstrap_servers: str,
    table: TopicTable,
    codec: Codec,
    markets: Iterable[Market],
    tell: Callable[[int], object] = lambda _: None,
) -> PrivateOutcome:
    """Read what the topics hold.

    Args:
        bootstrap_servers: the broker.
        table: names the topics.
        codec: decodes the derived ones.
        markets: whose topics to read.
        tell: called now and then with the number of records read.

    Raises:
        KafkaException: the broker does not answer.
        TimeoutError: it stopped delivering before the end.
    """
    outcome = PrivateOutcome()
    for count, record in enumerate(read_to_end(bootstrap_servers, private_topics(table, markets)), 1):
        outcome.take(table[record.topic], record, codec)
        if count % _TOLD_EVERY == 0:
            tell(count)
    return outcome
