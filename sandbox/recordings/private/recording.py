"""Recordings of what happened to accounts: which events, of which account and market, in which order.

An account of a replay is a file, or of one file each of its channels (a subscription id, a listen key): two
subscriptions of one connection are two accounts, because an account can be subscribed to once. Where two channels tell
of the same order, they are of one account all the same, which has subscribed anew.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sandbox.recordings.errors import Problem, UnknownMarketError, UnreadableFileError
from sandbox.recordings.files import candidates
from sandbox.recordings.private.events import FUTURES_TYPES, SIGNALS, Channel, EventHead, Family, NoEvent, open_envelope
from sandbox.recordings.private.values import Flaw, read_bytes, values_of
from schemas.markets import Market


__all__ = ["LABEL", "Account", "PrivateEvent", "PrivateRecording", "label_of", "read_private"]

_LONGEST_LABEL: Final = 36
"""Ingest takes 40 characters; there is room for a number."""
_SUFFIXES: Final = (".gz", ".json", ".jsonl", ".ndjson", ".txt", ".log")
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

LABEL: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""What an account may be called."""

Account = tuple[Market, str]
"""A market and the label of an account on it."""


class PrivateEvent(msgspec.Struct, frozen=True):
    """One event of an account."""

    market: Market
    account: str
    """Label of the account."""
    type: str
    event_time_ms: int
    """When it was sent; where it does not say, when the one before it was."""
    data: bytes
    """The event without its envelope."""
    path: Path
    line_number: int

    @property
    def place(self) -> str:
        """Where it is recorded."""
        return f"{self.path.name}:{self.line_number}"


class PrivateRecording(msgspec.Struct, frozen=True):
    """The events of some files."""

    events: Sequence[PrivateEvent]
    """In the order in which they were received; those of several files by their time."""
    problems: Sequence[Problem]
    """What could not be read."""
    left_out: Mapping[str, int]
    """What is not replayed, and how often it is there."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts, in the order of their first events."""
        return tuple(dict.fromkeys((event.market, event.account) for event in self.events))

    def receivable(self) -> PrivateRecording:
        """Return the recording without what nobody can ask for: events on USD-M of types that are not known."""
        events = [event for event in self.events if event.market is not Market.USDM or event.type in FUTURES_TYPES]
        unknown = Counter(event.type for event in self.events) - Counter(event.type for event in events)
        left_out = Counter({f"{name}: nobody can ask USD-M for it": count for name, count in unknown.items()})
        return msgspec.structs.replace(self, events=events, left_out={**self.left_out, **left_out})


def read_private(paths: Sequence[Path], market: Market | None = None, account: str | None = None) -> PrivateRecording:
    """Read recordings of user data.

    Args:
        paths: files, directories, common stems of files; each file is of accounts of its own.
        market: of the events that do not tell theirs.
        account: the label of the one account that all of it is of; None: each file tells of its own.

    Raises:
        RecordingNotFoundError: There is no such file.
        UnreadableFileError: A file cannot be read, or holds no event.
        UnknownMarketError: An event does not tell its market, and nothing else does.
    """
    problems: list[Problem] = []
    left_out: Counter[str] = Counter()
    labels: set[str] = set()
    events: list[list[PrivateEvent]] = []
    for path, named in _files(paths):
        file = _File(path)
        if not file.channels:
            if named:
                raise UnreadableFileError(path, file.why_empty())
            left_out[f"file without an event: {path.name}"] += 1
            continue
        problems += file.problems
        left_out += file.left_out
        if account is None:
            events.append(file.events(market, file.labels(_unused(label_of(path), labels))))
        else:
            events.append(file.events(market, dict.fromkeys(file.channels, account)))
    if not events:
        raise UnreadableFileError(next(iter(paths)), "it holds no event of an account")
    merged = heapq.merge(*map(_timed, events), key=lambda timed: timed[0])
    return PrivateRecording([event for _, event in merged], problems, left_out)


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield each file that is meant, and whether it was named itself."""
    for path in paths:
        files, named = candidates(path)
        yield from ((file, named) for file in files)


def label_of(path: Path) -> str:
    """Return the label of the account that a file is of, made of its name."""
    name = path.name
    while name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    words = [word.lower() for word in _WORDS.split(name) if word.isascii() and word.isalnum()]
    label = "-".join(words) or "account"
    if len(label) > _LONGEST_LABEL:
        label = label[: _LONGEST_LABEL + 1].rpartition("-")[0] or label
    return label[:_LONGEST_LABEL]


def _unused(label: str, labels: set[str]) -> str:
    """Return the label, or one like it if that is taken, and take it."""
    number, unused = 1, label
    while unused in labels:
        number += 1
        unused = f"{label}-{number}"
    labels.add(unused)
    return unused


def _timed(events: Iterable[PrivateEvent]) -> Iterator[tuple[int, PrivateEvent]]:
    """Yield each event with the time at which it was there, which never goes back."""
    time_ms = 0
    for event in events:
        time_ms = max(time_ms, event.event_time_ms)
        yield time_ms, event


class _Found(msgspec.Struct, frozen=True):
    """An event as the file has it."""

    channel: Channel
    head: EventHead
    data: bytes
    line_number: int


class _File:
    """One file, read whole."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self.left_out: Counter[str] = Counter()
        self._path = path
        self._found: list[_Found] = []
        data, damage = read_bytes(path)
        for value in values_of(data):
            if isinstance(value, Flaw):
                self.problems.append(Problem(path, value.line_number, value.reason))
                continue
            envelope = open_envelope(value.data)
            if isinstance(envelope, NoEvent):
                self.left_out[envelope.what] += 1
            elif envelope.head.e in SIGNALS:
                self.left_out[f"{envelope.head.e}: a signal of the recorded connection"] += 1
            else:
                self._found.append(_Found(envelope.channel, envelope.head, envelope.data, value.line_number))
        if damage:
            self.problems.append(Problem(path, data.count(b"\n") + 1, damage))
        self.channels = tuple(dict.fromkeys(found.channel for found in self._found))

    def why_empty(self) -> str:
        """Say why there is no event."""
        first = f": line {self.problems[0].line_number}: {self.problems[0].reason}" if self.problems else ""
        return f"it holds no event of an account{first}"

    def labels(self, label: str) -> dict[Channel, str]:
        """Return the label of the account of each channel."""
        groups = _Groups()
        for channel in self.channels:
            groups.join(channel, _rank(channel, self.channels))
        orders: dict[tuple[str, str], Channel] = {}
        for found in self._found:
            if found.head.order is not None:
                groups.join(found.channel, orders.setdefault(found.head.order, found.channel))
        roots = list(dict.fromkeys(groups.root(channel) for channel in self.channels))
        if len(roots) == 1:
            return dict.fromkeys(self.channels, label)
        return {channel: f"{label}-{roots.index(groups.root(channel)) + 1}" for channel in self.channels}

    def events(self, market: Market | None, labels: Mapping[Channel, str]) -> list[PrivateEvent]:
        """Return the events.

        Raises:
            UnknownMarketError: One does not tell its market, and nothing else does.
        """
        known: dict[str, list[Market]] = {}
        for found in self._found:
            if told := found.head.family.market:
                known.setdefault(labels[found.channel], []).append(told)
        events: list[PrivateEvent] = []
        time_ms = 0
        for found in self._found:
            account = labels[found.channel]
            of = found.head.family.market or _market_of(found, market, known.get(account, []))
            if of is None:
                raise UnknownMarketError(self._path)
            time_ms = found.head.event_time_ms or time_ms
            events.append(PrivateEvent(of, account, found.head.e, time_ms, found.data, self._path, found.line_number))
        return events


def _market_of(found: _Found, market: Market | None, known: Sequence[Market]) -> Market | None:
    """Return the market of an event that does not tell it: as one is told, as the account's others are."""
    if found.head.family is Family.FUTURES:
        futures = [one for one in (market, *known) if one is not None and one.is_futures]
        return futures[0] if futures else Market.USDM
    if found.channel.kind == "subscription":
        return Market.SPOT
    return market or (known[0] if known else None)


def _rank(channel: Channel, channels: Sequence[Channel]) -> Channel:
    """Return the channel that stands for all that are the first, second … of their kind.

    One recorder may have written one account in several envelopes; two ids in one kind of envelope are two accounts.
    """
    same_kind = [other for other in channels if other.kind == channel.kind]
    place = same_kind.index(channel)
    return next(other for other in channels if [o for o in channels if o.kind == other.kind].index(other) == place)


class _Groups:
    """Channels that are of one account."""

    def __init__(self) -> None:
        self._parents: dict[Channel, Channel] = {}

    def root(self, channel: Channel) -> Channel:
        """Return the one channel that stands for the account."""
        while (parent := self._parents.get(channel, channel)) != channel:
            channel = parent
        return channel

    def join(self, one: Channel, other: Channel) -> None:
        """Take two channels for one account."""
        self._parents[self.root(one)] = self.root(other)
