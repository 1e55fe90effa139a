"""Waiting for what happens to accounts: until ingest listens and knows how they stand, and until all of it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sandbox.demo.exchange_control import ExchangeControl, ExchangeStatus
from sandbox.demo.settling import Log, behind
from sandbox.demo.waiting import NotFlowingError, Progress
from sandbox.recordings.private import Account
from sandbox.stack import Stack
from sandbox.verify.private.outcome import RAW_TYPES, private_topics
from sandbox.verify.topics import Partition, read_to_end
from schemas.codec import Codec, DecodeError
from schemas.control import AccountProgress
from schemas.topics import ControlType, Layer


__all__ = ["PrivateFlow"]

_POLL_S: Final = 0.25
_ASK_S: Final = 0.5
_QUIET_POLLS: Final = 4
_LISTEN_S: Final = 90.0
_ANSWERS_S: Final = 2.0
"""What the questions about an account take at most, by their request weight."""
_STALL_S: Final = 30.0
"""How long nothing at all may change before the wait is given up."""


class PrivateFlow:
    """The flow of accounts' events through a stack, from its start to its rest.

    Args:
        stack: entered.
        accounts: whose events there are.
        codec: decodes how far the accounts are known.
        event_count: how many events are to be published.
    """

    def __init__(self, stack: Stack, accounts: Collection[Account], codec: Codec, event_count: int) -> None:
        self._stack = stack
        self._accounts = frozenset(accounts)
        self._codec = codec
        self._event_count = event_count
        self._log = Log(stack.bootstrap_servers, stack.table)
        self._control = ExchangeControl(stack.exchange_url or "")
        markets = sorted({market for market, _ in accounts})
        self._topics = private_topics(stack.table, markets)
        self._read = frozenset(topic.name for topic in self._topics if topic.layer is Layer.RAW)
        self._updates = frozenset(stack.table.raw(market, raw).name for market in markets for raw in RAW_TYPES)
        self._started_s = 0.0
        self.seconds = 0.0
        """From the first event until everything was done."""
        self.remarks: list[str] = []
        """What did not come to rest, if it was given up."""

    def await_listening(self) -> None:
        """Wait until ingest gets the events of every account and has asked how each stands.

        Raises:
            NotFlowingError: it took too long.
            ProcessDiedError: something ended.
        """
        limit_s = _LISTEN_S + _ANSWERS_S * len(self._accounts)
        deadline = time.monotonic() + limit_s
        while True:
            self._stack.check_running()
            deaf = self._accounts - self._control.listening()
            unknown = frozenset() if deaf else self._accounts - self._known()
            if not deaf and not unknown:
                return
            if time.monotonic() >= deadline:
                what = "connections of" if deaf else "the first answers about"
                names = ", ".join(f"{market}:{label}" for market, label in sorted(deaf or unknown))
                waited_for = f"{what} {names}"
                raise NotFlowingError(waited_for, limit_s)
            time.sleep(_ASK_S)

    def start(self) -> None:
        """Let the exchange send."""
        self._started_s = time.monotonic()
        self._control.start()

    def await_rest(self, show: Callable[[Progress], None]) -> None:
        """Wait until every event is published and folded, and nothing changes any more.

        Args:
            show: called with the progress, a few times a second.

        Raises:
            ProcessDiedError: something ended.
        """
        last: tuple[object, ...] = ()
        changed_s, quiet = time.monotonic(), 0
        while True:
            self._stack.check_running()
            status = self._control.status()
            progress, published, ends = self._look(status)
            show(progress)
            state = (ends, progress.lag, status.frames_sent)
            now_s = time.monotonic()
            quiet = quiet + 1 if state == last else 0
            changed_s = changed_s if state == last else now_s
            last = state
            done = status.ended and published >= self._event_count and not any(progress.lag.values())
            self.seconds = (self.seconds or progress.elapsed_s) if done else 0.0
            if done and quiet >= _QUIET_POLLS:
                return
            if now_s - changed_s > _STALL_S:
                self._give_up(progress, published)
                return
            time.sleep(_POLL_S)

    def _look(self, status: ExchangeStatus) -> tuple[Progress, int, Mapping[Partition, int]]:
        ends = self._log.ends_of(self._topics)
        raw = {place: end for place, end in ends.items() if place[0] in self._read}
        published = sum(end for place, end in raw.items() if place[0] in self._updates)
        groups = self._stack.groups()
        progress = Progress(
            exchange=status,
            published=published,
            lag={group: behind(self._read, raw, self._log.committed(group)) for group in groups},
            derived=sum(ends.values()) - sum(raw.values()),
            missing_heartbeats=0,
            elapsed_s=time.monotonic() - self._started_s,
        )
        return progress, published, ends

    def _known(self) -> frozenset[Account]:
        """Return the accounts of which ingest has asked how they stand."""
        topic = self._stack.table.control(ControlType.ACCOUNT_PROGRESS)
        known = set()
        for record in read_to_end(self._stack.bootstrap_servers, [topic]):
            if record.value is None:
                continue
            try:
                value = self._codec.decode(record.topic, record.partition, record.offset, record.value)
            except DecodeError:
                continue
            if isinstance(value, AccountProgress):
                known.add((value.market, value.account))
        return frozenset(known)

    def _give_up(self, progress: Progress, published: int) -> None:
        self.seconds = self.seconds or progress.elapsed_s
        waiting = (
            f"{published} of {self._event_count} events published, lag {dict(progress.lag)}, exchange "
            f"{progress.exchange.state}"
        )
        self.remarks.append(f"the pipeline did not come to rest: nothing changed for {_STALL_S:g} s ({waiting})")
