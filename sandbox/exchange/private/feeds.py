"""Who gets what happens to an account: feeds, each from one account to one connection, in the connection's envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from sandbox.exchange.fanout import text_frame
from sandbox.exchange.private.openings import Closing, Opening
from sandbox.exchange.time_units import private_in_microseconds
from schemas.markets import Market


__all__ = ["AccountFeeds", "Feed", "FeedClient", "Feeding"]


class FeedClient(Protocol):
    """A connection as a feed sees it."""

    number: int
    microseconds: bool

    @property
    def combined(self) -> bool:
        """Whether its frames are wrapped with the stream's name."""
        ...

    def push(self, frame: bytes) -> bool:
        """Keep a WebSocket frame for the next flush; return False if the client is gone."""
        ...


class Feed:
    """The events of an account on their way to a connection.

    Args:
        client: The connection.
        market: Where things happen.
        opening: To whom, and what the connection wants of it.
    """

    __slots__ = ("_client", "_envelope", "_kinds", "account", "key", "market", "number")

    def __init__(self, client: FeedClient, market: Market, opening: Opening) -> None:
        self.market = market
        self.account = opening.account
        self.key = opening.key
        self.number = client.number
        self._client = client
        self._envelope = opening.envelope
        self._kinds = opening.kinds

    def wants(self, kind: str) -> bool:
        """Return whether events of a type are wanted."""
        return self._kinds is None or kind in self._kinds

    def tell(self, event: bytes) -> bool:
        """Push an event; return False if the client is gone."""
        if self._client.microseconds:
            event = private_in_microseconds(event)
        if self._envelope.always or self._client.combined:
            event = self._envelope.opening + event + self._envelope.closing
        return self._client.push(text_frame(event))


class AccountFeeds:
    """All feeds.

    Args:
        on_opened: Called after a feed was added.
    """

    def __init__(self, on_opened: Callable[[], None] | None = None) -> None:
        self._feeds: dict[tuple[Market, str], tuple[Feed, ...]] = {}
        self._on_opened = on_opened

    def __len__(self) -> int:
        return sum(map(len, self._feeds.values()))

    def add(self, feed: Feed) -> None:
        """Let a feed get what happens from now on."""
        key = feed.market, feed.account
        self._feeds[key] = (*self._feeds.get(key, ()), feed)
        if self._on_opened is not None:
            self._on_opened()

    def remove(self, feed: Feed) -> None:
        """Let a feed get nothing more."""
        key = feed.market, feed.account
        self._feeds[key] = tuple(each for each in self._feeds.get(key, ()) if each is not feed)

    def of(self, market: Market, account: str) -> Sequence[Feed]:
        """Return the feeds of an account on a market."""
        return self._feeds.get((market, account), ())

    def hanging_on(self, key: str) -> list[Feed]:
        """Return the feeds that hang on a listen key or API key."""
        return [feed for feeds in self._feeds.values() for feed in feeds if feed.key == key]

    def leading_to(self, number: int) -> list[Feed]:
        """Return the feeds of a connection."""
        return [feed for feeds in self._feeds.values() for feed in feeds if feed.number == number]


class Feeding:
    """The feeds of one connection.

    Args:
        client: The connection.
        market: What it is for.
        feeds: Where its feeds are.
        listen: Returns what the name of a stream opens, if it is a listen key.
    """

    def __init__(
        self, client: FeedClient, market: Market, feeds: AccountFeeds, listen: Callable[[str], Opening | None]
    ) -> None:
        self._client = client
        self._market = market
        self._feeds = feeds
        self._listen = listen

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts whose events the connection gets."""
        return [feed.account for feed in self._feeds.leading_to(self._client.number)]

    def listen(self, stream: str) -> bool:
        """Open the feed of a listen key; return whether the name is one."""
        opening = self._listen(stream)
        if opening is not None:
            self.open([opening])
        return opening is not None

    def open(self, openings: Iterable[Opening]) -> None:
        """Let feeds begin."""
        for each in openings:
            self._feeds.add(Feed(self._client, self._market, each))

    def close(self, closings: Iterable[Closing]) -> None:
        """Let feeds end, each with a last word."""
        for closing in closings:
            for feed in self._feeds.leading_to(self._client.number):
                if feed.key == closing.key and feed.account == closing.account:
                    feed.tell(closing.farewell)
                    self._feeds.remove(feed)

    def end(self, key: str | None = None) -> None:
        """Let all feeds end, or the one that hangs on a key, without a word."""
        for feed in self._feeds.leading_to(self._client.number):
            if key is None or feed.key == key:
                self._feeds.remove(feed)
