"""What can go wrong in the read service.

DashboardError
 ├── StartError                 the service cannot begin
 │    ├── TopicsMissingError        set-up was not run, or for another prefix
 │    ├── BrokerUnavailableError    the broker does not answer
 │    └── PortTakenError            the port is not free
 └── RequestError               a question that has no answer; told to who asked, as problem+json
      ├── PrivateOffError           404: accounts are not read here
      ├── UnknownSymbolError        404: nothing was ever told of the symbol
      ├── NothingToldError          404: of the symbol yes, but not what was asked for
      ├── BadParameterError         422: a parameter that cannot be
      ├── NotSynchronisedError      503: the topics are not read to their present yet
      ├── TooManyPagesError         503: as many pages are pushed to as may be
      └── BookNotLiveError          503: the book says itself that it is not right
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from schemas.kafka_access import Servers
from schemas.kafka_refusal import Refusal


__all__ = [
    "BadParameterError",
    "BookNotLiveError",
    "BrokerUnavailableError",
    "DashboardError",
    "NotSynchronisedError",
    "NothingToldError",
    "PortTakenError",
    "PrivateOffError",
    "RequestError",
    "StartError",
    "TooManyPagesError",
    "TopicsMissingError",
    "UnknownSymbolError",
]


class DashboardError(Exception):
    """Root of the read service's errors."""


class StartError(DashboardError):
    """The service cannot begin."""


class TopicsMissingError(StartError):
    """Topics that are read do not exist."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        return f'{len(self.names)} topics do not exist: {", ".join(self.names)}; run "binance-ingest setup"'


class BrokerUnavailableError(StartError):
    """The broker does not answer, or refuses whoever connects."""

    def __init__(self, servers: Servers, reason: str, refusal: Refusal | None = None) -> None:
        self.servers = str(servers)
        self.reason = reason
        self.refusal = refusal
        super().__init__(self.servers, reason, refusal)

    def __str__(self) -> str:
        if self.refusal is not None:
            return f'broker "{self.servers}": {self.refusal}'
        return f'broker "{self.servers}": does not answer ({self.reason}); is KAFKA_BOOTSTRAP_SERVERS right?'


class PortTakenError(StartError):
    """The port is taken, or the host is not this machine's."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        super().__init__(host, port, reason)

    def __str__(self) -> str:
        return f"cannot listen on {self.host}:{self.port}: {self.reason}; set DASHBOARD_HOST and DASHBOARD_PORT"


class RequestError(DashboardError):
    """A question that has no answer."""

    status: ClassVar[int]
    code: ClassVar[str]
    """Names the kind of problem, in kebab case."""
    title: ClassVar[str]
    """The kind of problem in words; the text of the error says what it is this time."""
    retry_after_s: ClassVar[int | None] = None
    """Seconds after which asking again makes sense."""


class UnknownSymbolError(RequestError):
    """Nothing was ever told of the symbol."""

    status = 404
    code = "unknown-symbol"
    title = "Unknown symbol"

    def __init__(self, market: str, symbol: str) -> None:
        self.market = market
        self.symbol = symbol
        super().__init__(market, symbol)

    def __str__(self) -> str:
        return f'symbol "{self.symbol}": no derived topic of market {self.market} tells of it; is it subscribed to?'


class NothingToldError(RequestError):
    """Of the symbol something was told, but not what was asked for."""

    status = 404
    code = "nothing-told"
    title = "Nothing was told of this"

    def __init__(self, market: str, symbol: str, what: str) -> None:
        self.market = market
        self.symbol = symbol
        self.what = what
        super().__init__(market, symbol, what)

    def __str__(self) -> str:
        return f'symbol "{self.symbol}": market {self.market} has told no {self.what} of it; is the stream subscribed?'


class BadParameterError(RequestError):
    """A parameter that cannot be."""

    status = 422
    code = "bad-parameter"
    title = "Bad parameter"

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        self.reason = reason
        super().__init__(parameter, reason)

    def __str__(self) -> str:
        return f'parameter "{self.parameter}": {self.reason}'


class PrivateOffError(RequestError):
    """Accounts are not read here."""

    status = 404
    code = "private-off"
    title = "Accounts are not read here"

    def __str__(self) -> str:
        return "private topics are not read: set DASHBOARD_PRIVATE, and let nobody in who may not see accounts"


class TooManyPagesError(RequestError):
    """As many pages are pushed to as may be."""

    status = 503
    code = "too-many-pages"
    title = "Too many open pages"
    retry_after_s = 10

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)

    def __str__(self) -> str:
        return f"{self.limit} pages are open (DASHBOARD_PAGES_LIMIT): close one, or ask the routes that push nothing"


class NotSynchronisedError(RequestError):
    """The topics are not read to their present yet."""

    status = 503
    code = "not-synchronised"
    title = "Not yet synchronised"
    retry_after_s = 2

    def __init__(self, obstacles: Sequence[str]) -> None:
        self.obstacles = tuple(obstacles)
        super().__init__(self.obstacles)

    def __str__(self) -> str:
        return "; ".join(self.obstacles)


class BookNotLiveError(RequestError):
    """The book says itself that it is not right."""

    status = 503
    code = "book-not-live"
    title = "The book is not live"
    retry_after_s = 5

    def __init__(self, symbol: str, state: str, reason: str) -> None:
        self.symbol = symbol
        self.state = state
        self.reason = reason
        super().__init__(symbol, state, reason)

    def __str__(self) -> str:
        return f'book "{self.symbol}": {self.state}: {self.reason}'
