"""The sections of ingest's settings: what may be set, in which unit, and what it is if nobody sets it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from ingest.core.patterns import Wishes, is_pattern, matches
from ingest.core.streams import Stream, UnknownStreamTypeError, stream_of, stream_types
from schemas.markets import Market


__all__ = [
    "NOTHING_TO_TAKE",
    "ConnectionSettings",
    "HttpSettings",
    "MarketSettings",
    "MarketsSettings",
    "ProducerSettings",
    "RepairSettings",
    "RestSettings",
    "Section",
    "SnapshotSettings",
    "Symbols",
    "UrlSettings",
    "fault",
    "names",
]


NOTHING_TO_TAKE: Final = "nothing to subscribe to: name symbols, or all-market streams"


def names(value: Any) -> Any:
    """Read a list that the environment can give as JSON or as names with commas between."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            msg = "begins like JSON and is none: names with commas between need no brackets"
            raise ValueError(msg) from error
    return [name.strip() for name in text.split(",") if name.strip()]


def _symbol(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Symbol = Annotated[str, BeforeValidator(_symbol), Field(min_length=1, max_length=64, pattern=r"^[^\s@/!|]+$")]
Symbols = Annotated[tuple[Symbol, ...], NoDecode, BeforeValidator(names)]
StreamTypes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(names)]


class Section(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UrlSettings(Section):
    """Addresses of one market that differ from the environment's."""

    stream: str | None = Field(
        default=None, description="Combined stream address, `wss://host/stream`. Spot and COIN-M."
    )
    public_stream: str | None = Field(
        default=None, description="USD-M: combined stream address of the order book's streams."
    )
    market_stream: str | None = Field(default=None, description="USD-M: combined stream address of all other streams.")
    rest: str | None = Field(default=None, description="REST address with the version, `https://host/api/v3`.")
    user_stream: str | None = Field(
        default=None,
        description="Where accounts' events come from. Spot: the WebSocket API, `wss://host/ws-api/v3`; USD-M:"
        " `wss://host/private/ws`; COIN-M: `wss://host/ws`.",
    )


class MarketSettings(Section):
    """What to take from one market."""

    symbols: Symbols = Field(
        default=(), description="Instruments, `BTCUSDT`, and patterns for those that trade, `*USDT`."
    )
    exclude_symbols: Symbols = Field(
        default=(), description="Instruments and patterns, `EUR*`, that no pattern in `symbols` stands for."
    )
    streams: StreamTypes = Field(
        default=("trade", "depth@100ms", "bookTicker"),
        description="Stream types of every symbol, as Binance spells them; those with `!` are about all symbols.",
    )
    symbol_streams: dict[Symbol, StreamTypes] = Field(
        default_factory=dict,
        description="Stream types of single symbols, in place of `streams`; under a pattern, of all that match it.",
    )
    urls: UrlSettings = Field(default=UrlSettings(), description="Addresses other than the environment's.")

    @property
    def addresses_alone(self) -> bool:
        """Whether nothing is to be taken: accounts are there, and reach the market where these settings say."""
        return self.model_fields_set == {"urls"}

    @property
    def wishes(self) -> Wishes:
        """Which symbols are asked for."""
        return Wishes(tuple(dict.fromkeys([*self.symbols, *self.symbol_streams])), self.exclude_symbols)

    @property
    def all_market_streams(self) -> list[str]:
        """The stream types that are about all symbols."""
        return [text for text in self.streams if text.startswith("!")]

    def types_of(self, symbol: str) -> tuple[str, ...]:
        """Return a symbol's own stream types: by its name, by the first pattern that matches, or those of all."""
        if symbol in self.symbol_streams:
            return self.symbol_streams[symbol]
        patterns = (key for key in self.symbol_streams if is_pattern(key) and matches(key, symbol))
        key = next(patterns, None)
        texts = self.streams if key is None else self.symbol_streams[key]
        return tuple(text for text in texts if not text.startswith("!"))

    def subscriptions(self, market: Market, symbols: Iterable[str] | None = None) -> list[Stream]:
        """Return every stream that these settings ask for.

        Args:
            market: whose settings they are.
            symbols: what the wishes come to at the venue; None: the symbols that are named in full.
        """
        streams = [stream_of(market, text, None) for text in self.all_market_streams]
        for symbol in self.wishes.names if symbols is None else symbols:
            streams += [stream_of(market, text, symbol) for text in self.types_of(symbol)]
        return list(dict.fromkeys(streams))


class MarketsSettings(Section):
    """The markets; one that is not named is not connected to."""

    spot: MarketSettings | None = Field(default=None, description="Spot.")
    usdm: MarketSettings | None = Field(default=None, description="USD-margined futures.")
    coinm: MarketSettings | None = Field(default=None, description="Coin-margined futures.")

    @field_validator("spot", "usdm", "coinm")
    @classmethod
    def _known_streams(cls, settings: MarketSettings | None, info: Any) -> MarketSettings | None:
        if settings is not None:
            market = Market(info.field_name)
            _check_types(market, "streams", settings.streams)
            for symbol, texts in settings.symbol_streams.items():
                key = f"symbol_streams.{symbol}"
                _check_types(market, key, texts)
                if arrays := [text for text in texts if text.startswith("!")]:
                    raise fault(key, f'"{arrays[0]}" is about all symbols: put it in streams')
            if not settings.addresses_alone:
                _check_wishes(settings)
        return settings

    def named(self) -> dict[Market, MarketSettings]:
        """Return the settings of the markets that are named."""
        markets = {Market.SPOT: self.spot, Market.USDM: self.usdm, Market.COINM: self.coinm}
        return {market: settings for market, settings in markets.items() if settings is not None}

    def present(self) -> dict[Market, MarketSettings]:
        """Return the settings of the markets of which something is taken, be there accounts or not."""
        return {market: settings for market, settings in self.named().items() if not settings.addresses_alone}


class ConnectionSettings(Section):
    """Connections to the venue."""

    idle_limit_s: float = Field(
        default=60.0, gt=0, description="Seconds of silence, without even a pong, that end a connection."
    )
    acknowledge_limit_s: float = Field(
        default=10.0, gt=0, description="Seconds that the venue may take to acknowledge."
    )
    open_limit_s: float = Field(default=10.0, gt=0, description="Seconds that opening a connection may take.")
    max_frame_bytes: int = Field(default=8 * 1024 * 1024, ge=65_536, description="A longer frame ends the connection.")
    queue_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=65_536,
        description="Frames read but not worked on, per connection; full stops the reader.",
    )
    streams_per_connection: dict[Market, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="Overrides the venue's limit, per market."
    )
    rotate_after_s: float = Field(
        default=82_800.0,
        ge=0,
        description="Seconds after which a socket is replaced without loss; the venue ends it after 24 h. 0: never.",
    )
    rotate_stagger_s: float = Field(
        default=3_600.0,
        ge=0,
        description="Seconds over which the rotations of a market's connections are spread, before `rotate_after_s`.",
    )
    rotate_deadline_s: float = Field(
        default=85_800.0, gt=0, description="Seconds after which a socket goes even if its successor is not proven."
    )
    rotate_overlap_s: float = Field(
        default=5.0, gt=0, description="Seconds for which both sockets of a rotation deliver, at least."
    )
    listen_key_refresh_s: float = Field(
        default=1_500.0,
        gt=0,
        le=3_000,
        description="Seconds after which the listen key of a futures account is prolonged; it lives for 3,600.",
    )

    @model_validator(mode="after")
    def _rotates_in_order(self) -> Self:
        if self.rotate_after_s and self.rotate_stagger_s >= self.rotate_after_s:
            raise fault("rotate_stagger_s", f"must be less than rotate_after_s, which is {self.rotate_after_s:g}")
        if self.rotate_deadline_s <= self.rotate_after_s:
            raise fault("rotate_deadline_s", f"must be more than rotate_after_s, which is {self.rotate_after_s:g}")
        return self


class ProducerSettings(Section):
    """Writing to Kafka."""

    linger_ms: float = Field(default=5.0, ge=0, le=1000, description="Milliseconds that a record may wait for company.")
    batch_bytes: int = Field(
        default=262_144, ge=16_384, description="Largest batch; the broker's limit is 1 MiB by default."
    )
    buffer_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        description="Unacknowledged records held in memory; full stops the readers.",
    )
    max_record_bytes: int = Field(
        default=900_000, ge=1024, description="Longer payloads go to the dead-letter topic, cut."
    )
    compression: Literal["none", "lz4"] = Field(default="lz4", description="How batches are compressed.")
    request_timeout_ms: int = Field(
        default=60_000, ge=1000, description="Milliseconds; outlasts the election of a leader."
    )


class SnapshotSettings(Section):
    """Depth snapshots."""

    levels: Literal[100, 500, 1000, 5000] = Field(
        default=1000, description="Levels per side; futures give 1000 at most."
    )
    deep_symbols: Symbols = Field(
        default=(), description="Spot instruments with 5000 levels per side, at five times the weight."
    )
    refresh_s: float = Field(
        default=21_600.0, ge=60, description="Seconds after which a symbol gets a new one in any case."
    )


class RestSettings(Section):
    """What is asked of the venue over REST."""

    share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Part of the venue's limit that everything at this address may use together: the venue tells"
        " what others used. The same in every replica.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Binance API key, for trades of futures older than the last 1000; needs no permission, signs"
        " nothing. From the environment alone: INGEST_REST__API_KEY.",
    )
    api_key_file: Path | None = Field(default=None, description="A mounted file that holds the key in place of that.")
    keep_bans: bool = Field(
        default=True,
        description="Whether a ban of this address is kept over a restart; false where each start has another address.",
    )


class RepairSettings(Section):
    """Completeness of the log: finding holes, and filling them."""

    enabled: bool = Field(
        default=True, description="Whether this process repairs; `binance-ingest repair` does so in one of its own."
    )
    group_instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Static membership in the group of those who repair: one name per process. Unset: dynamic.",
    )
    progress_interval_s: float = Field(default=5.0, gt=0, description="Seconds between notes of how far it is.")
    tail_check_s: float = Field(
        default=60.0, ge=0, description="Seconds between looks whether the log ends where the venue does; 0: never."
    )


class HttpSettings(Section):
    """Metrics and health: `/live`, `/ready`, `/metrics`."""

    enabled: bool = Field(default=True, description="Whether they are served.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=9101, ge=0, le=65_535, description="Port; 0 takes a free one.")


def _check_wishes(settings: MarketSettings) -> None:
    wishes = settings.wishes
    if not settings.all_market_streams and not any(settings.types_of(symbol) for symbol in wishes.symbols):
        raise fault("symbols", NOTHING_TO_TAKE)
    if wishes.excluded and not wishes.patterns:
        raise fault("exclude_symbols", "excludes nothing: there is no pattern such as *USDT in symbols")
    if both := sorted(set(wishes.names) & set(wishes.excluded)):
        raise fault("exclude_symbols", f'"{both[0]}" is asked for by its name: take it out of one of the two')


def _check_types(market: Market, key: str, texts: tuple[str, ...]) -> None:
    speeds: list[str] = []
    for text in dict.fromkeys(texts):
        stream_type = stream_types(market).get(text)
        if stream_type is None:
            raise fault(key, str(UnknownStreamTypeError(market, text)))
        if stream_type.is_depth_diff:
            speeds.append(text)
    if len(speeds) > 1:
        raise fault(key, f"one depth speed per symbol, was {', '.join(speeds)}: they would be cut at different ids")


def fault(key: str, message: str) -> PydanticCustomError:
    """Return a validation error about a key below the validated one."""
    return PydanticCustomError("fault", "{message}", {"key": key, "message": message})
