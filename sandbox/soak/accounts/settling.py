"""Waiting until accounts are compared with the exchange once more and every answer is applied."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from sandbox.demo.settling import Log, behind
from sandbox.recordings.private import Account
from sandbox.stack import Stack
from sandbox.verify.private.outcome import private_topics
from sandbox.verify.topics import read_to_end
from schemas.codec import Codec
from schemas.control import AccountProgress
from schemas.markets import Market
from schemas.topics import ControlType, Layer


__all__ = ["await_settled"]

_POLL_S: Final = 0.25


def await_settled(
    stack: Stack, codec: Codec, accounts: Collection[Account], after_ms: int, limit_s: float
) -> str | None:
    """Wait until each account was compared with the exchange after a time, and the workers have applied all there is.

    Args:
        stack: what runs.
        codec: decodes how far the accounts are known.
        accounts: whose.
        after_ms: the venue's time, when nothing happens any more.
        limit_s: how long to wait at most.

    Returns:
        What was not settled; None: all is.
    """
    log = Log(stack.bootstrap_servers, stack.table)
    topics = [
        topic
        for topic in private_topics(stack.table, sorted({market for market, _ in accounts}))
        if topic.layer is Layer.RAW
    ]
    names = frozenset(topic.name for topic in topics)
    deadline_s = time.monotonic() + limit_s
    while True:
        stack.check_running()
        waiting = sorted(frozenset(accounts) - _compared(stack, codec, after_ms))
        lag = 0
        if not waiting:
            ends = log.ends_of(topics)
            lag = sum(behind(names, ends, log.committed(group)) for group in stack.groups())
            if not lag:
                return None
        if time.monotonic() >= deadline_s:
            them = ", ".join(f"{market}:{label}" for market, label in waiting)
            return f"not compared: {them}" if them else f"{lag} records are not applied"
        time.sleep(_POLL_S)


def _compared(stack: Stack, codec: Codec, after_ms: int) -> frozenset[Account]:
    """Return the accounts that were compared with the exchange as it is since a time."""
    topic = stack.table.control(ControlType.ACCOUNT_PROGRESS)
    times: dict[tuple[Market, str], int] = {}
    for record in read_to_end(stack.bootstrap_servers, [topic]):
        if record.value is None:
            continue
        value = codec.decode(record.topic, record.partition, record.offset, record.value)
        if isinstance(value, AccountProgress):
            times[value.market, value.account] = value.time
    return frozenset(account for account, known_ms in times.items() if known_ms > after_ms)
