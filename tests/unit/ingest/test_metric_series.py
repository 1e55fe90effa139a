"""Series that are there before anything happens."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from ingest.config import Settings
from ingest.metric_series import ShownTypes, hide_connection, raw_types_of, show_at_zero, show_connection
from ingest.metrics import Metrics
from ingest.publisher import Delivery
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


def settings_of(**spot: object) -> Settings:
    return Settings(markets={"spot": spot})  # type: ignore[arg-type]  # pydantic converts


def shown(settings: Settings) -> Metrics:
    metrics = Metrics(CollectorRegistry())
    show_at_zero(metrics, settings, TopicTable())
    return metrics


def topics(metrics: Metrics) -> set[str]:
    (family,) = (one for one in metrics.registry.collect() if one.name == "ingest_delivered_records")
    return {sample.labels["topic"] for sample in family.samples}


@pytest.mark.parametrize(
    ("spot", "types"),
    [
        ({"symbols": ["BTCUSDT"]}, {RawType.TRADE, RawType.DEPTH, RawType.BOOK_TICKER}),
        ({"symbols": ["*USDT"], "streams": ["aggTrade"]}, {RawType.AGG_TRADE}),
        ({"streams": ["!miniTicker@arr"]}, {RawType.MINI_TICKER}),
        # The streams of all symbols are nobody's where every symbol has its own.
        ({"symbol_streams": {"BTCUSDT": ["kline_1m"]}}, {RawType.KLINE}),
        (
            {"symbols": ["ETHUSDT"], "streams": ["trade"], "symbol_streams": {"BTC*": ["ticker"]}},
            {RawType.TRADE, RawType.TICKER},
        ),
    ],
)
def test_the_stream_types_are_those_that_will_be_subscribed_to(spot: dict[str, object], types: set[RawType]) -> None:
    """A stream type that is shown and never comes would be called stale."""
    wanted = settings_of(**spot).markets.present()[Market.SPOT]

    assert raw_types_of(Market.SPOT, wanted) == types


def test_topics_of_accounts_are_shown_where_there_are_accounts_alone() -> None:
    public = settings_of(symbols=["BTCUSDT"], streams=["trade"])
    private = Settings(accounts={"main": {"markets": ["usdm"]}})  # type: ignore[dict-item]  # pydantic converts

    assert "binance.spot.raw.trade" in topics(shown(public))
    assert not {name for name in topics(shown(public)) if "order" in name or "account" in name or "private" in name}
    assert {"binance.usdm.raw.order-update", "binance.control.private-dead-letter"} <= topics(shown(private))
    assert "binance.spot.raw.trade" not in topics(shown(private))


def test_every_end_of_a_connection_begins_at_zero() -> None:
    metrics = Metrics(CollectorRegistry())
    show_connection(metrics, "spot-0")

    labels = {"connection": "spot-0", "reason": "venue"}
    assert metrics.registry.get_sample_value("ingest_disconnects_total", labels) == 0


def test_a_connection_that_is_wanted_no_more_is_not_down() -> None:
    """An alert on connections that are not live would ring for ever."""
    metrics = Metrics(CollectorRegistry())
    show_connection(metrics, "spot-0")
    metrics.disconnects.labels("spot-0", "venue").inc()
    hide_connection(metrics, "spot-0")
    hide_connection(metrics, "spot-0")

    value = metrics.registry.get_sample_value
    assert value("ingest_connection_live", {"connection": "spot-0"}) is None
    assert value("ingest_disconnects_total", {"connection": "spot-0", "reason": "venue"}) == 1


def test_a_stream_type_that_is_taken_no_more_is_not_silent_even_if_events_of_it_were_still_to_be_worked_on() -> None:
    """An alert on the age of the last event would ring for ever."""
    metrics = shown(settings_of(symbols=["BTCUSDT"], streams=["trade", "ticker"]))
    types = ShownTypes(metrics, Market.SPOT, {RawType.TRADE, RawType.TICKER})

    def told() -> dict[str, float]:
        (family,) = (one for one in metrics.registry.collect() if one.name == "ingest_last_event_timestamp_seconds")
        return {sample.labels["stream"]: sample.value for sample in family.samples}

    metrics.last_event.labels(Market.SPOT, RawType.TRADE).set(5)
    types.take({RawType.TRADE, RawType.DEPTH})
    after_change = told()
    metrics.last_event.labels(Market.SPOT, RawType.TICKER).set(6)
    types.hide_left()
    after_event = told()
    types.take({RawType.TICKER})
    types.hide_left()

    assert after_change == after_event == {"trade": 5, "depth": 0}
    assert told() == {"ticker": 0}


def test_who_repairs_alone_shows_no_stream_as_if_it_were_silent() -> None:
    metrics = Metrics(CollectorRegistry())
    settings = settings_of(symbols=["BTCUSDT"], streams=["trade"])

    show_at_zero(metrics, settings, TopicTable(), streaming=False)

    value = metrics.registry.get_sample_value
    assert value("ingest_last_event_timestamp_seconds", {"market": "spot", "stream": "trade"}) is None
    assert value("ingest_open_holes", {"market": "spot", "stream": "trade"}) == 0


def test_to_show_again_changes_no_count() -> None:
    settings = settings_of(symbols=["BTCUSDT"], streams=["trade"])
    metrics = shown(settings)
    metrics.delivered(Delivery("binance.spot.raw.trade", 3, 10, 50, 9_000, 0.25))
    show_at_zero(metrics, settings, TopicTable())

    value = metrics.registry.get_sample_value
    labels = {"topic": "binance.spot.raw.trade"}
    assert value("ingest_delivered_records_total", labels) == 50
    assert value("ingest_delivered_bytes_total", labels) == 9_000
    assert value("ingest_produce_duration_seconds_sum") == 0.25
