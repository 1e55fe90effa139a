"""What repair needs of the venue's REST interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ingest.core import weights
from ingest.core.backfill import Kind, Question, RestItem
from ingest.core.budget import Importance
from ingest.rest import RestClient
from schemas.markets import Market
from schemas.rest import DayTicker, RestAggTrade, RestTrade


__all__ = ["HoleRest", "MarketRest", "RepairRest", "TailRest", "ask", "weight_of"]

_PATHS: Final[Mapping[Kind, str]] = {
    Kind.NEWEST: "trades",
    Kind.HISTORICAL: "historicalTrades",
    Kind.AGGREGATES: "aggTrades",
}


class HoleRest(Protocol):
    """The part of the REST client that repair uses; every method raises ``RestError``."""

    @property
    def reaches_history(self) -> bool:
        """Whether :meth:`historical_trades` can answer: futures want an API key for it."""

    async def trades(self, symbol: str, limit: int) -> list[RestTrade]:
        """Return the newest trades."""

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> list[RestTrade]:
        """Return trades from an id on."""

    async def agg_trades(self, symbol: str, from_id: int, limit: int) -> list[RestAggTrade]:
        """Return aggregate trades from an id on."""

    def wait_s(self, weight: int) -> float:
        """Return how long a request would wait for its turn now; 0: not at all."""


class TailRest(Protocol):
    """The part of the REST client that tells how far the venue is; every method raises ``RestError``."""

    async def day_tickers(self, symbols: Sequence[str] | None, importance: Importance) -> list[DayTicker]:
        """Return how far the trades of symbols go; None: of all."""

    async def agg_trades(
        self, symbol: str, from_id: int, limit: int, importance: Importance = Importance.HOLE
    ) -> list[RestAggTrade]:
        """Return aggregate trades from an id on."""


class RepairRest(TailRest, HoleRest, Protocol):
    """Both."""


class MarketRest:
    """The REST client of a market, as repair uses it.

    Args:
        client: asks.
    """

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self.trades = client.trades
        self.historical_trades = client.historical_trades
        self.agg_trades = client.agg_trades
        self.day_tickers = client.day_tickers

    @property
    def reaches_history(self) -> bool:
        """Whether :meth:`historical_trades` can answer: futures want an API key for it."""
        return self._client.reaches_history

    def wait_s(self, weight: int) -> float:
        """Return how long a request would wait for its turn now; 0: not at all."""
        return self._client.wait_s(weight, Importance.HOLE)


async def ask(rest: HoleRest, question: Question) -> Sequence[RestItem]:
    """Ask a question.

    Raises:
        RestError: there is no answer to it.
    """
    match question.kind:
        case Kind.NEWEST:
            return await rest.trades(question.symbol, question.limit)
        case Kind.HISTORICAL:
            return await rest.historical_trades(question.symbol, question.from_id, question.limit)
        case Kind.AGGREGATES:
            return await rest.agg_trades(question.symbol, question.from_id, question.limit)


def weight_of(market: Market, kind: Kind) -> int:
    """Return what a question weighs."""
    return weights.weight_of(market, _PATHS[kind])
