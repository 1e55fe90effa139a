"""What an exchange server serves: streams in time order, and REST answers at the same clock.

The server knows neither recordings nor simulations. Both are a `Source`: an iterator of stream events that moves
the source's clock and state forward as it is advanced, and a function that answers REST requests from that state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import msgspec

from schemas.markets import Market


__all__ = [
    "Closable",
    "DemandDriven",
    "Halt",
    "KeepsAccounts",
    "KnowsBooks",
    "RestReply",
    "Source",
    "Steerable",
    "StreamEvent",
    "error_reply",
    "json_reply",
]


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """One payload that the venue sends on one stream."""

    due_ns: int
    """When it is sent, in the source's own time (a recording: the receive time); paces the server."""
    market: Market
    stream: str
    """Full stream name as in a subscription: ``btcusdt@depth@100ms``, ``!ticker@arr``."""
    data: bytes
    """The JSON payload, verbatim, without the combined wrapper."""
    account: str = ""
    """Label of the account that alone gets it, and `stream` is the event's type, ``executionReport``; "": everybody."""


class Halt(msgspec.Struct, frozen=True):
    """A place between two events where the source waits for a request that its clients are about to make.

    A replay may run thousands of times as fast as the venue did; what a client of the venue had seconds to ask for
    would be history before it could.
    """

    awaited: str
    """What is to be asked for, for the log."""
    is_over: Callable[[], bool]
    """Whether it was."""


class RestReply(msgspec.Struct, frozen=True):
    """The answer to one REST request."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Source(Protocol):
    """A venue's market data, from wherever it comes.

    Not thread-safe: the server calls everything from one thread, REST between two events.
    """

    def streams(self, market: Market) -> frozenset[str]:
        """Return the names of all streams that `events` can deliver; empty where the source lacks the market."""
        ...

    def events(self) -> Iterator[StreamEvent | Halt]:
        """Yield every event once, `due_ns` never going back; and where the server is to wait, a halt.

        Advancing the iterator advances clock and state: everything yielded before is in them. The server asks for
        the next event as soon as it has sent one and holds it until it is due, so a source that applies an event
        when it is *passed* (not when it is yielded) has a clock that never runs ahead of the streams.
        """
        ...

    def clock_ms(self) -> int:
        """Return the venue's clock: no earlier than any event passed; before the first event, that event's time."""
        ...

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        """Answer a GET request at the clock.

        `path` is the venue's own, ``/api/v3/depth``, ``/fapi/v1/aggTrades``. The server answers ping and time itself
        and has checked by `sandbox.exchange.rest` that the path exists, that mandatory parameters are there and that
        integers are integers within the venue's limits (a `limit` left out is filled in with the default); whether
        the symbol exists is for the source to say. Refusals are replies, made by `error_reply`, never exceptions.
        """
        ...

    def advance_clock(self, to_ms: int) -> None:
        """Move the clock on to `to_ms` while no event is due, and after the last one; never back."""
        ...


@runtime_checkable
class DemandDriven(Protocol):
    """A source that need not produce what nobody wants."""

    def set_demand(self, streams: frozenset[tuple[Market, str]]) -> None:
        """Produce these streams and no others from now on.

        Streams that there are not, or not yet, may be among them: a symbol may be listed that somebody waits for.
        """
        ...


@runtime_checkable
class Steerable(Protocol):
    """A source whose markets can be changed while it runs.

    Each change happens at the clock, before the next event is passed; each raises a ValueError with a sentence when it
    cannot be made.
    """

    def list_symbol(self, market: Market, symbol: str) -> None:
        """Let a new symbol begin to trade."""
        ...

    def delist(self, market: Market, symbol: str) -> None:
        """Let a symbol trade no more."""
        ...

    def wipe(self, market: Market, symbol: str | None) -> None:
        """Let all ids of a symbol, or of every symbol, start again at a low number, while times go on."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A source that can come to its end in order."""

    def close_markets(self) -> None:
        """Let nothing new happen; what has happened is told, then there are no more events.

        Raises:
            ValueError: It is at its end already.
        """
        ...


@runtime_checkable
class KnowsBooks(Protocol):
    """A source that knows whole books, deeper than the venue's REST reaches."""

    def whole_book(self, market: Market, symbol: str) -> RestReply:
        """Answer with every level, ``{"lastUpdateId":n,"bids":[[p,q]…],"asks":[…]}``."""
        ...


@runtime_checkable
class KeepsAccounts(Protocol):
    """A source in which accounts have balances, place orders and hold positions.

    An account is a label; on each market it has balances, orders and positions of its own. What a request causes is
    told by `Source.events` next, at the source's own clock, as events of the account.
    """

    def open_account(self, market: Market, label: str, balances: Mapping[str, str]) -> None:
        """Let an account exist on a market, with these free amounts by asset; before any request of it.

        Raises:
            ValueError: There is one of that label, or an amount is none.
        """
        ...

    def account_request(
        self, market: Market, account: str, method: str, path: str, params: Mapping[str, str]
    ) -> RestReply:
        """Answer a request of an account, or refuse it with the venue's error.

        Who asks has been made sure of: the key and the signature are good, the time is in its window. The server has
        checked by `sandbox.exchange.private.endpoints` that mandatory parameters are there, and removed what
        only signs: `timestamp`, `recvWindow`, `signature`, `apiKey`.

        Args:
            market: Where.
            account: Its label.
            method: ``GET``, ``POST``, ``PUT`` or ``DELETE``.
            path: Without prefix and version: ``order``, ``order/test``, ``openOrders``, ``allOrders``, ``myTrades``,
                ``account``, ``balance``, ``positionRisk``, ``userTrades``, ``algoOrder``, ``openAlgoOrders``,
                ``orderList/oco``; a request of the WebSocket API has the path of its REST twin.
            params: As sent, decoded. Numbers of the WebSocket API are the text that they were sent as.
        """
        ...

    def account_books(self, market: Market) -> object:
        """Return the truth, ready for JSON: every order, balance and position of every account as kept here."""
        ...


_encode = msgspec.json.Encoder().encode


def json_reply(value: object, status: int = 200) -> RestReply:
    """Return `value` as a JSON answer."""
    return RestReply(status, _encode(value))


def error_reply(status: int, code: int, message: str) -> RestReply:
    """Return a refusal in Binance's form, ``{"code":-1121,"msg":"Invalid symbol."}``."""
    return RestReply(status, _encode({"code": code, "msg": message}))
