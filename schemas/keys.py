"""Keys of current-state and control records: the whole identity, as plain UTF-8.

Compaction by symbol alone would keep one candle, one hole.
"""

from __future__ import annotations

from schemas.accounts import Balance, Order, OrderKind, Position
from schemas.control import AccountProgress, CheckpointRound, Gap, Heartbeat, Progress
from schemas.derived import Candle


__all__ = [
    "account_progress_key",
    "balance_key",
    "candle_key",
    "checkpoint_round_key",
    "gap_key",
    "heartbeat_key",
    "order_key",
    "position_key",
    "progress_key",
]


def candle_key(candle: Candle) -> bytes:
    """Return ``BTCUSDT|1723161600000``."""
    return f"{candle.symbol}|{candle.open_time}".encode()


def checkpoint_round_key(checkpoint_round: CheckpointRound) -> bytes:
    """Return ``books|3``."""
    return f"{checkpoint_round.flow}|{checkpoint_round.partition}".encode()


def gap_key(gap: Gap) -> bytes:
    """Return ``spot|trade|BTCUSDT|3735683259``."""
    return f"{gap.market}|{gap.stream}|{gap.symbol}|{gap.first_id}".encode()


def progress_key(progress: Progress) -> bytes:
    """Return ``spot|trade|BTCUSDT``."""
    return f"{progress.market}|{progress.stream}|{progress.symbol}".encode()


def heartbeat_key(heartbeat: Heartbeat) -> bytes:
    """Return ``spot|trade|3``."""
    return f"{heartbeat.market}|{heartbeat.stream}|{heartbeat.partition}".encode()


def order_key(order: Order) -> bytes:
    """Return ``main|BTCUSDT|4903999096``, of an algo order ``main|BTCUSDT|algo:2000000548906329``."""
    kind = "algo:" if order.kind is OrderKind.ALGO else ""
    return f"{order.account}|{order.symbol}|{kind}{order.order_id}".encode()


def balance_key(balance: Balance) -> bytes:
    """Return ``main|USDT``."""
    return f"{balance.account}|{balance.asset}".encode()


def position_key(position: Position) -> bytes:
    """Return ``main|BTCUSDT|LONG``."""
    return f"{position.account}|{position.symbol}|{position.position_side}".encode()


def account_progress_key(progress: AccountProgress) -> bytes:
    """Return ``usdm|main``."""
    return f"{progress.market}|{progress.account}".encode()
