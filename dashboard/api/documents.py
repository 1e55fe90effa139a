"""What answers look like, for the OpenAPI document.

The parts that are values of derived topics are made from their Avro schemas, so that both say the same. Answers are
written by :mod:`dashboard.core.answers` without these models; a test holds one against the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.avro import load_schema
from schemas.derived import BookState, TakerSide
from schemas.documents import is_array, scale_of
from schemas.markets import Market


__all__ = [
    "AlertsAnswer",
    "BalancesAnswer",
    "BookAnswer",
    "BooksAnswer",
    "CandlesAnswer",
    "FlowAnswer",
    "LiquidityAnswer",
    "OrdersAnswer",
    "PositionsAnswer",
    "SlippageAnswer",
    "SymbolsAnswer",
    "TickerAnswer",
    "TradesAnswer",
    "value_model",
]

_PLAIN: Final[dict[str, Any]] = {"string": str, "boolean": bool, "int": int, "long": int, "null": None}
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


class _Answer(BaseModel):
    model_config = _STRICT


def value_model(schema: str, **more: tuple[Any, Any]) -> Any:
    """Return the model of a derived topic's values as JSON: decimals as text with all their places."""
    record = load_schema(schema)
    fields: dict[str, Any] = {**more, **{field["name"]: _field(field) for field in record["fields"]}}
    return create_model(record["name"], __config__=_STRICT, __doc__=record["doc"], **fields)


def _field(field: dict[str, Any]) -> tuple[Any, Any]:
    described = Field(description=field.get("doc", ""))
    if (scale := scale_of(field)) is None:
        return _type_of(field["type"]), described
    text = Annotated[str, Field(pattern=rf"^-?[0-9]+\.[0-9]{{{scale}}}$")]
    if is_array(field):
        return (list[text | None] if "null" in field["type"]["items"] else list[text]), described
    return (text | None if "null" in field["type"] else text), described


def _type_of(of: Any) -> Any:
    if isinstance(of, list):
        kinds = [_type_of(branch) for branch in of if branch != "null"]
        return kinds[0] | None
    if isinstance(of, dict):
        return list[_type_of(of["items"])] if of["type"] == "array" else _type_of(of["type"])  # type: ignore[misc]
    return _PLAIN[of]


_MARKET: Final = (Market, Field(description="Market of the symbol."))
_AGE: Final = (int, Field(description="This machine's time less the event time, ms; never below 0."))

if TYPE_CHECKING:
    # Made at run time, for the OpenAPI document alone.
    Top: TypeAlias = Any
    Verification: TypeAlias = Any
    Candle: TypeAlias = Any
    TradeFlow: TypeAlias = Any
    Alert: TypeAlias = Any
    Trade: TypeAlias = Any
    Order: TypeAlias = Any
    Balance: TypeAlias = Any
    Position: TypeAlias = Any
else:
    Top = value_model("top-of-book")
    Verification = value_model("book-verification")
    Candle = value_model("candle")
    TradeFlow = value_model("trade-flow")
    Alert = value_model("alert")
    Trade = value_model("trade")
    Order = value_model("order", market=_MARKET)
    Balance = value_model("balance", market=_MARKET)
    Position = value_model("position", market=_MARKET)

TickerAnswer: Final = value_model("ticker", market=_MARKET, age_ms=_AGE)
"""The last ticker."""
LiquidityAnswer: Final = value_model("liquidity", market=_MARKET, age_ms=_AGE)
"""The last word on liquidity."""


class SymbolOfMarket(_Answer):
    """A symbol of which something was told."""

    symbol: str = Field(description="The venue's name of it.")
    book_state: BookState | None = Field(description="As its book said last; null: it has none.")


class SymbolsAnswer(_Answer):
    """The symbols of a market."""

    market: Market
    symbols: list[SymbolOfMarket] = Field(description="In order of their names.")


class BookSummary(_Answer):
    """How a book stands."""

    market: Market
    symbol: str
    state: BookState = Field(description="`live`: right. `syncing`, `stale`: it says itself that it is not.")
    reason: str | None = Field(description="Why it is not live.")
    update_id: int | None = Field(description="The newest that was told of.")
    event_time: int | None = Field(description="Venue's time of that, ms.")
    age_ms: int | None = Field(description="This machine's time less `event_time`; grows while the book does not move.")
    heard_ms_ago: int | None = Field(description="Since this service last read a record about it.")
    verification: Verification | None = Field(description="Its last comparison with a snapshot of the venue's.")


class BooksAnswer(_Answer):
    """Every book."""

    counts: dict[BookState, int] = Field(description="Books by state, of all that were asked about.")
    books: list[BookSummary] = Field(description="By market and name.")


class BookAnswer(BookSummary):
    """A book to a depth."""

    snapshot_time: int | None = Field(description="Boundary of event time of the levels: diffs before it are in them.")
    snapshot_update_id: int | None = Field(description="Update id of the levels.")
    levels_known: int = Field(description="Levels of the longer side that are known here; `depth` cannot show more.")
    bids: list[tuple[str, str]] = Field(description="Price and quantity, best first; on COIN-M contracts.")
    asks: list[tuple[str, str]] = Field(description="Price and quantity, best first; on COIN-M contracts.")
    top: Top | None = Field(description="Best prices now: newer than the levels where its `update_id` is larger.")


class SlippageAnswer(_Answer):
    """What an order that takes from the book would get."""

    market: Market
    symbol: str
    side: TakerSide = Field(description="BUY takes asks, SELL takes bids.")
    quantity: str | None = Field(description="As asked for.")
    quote_quantity: str | None = Field(description="As asked for.")
    filled_quantity: str = Field(description="What the known levels give; less than asked for where `exhausted`.")
    filled_quote_quantity: str | None = Field(description="Sum of price times quantity, exact; null on COIN-M.")
    unit: Literal["base asset", "contracts"] = Field(description="Of the quantities.")
    best_price: str | None = Field(description="Of the side that is taken from; null: it is empty.")
    average_price: str | None = Field(description="Rounded half even to 8 places; null: nothing is filled.")
    worst_price: str | None = Field(description="Of the last level used.")
    slippage_bps: str | None = Field(description="How much worse than the best price the average is, in basis points.")
    levels_used: int = Field(description="Levels that give something.")
    levels_known: int = Field(description="Levels of this side that are known here.")
    exhausted: bool = Field(description="The known levels end before the order does: what the rest costs is not known.")
    update_id: int = Field(description="Of the levels.")
    snapshot_time: int = Field(description="Of the levels.")
    age_ms: int = Field(description="This machine's time less `snapshot_time`.")


class CandlesAnswer(_Answer):
    """The last candles."""

    market: Market
    symbol: str
    interval: str
    candles: list[Candle] = Field(description="Oldest first; the last may be provisional (`final` false).")


class FlowAnswer(_Answer):
    """The last windows of flow."""

    market: Market
    symbol: str
    window: str
    flow: list[TradeFlow] = Field(description="Oldest first; windows without trades are left out.")


class AlertsAnswer(_Answer):
    """The last alerts."""

    market: Market
    alerts: list[Alert] = Field(description="The newest first; one that closed stands in place of its opening.")


class TradesAnswer(_Answer):
    """The last trades."""

    market: Market
    symbol: str
    trades: list[Trade] = Field(description="Oldest first, holes in the ids among them (`kind`).")


class OrdersAnswer(_Answer):
    """Orders of accounts."""

    orders: list[Order] = Field(description="Open ones first, then those that ended, the newest first.")


class BalancesAnswer(_Answer):
    """What accounts have."""

    balances: list[Balance] = Field(description="By market, account and asset.")


class PositionsAnswer(_Answer):
    """Positions of accounts on futures."""

    positions: list[Position] = Field(description="By market, account, symbol and side.")
