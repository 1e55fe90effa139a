"""Derived trades against the recorded ones: each once, with its values; and the ledger against the recorded holes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from sandbox.verify.books import EXAMPLES
from sandbox.verify.evidence import UNREADABLE
from schemas.decimals import ONE, QUOTE_SCALE, format_scaled
from schemas.derived import TakerSide
from schemas.markets import Market


__all__ = ["Hole", "TradeComparison", "compare_trades", "holes_of", "merged", "unreadable_of"]

Row = tuple[int, ...]


class Hole(msgspec.Struct, frozen=True, order=True):
    """Ids that a source does not hold."""

    epoch: int
    first_id: int
    last_id: int
    previous_time: int = 0
    """Trade time of the id before it."""
    next_time: int = 0
    """Trade time of the id after it."""


class TradeComparison(msgspec.Struct):
    """How the derived trades of one symbol compare with the recorded ones."""

    recorded: int = 0
    """Unique trades in the recording."""
    without_fill: int = 0
    """Recorded ids that stand for no match (price and quantity zero, on futures) or for one that cannot be read: not
    to be derived."""
    derived: int = 0
    """Derived trades, repetitions included."""
    equal: int = 0
    missing: int = 0
    foreign: int = 0
    """Derived, but not recorded."""
    different: int = 0
    duplicates: int = 0
    differences: list[dict[str, object]] = []

    @property
    def proven(self) -> bool:
        """Whether every recorded trade came out once, with its values, and nothing else did."""
        return not (self.missing or self.foreign or self.different or self.duplicates)


def compare_trades(
    recorded: Iterable[Row], derived: Iterable[Row], market: Market, contract_size: int | None = None
) -> TradeComparison:
    """Compare two sequences of trades, both ascending by epoch and id.

    Args:
        recorded: epoch, id, time, price, quantity, taker bought, first and last trade id; equal rows once.
        derived: the same, then base and quote quantity.
        market: on COIN-M quantities are contracts.
        contract_size: COIN-M: quote asset per contract; None: base and quote quantities are not compared.
    """
    result = TradeComparison()
    for key, expected, actual in _paired(recorded, derived):
        real = [row for row in expected if row[3] or row[4]]
        result.without_fill += not real and bool(expected)
        result.recorded += bool(real)
        result.derived += len(actual)
        verdict = _judge(result, real, actual, market, contract_size)
        if verdict and len(result.differences) < EXAMPLES:
            result.differences.append(_example(key, verdict, real, actual))
    return result


def _judge(
    result: TradeComparison, expected: list[Row], actual: list[Row], market: Market, contract_size: int | None
) -> str:
    """Count one id; return what is wrong with it, or nothing."""
    result.duplicates += max(0, len(actual) - 1)
    if not expected:
        result.foreign += bool(actual)
        return "not recorded" if actual else ""
    if not actual:
        result.missing += 1
        return "missing"
    if not any(_agree(row, actual[0], market, contract_size) for row in expected):
        result.different += 1
        return "other values"
    result.equal += 1
    return "more than once" if len(actual) > 1 else ""


def holes_of(rows: Iterable[Row]) -> Iterator[Hole]:
    """Yield the ids that are missing between the smallest and largest of each epoch; rows ascend by epoch and id."""
    last: Row | None = None
    for row in rows:
        if last is not None and row[0] == last[0] and row[1] > last[1] + 1:
            yield Hole(row[0], last[1] + 1, row[1] - 1, last[2], row[2])
        last = row


def unreadable_of(rows: Iterable[Row]) -> Iterator[Hole]:
    """Yield the ids of trades that cannot be read: not missing from the log, but from everything made of it."""
    for row in rows:
        if row[5] == UNREADABLE:
            yield Hole(row[0], row[1], row[1], row[2], row[2])


def merged(holes: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return epoch, first and last id of holes in order, adjacent ones as one."""
    result: list[tuple[int, int, int]] = []
    for epoch, first, last in sorted(holes):
        if result and result[-1][0] == epoch and first <= result[-1][2] + 1:
            result[-1] = (epoch, result[-1][1], max(last, result[-1][2]))
        else:
            result.append((epoch, first, last))
    return result


def _paired(recorded: Iterable[Row], derived: Iterable[Row]) -> Iterator[tuple[Row, list[Row], list[Row]]]:
    """Yield each (epoch, id) with the rows of both sides."""
    left, right = _grouped(recorded), _grouped(derived)
    expected, actual = next(left, None), next(right, None)
    while expected is not None or actual is not None:
        if actual is None or (expected is not None and expected[0] < actual[0]):
            assert expected is not None  # noqa: S101 - for the type checker
            yield expected[0], expected[1], []
            expected = next(left, None)
        elif expected is None or actual[0] < expected[0]:
            yield actual[0], [], actual[1]
            actual = next(right, None)
        else:
            yield expected[0], expected[1], actual[1]
            expected, actual = next(left, None), next(right, None)


def _grouped(rows: Iterable[Row]) -> Iterator[tuple[Row, list[Row]]]:
    for key, group in groupby(rows, key=lambda row: row[:2]):
        yield key, list(group)


def _agree(expected: Row, actual: Row, market: Market, contract_size: int | None) -> bool:
    if actual[:8] != expected:
        return False
    price, quantity = expected[3:5]
    if market is not Market.COINM:
        return actual[8:] == (quantity, price * quantity)
    if contract_size is None:
        return True
    quote = quantity * contract_size * ONE
    return actual[8:] == (_half_even(quote, price), quote)


def _half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


def _example(key: Row, verdict: str, expected: Sequence[Row], actual: Sequence[Row]) -> dict[str, object]:
    example: dict[str, object] = {"trade_id": key[1], "verdict": verdict}
    if expected:
        example["recorded"] = _trade(expected[0])
    if actual:
        example["derived"] = _trade(actual[0])
    if key[0]:
        example["epoch"] = key[0]
    return example


def _trade(row: Row) -> dict[str, object]:
    trade: dict[str, object] = {
        "trade_time": row[2],
        "price": format_scaled(row[3]),
        "quantity": format_scaled(row[4]),
        "taker_side": str(TakerSide.BUY if row[5] else TakerSide.SELL),
        "first_trade_id": row[6],
        "last_trade_id": row[7],
    }
    if len(row) > 8:
        trade["base_quantity"] = format_scaled(row[8])
        trade["quote_quantity"] = format_scaled(row[9], QUOTE_SCALE)
    return trade
