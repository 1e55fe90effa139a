"""Trade flow of one symbol as a checkpoint keeps it."""

from __future__ import annotations

import msgspec

from processors.core.flow_alerts import AlertState
from processors.core.trade_flow import FlowWindow
from processors.core.wide import Wide, keep, read


__all__ = ["FlowLevel", "FlowState", "WindowState", "dumped", "loaded"]


class WindowState(msgspec.Struct, frozen=True, array_like=True):
    """One window."""

    open_time: int
    complete: bool
    lost: bool
    trade_count: int
    known: bool
    sums: tuple[Wide, Wide, Wide, Wide, Wide, Wide]
    """Quantity, base and quote, each with the part in which the taker bought."""
    largest: tuple[Wide, int, int, Wide, Wide, bool]
    """Quantity, time, id, price, quote quantity, and whether the taker bought."""
    input_offset: int


class FlowLevel:
    """All windows of one length that may still change."""

    __slots__ = ("length_ms", "name", "windows")

    def __init__(self, name: str, length_ms: int) -> None:
        self.name = name
        self.length_ms = length_ms
        self.windows: dict[int, FlowWindow] = {}

    def dump(self) -> tuple[WindowState, ...]:
        """Return the windows, written down, in order of time."""
        return tuple(dumped(self.windows[open_time]) for open_time in sorted(self.windows))

    def load(self, windows: tuple[WindowState, ...]) -> None:
        """Take over what was written down."""
        self.windows = {window.open_time: loaded(window) for window in windows}


class FlowState(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Everything that :class:`~processors.core.trade_flow_series.FlowSeries` remembers."""

    start: int | None
    frontier: int
    covered_since: int | None
    offset: int
    windows: tuple[tuple[WindowState, ...], ...]
    """Window by window length, shortest first."""
    open_holes: tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...]
    """Epoch, first id and spans of each, in the order in which they opened."""
    given_up: tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...]
    """The same of those that were closed without what was missing, in the order in which they closed."""
    lost_spans: tuple[tuple[int, int], ...]
    alerts: AlertState


def dumped(window: FlowWindow) -> WindowState:
    """Return a window as it is kept."""
    return WindowState(
        window.open_time,
        window.complete,
        window.lost,
        window.trade_count,
        window.known,
        (
            keep(window.quantity),
            keep(window.buy_quantity),
            keep(window.base),
            keep(window.buy_base),
            keep(window.quote),
            keep(window.buy_quote),
        ),
        (
            keep(window.largest_quantity),
            window.largest_time,
            window.largest_id,
            keep(window.largest_price),
            keep(window.largest_quote),
            window.largest_bought,
        ),
        window.input_offset,
    )


def loaded(state: WindowState) -> FlowWindow:
    """Return the window that was kept."""
    quantity, buy_quantity, base, buy_base, quote, buy_quote = (read(kept) or 0 for kept in state.sums)
    largest_quantity, time, trade_id, price, largest_quote, bought = state.largest
    return FlowWindow(
        open_time=state.open_time,
        complete=state.complete,
        lost=state.lost,
        trade_count=state.trade_count,
        known=state.known,
        quantity=quantity,
        buy_quantity=buy_quantity,
        base=base,
        buy_base=buy_base,
        quote=quote,
        buy_quote=buy_quote,
        largest_quantity=read(largest_quantity) or 0,
        largest_time=time,
        largest_id=trade_id,
        largest_price=read(price) or 0,
        largest_quote=read(largest_quote),
        largest_bought=bought,
        input_offset=state.input_offset,
    )
