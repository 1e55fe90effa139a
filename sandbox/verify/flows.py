"""Trade flow against the recorded trades, window by window and exactly; and alerts, which open and close in turn.

The sums are made anew here, from the evidence's rows and with no code of the pipeline's. In memory are the windows of
one symbol, some 600 bytes for each in which something was traded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Final

import msgspec

from sandbox.verify.books import EXAMPLES
from sandbox.verify.evidence import NO_ID, UNREADABLE
from sandbox.verify.spans import Spans
from sandbox.verify.trades import Hole
from schemas.decimals import ONE
from schemas.derived import FLOW_WINDOWS, Alert, AlertStatus, TradeFlow
from schemas.markets import Market


__all__ = ["FLOW_ROW", "FlowComparison", "alert_counts", "compare_flows", "flow_row", "judge_alerts"]

Row = tuple[int, ...]
FLOW_ROW: Final = (
    "base_volume", "quote_volume", "contract_volume", "trade_count", "taker_buy_base_volume", "taker_buy_quote_volume",
    "taker_sell_base_volume", "taker_sell_quote_volume", "vwap", "largest_trade_id", "largest_price",
    "largest_quantity", "largest_quote_quantity", "largest_taker_side",
)  # fmt: skip
"""Fields of a window that are compared; the side as 1 where the taker bought."""
_NEED_CONTRACT_SIZE: Final = frozenset(name for name in FLOW_ROW if "base" in name or "quote" in name or name == "vwap")
_MOMENT_MS: Final = 1_000
_HEAD: Final = 5
"""Fields of a row before those: length, open time, offset, number, and 1 where it is complete."""


class FlowComparison(msgspec.Struct):
    """How the trade flow of one symbol and window length compares with the recorded trades."""

    equal: int = 0
    different: int = 0
    incomplete: int = 0
    """Equal ones that the pipeline itself does not vouch for (`complete` is false)."""
    differences: list[dict[str, object]] = []

    @property
    def compared(self) -> int:
        """Windows of which the recording holds everything and in which something was traded, or told to be."""
        return self.equal + self.different


def flow_row(flow: TradeFlow, number: int) -> Row:
    """Return a record as a row; of a window the last row is the one that counts."""
    head = (FLOW_WINDOWS[flow.window], flow.open_time, flow.input_offset, number, int(flow.complete))
    side = int(flow.largest_taker_side == "BUY")
    values = (getattr(flow, name) for name in FLOW_ROW[:-1])
    return (*head, *(NO_ID if value is None else value for value in values), side)


def compare_flows(
    recorded: Iterable[Row],
    told: Iterable[Row],
    market: Market,
    spans: Spans,
    *,
    broken: Sequence[Hole] = (),
    contract_size: int | None = None,
) -> dict[str, FlowComparison]:
    """Compare the windows of each length that lie wholly inside the recording.

    Args:
        recorded: trades as the evidence has them, ascending by epoch and id.
        told: rows as of :func:`flow_row`, ascending.
        market: on COIN-M quantities are contracts.
        spans: the stretches that the recording covers.
        broken: holes in the recorded ids, and trades that cannot be read: what they touch need not be complete.
        contract_size: COIN-M: quote asset per contract; None: base and quote volumes are not compared.
    """
    names = {length: name for name, length in FLOW_WINDOWS.items()}
    expected, first_time = _windows_of(recorded, market, contract_size)
    outcome = _last_of(told)
    skipped = _NEED_CONTRACT_SIZE if market is Market.COINM and contract_size is None else frozenset[str]()
    result = {name: FlowComparison() for name in FLOW_WINDOWS}
    for length, open_time in sorted({*expected, *outcome}):
        found = result[names[length]]
        if not spans.covers(open_time, open_time + length):
            continue
        row = outcome.get((length, open_time))
        difference = _difference(expected.get((length, open_time)), row, skipped)
        begun = first_time is not None and open_time > first_time
        if not difference and row is not None and begun and not _touched(broken, open_time, length) and not row[4]:
            difference = {"complete": False}
        if difference:
            found.different += 1
            if len(found.differences) < EXAMPLES:
                found.differences.append({"open_time": open_time, **difference})
        else:
            found.equal += 1
            found.incomplete += row is not None and not row[4]
    return result


def _difference(expected: Row | None, row: Row | None, skipped: frozenset[str]) -> dict[str, object]:
    if row is None:
        return {"missing": True}
    if expected is None:
        return {"recorded": "no trade"}
    columns = {
        name: {"recorded": wanted, "told": actual}
        for name, wanted, actual in zip(FLOW_ROW, expected, row[_HEAD:], strict=True)
        if name not in skipped and wanted != actual
    }
    return {"columns": columns} if columns else {}


def _last_of(rows: Iterable[Row]) -> dict[tuple[int, int], Row]:
    return {(row[0], row[1]): row for row in rows}


def _touched(broken: Sequence[Hole], open_time: int, length: int) -> bool:
    # Of a trade that cannot be read the pipeline knows only when it was sent, a moment later.
    return any(
        hole.previous_time - _MOMENT_MS < open_time + length and hole.next_time + _MOMENT_MS >= open_time
        for hole in broken
    )


def _windows_of(
    recorded: Iterable[Row], market: Market, contract_size: int | None
) -> tuple[dict[tuple[int, int], Row], int | None]:
    """Return the values of every window in the order of `FLOW_ROW`, and the time of the first trade."""
    sums: defaultdict[tuple[int, int], _Sums] = defaultdict(_Sums)
    first_time: int | None = None
    for _, copies in groupby(recorded, key=lambda row: row[:2]):
        trade = next(copies)
        if trade[5] == UNREADABLE or not (trade[3] and trade[4]):
            continue
        first_time = trade[2] if first_time is None else min(first_time, trade[2])
        base, quote = _quantities(trade, market, contract_size)
        for length in FLOW_WINDOWS.values():
            sums[length, trade[2] - trade[2] % length].take(trade, base, quote)
    return {key: found.row(contracts=market is Market.COINM) for key, found in sums.items()}, first_time


def _quantities(trade: Row, market: Market, contract_size: int | None) -> tuple[int, int]:
    price, quantity = trade[3], trade[4]
    if market is not Market.COINM:
        return quantity, price * quantity
    quote = quantity * (contract_size or 0) * ONE
    return round(Fraction(quote, price)), quote


class _Sums:
    """What was traded in one window."""

    __slots__ = ("base", "bought_base", "bought_quote", "contracts", "count", "largest", "quote")

    def __init__(self) -> None:
        self.base = self.quote = self.contracts = self.count = self.bought_base = self.bought_quote = 0
        self.largest: tuple[int, ...] = ()

    def take(self, trade: Row, base: int, quote: int) -> None:
        _, trade_id, time, price, quantity, bought, first_id, last_id = trade
        self.base += base
        self.quote += quote
        self.contracts += quantity
        self.count += last_id - first_id + 1
        if bought:
            self.bought_base += base
            self.bought_quote += quote
        # Largest quantity first, then the earliest.
        place = (-quantity, time, trade_id, price, quote, bought)
        self.largest = min(self.largest, place) if self.largest else place

    def row(self, *, contracts: bool) -> Row:
        minus_quantity, _, trade_id, price, quote, bought = self.largest
        return (
            self.base,
            self.quote,
            self.contracts if contracts else NO_ID,
            self.count,
            self.bought_base,
            self.bought_quote,
            self.base - self.bought_base,
            self.quote - self.bought_quote,
            round(Fraction(self.quote, self.base)) if self.base else NO_ID,
            trade_id,
            price,
            -minus_quantity,
            quote,
            bought,
        )


def judge_alerts(alerts: Iterable[Alert]) -> Iterator[str]:
    """Yield what is wrong with the alerts of a symbol, in the order of their topic; repetitions are none."""
    seen: set[tuple[str, int, str]] = set()
    opened: dict[str, Alert] = {}
    for alert in alerts:
        identity = (alert.kind, alert.opened_time, alert.status)
        if identity in seen:
            continue
        seen.add(identity)
        before = opened.get(alert.kind)
        if alert.status is AlertStatus.OPEN:
            if before is not None:
                yield f"{alert.kind} opened at {alert.time} while that of {before.time} was open"
            opened[alert.kind] = alert
        elif before is None or before.opened_time != alert.opened_time:
            yield f"{alert.kind} closed at {alert.time}, but none was opened at {alert.opened_time}"
        else:
            del opened[alert.kind]


def alert_counts(alerts: Iterable[Alert]) -> Mapping[str, int]:
    """Return how many alerts of each kind opened."""
    return Counter(
        kind for kind, _ in {(alert.kind, alert.opened_time) for alert in alerts if alert.status is AlertStatus.OPEN}
    )
