"""Orders, balances and positions as tables for people: exact numbers, no zeros that say nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from rich.table import Table

from schemas.accounts import AccountSource, Balance, Order, OrderKind, Position
from schemas.decimals import QUOTE_SCALE, SCALE, format_scaled
from schemas.markets import Market


__all__ = ["WIDE", "balance_table", "is_open", "order_table", "position_table"]

WIDE: Final = 190
"""From so many columns on, each has a line instead of two."""

_ENDED: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED"})
_ALGO_ENDED: Final = frozenset({"FINISHED", "CANCELED", "REJECTED", "EXPIRED"})
_RIGHT: Final = frozenset(
    {
        "price", "trigger", "quantity", "filled", "average", "commission", "free", "locked", "wallet", "cross wallet",
        "amount", "entry", "unrealised", "realised", "leverage",
    }
)  # fmt: skip

ValueT = TypeVar("ValueT", Order, Balance, Position)
"""What a table is of."""

Columns = Sequence[tuple[str, str]]
"""What stands side by side where there is room, and else one below the other."""


def is_open(order: Order) -> bool:
    """Return whether an order has not ended."""
    return order.status not in (_ALGO_ENDED if order.kind is OrderKind.ALGO else _ENDED)


def order_table(rows: Iterable[tuple[Market, Order]], *, wide: bool) -> Table:
    """Return orders as a table."""
    columns = (
        ("market", "account"),
        ("symbol", "order"),
        ("side", "type"),
        ("status", "told by"),
        ("price", "trigger"),
        ("quantity", "filled"),
        ("average", "commission"),
        ("created (UTC)", "updated (UTC)"),
    )
    return _table(columns, rows, _order_cells, wide=wide)


def balance_table(rows: Iterable[tuple[Market, Balance]], *, wide: bool) -> Table:
    """Return balances as a table."""
    columns = (
        ("market", "account"),
        ("asset", "told by"),
        ("free", "locked"),
        ("wallet", "cross wallet"),
        ("reason", "updated (UTC)"),
    )
    return _table(columns, rows, _balance_cells, wide=wide)


def position_table(rows: Iterable[tuple[Market, Position]], *, wide: bool) -> Table:
    """Return positions as a table."""
    columns = (
        ("market", "account"),
        ("symbol", "side"),
        ("amount", "entry"),
        ("unrealised", "realised"),
        ("margin", "leverage"),
        ("told by", "updated (UTC)"),
    )
    return _table(columns, rows, _position_cells, wide=wide)


def _table(
    columns: Columns,
    rows: Iterable[tuple[Market, ValueT]],
    cells_of: Callable[[Market, ValueT], tuple[tuple[str, str], ...]],
    *,
    wide: bool,
) -> Table:
    table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0), header_style="bold underline")
    for heads in columns:
        for head in heads if wide else ("\n".join(heads),):
            right = any(one in _RIGHT for one in head.split("\n"))
            table.add_column(
                head, overflow="fold", justify="right" if right else "left", no_wrap="UTC" in head or "status" in head
            )
    for market, value in rows:
        cells = cells_of(market, value)
        if wide:
            table.add_row(*(text for pair in cells for text in pair))
        else:
            table.add_row(*("\n".join(pair) for pair in cells))
    return table


def _order_cells(market: Market, order: Order) -> tuple[tuple[str, str], ...]:
    kind = "algo:" if order.kind is OrderKind.ALGO else ""
    side = order.side if order.position_side in {None, "BOTH"} else f"{order.side} {order.position_side}"
    trigger = order.stop_price or order.activation_price
    commissions = zip(order.commission_assets, order.commissions, strict=True)
    return (
        (market, order.account),
        (order.symbol, f"{kind}{order.order_id}"),
        (side, f"{order.order_type} {order.time_in_force}".strip()),
        (order.status, _told_by(order)),
        (_number(order.price) if order.price else "", _number(trigger) if trigger else ""),
        (_number(order.quantity), _number(order.filled_quantity)),
        (
            _number(order.average_price, QUOTE_SCALE),
            " ".join(f"{_number(amount)} {asset}" for asset, amount in commissions),
        ),
        (_time(order.created_time), _time(order.update_time)),
    )


def _balance_cells(market: Market, balance: Balance) -> tuple[tuple[str, str], ...]:
    return (
        (market, balance.account),
        (balance.asset, _told_by(balance)),
        (_number(balance.free), _number(balance.locked)),
        (_number(balance.wallet_balance), _number(balance.cross_wallet_balance)),
        (balance.reason or "", _time(balance.update_time)),
    )


def _position_cells(market: Market, position: Position) -> tuple[tuple[str, str], ...]:
    return (
        (market, position.account),
        (position.symbol, position.position_side),
        (_number(position.amount), _number(position.entry_price, QUOTE_SCALE)),
        (_number(position.unrealized_profit, QUOTE_SCALE), _number(position.realized_profit, QUOTE_SCALE)),
        (position.margin_type or "", "" if position.leverage is None else f"{position.leverage}x"),
        (_told_by(position), _time(position.update_time)),
    )


def _told_by(value: Order | Balance | Position) -> str:
    """Return how we know: of an order ``recovered`` where the stream had missed something of it.

    What was missed of a balance or a position is over with the next event: each tells all of it.
    """
    if isinstance(value, Order) and value.recovered:
        return "recovered"
    return "stream" if value.source is AccountSource.STREAM else "REST"


def _number(value: int | None, scale: int = SCALE) -> str:
    """Return an exact number without the zeros behind its last digit; nothing for one that is not known."""
    if value is None:
        return ""
    text = format_scaled(value, scale)
    return text.rstrip("0").rstrip(".")


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return f"{datetime.fromtimestamp(milliseconds / 1_000, UTC):%m-%d %H:%M:%S}"
