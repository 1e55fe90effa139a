from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingest.core.plan import plan_connections
from ingest.core.silence import Cause
from ingest.core.streams import stream_of
from ingest.metrics import Metrics
from ingest.stream_watch import StreamWatch
from schemas.markets import Market


STREAMS = [stream_of(Market.SPOT, text, symbol) for symbol in ("BTCUSDT", "OLDUSDT") for text in ("trade", "depth")]
(PLAN,) = plan_connections(STREAMS)
LABEL = "spot-0"
STATUSES = {"BTCUSDT": "TRADING", "NEWUSDT": "TRADING", "OLDUSDT": "BREAK"}


class Bench:
    def __init__(self, status: Callable[[str], str | None] = lambda symbol: STATUSES.get(symbol, "")) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.watch = StreamWatch(
            Market.SPOT,
            [PLAN],
            status,
            metrics=self.metrics,
            log=structlog.get_logger(),
        )

    @property
    def silent(self) -> float | None:
        return self.metrics.registry.get_sample_value("ingest_silent_streams", {"connection": LABEL})


def test_a_connection_lacks_the_first_events_of_what_trades_but_for_quiet_streams() -> None:
    bench = Bench()
    assert bench.watch.missing(LABEL) == 1

    bench.watch.delivered(LABEL, ["btcusdt@depth", "btcusdt@trade"])

    assert bench.watch.missing(LABEL) == 0


def test_until_it_is_known_what_trades_everything_is_waited_for() -> None:
    assert Bench(lambda _: None).watch.missing(LABEL) == 2


def test_silent_streams_are_told_once_with_the_cause_and_counted_until_they_speak() -> None:
    bench = Bench()
    with capture_logs() as logs:
        for _ in range(2):
            bench.watch.silent(LABEL, ["oldusdt@depth", "btcusdt@depth"])
        silent = bench.silent
        bench.watch.delivered(LABEL, ["btcusdt@depth"])

    told = [(one["streams"], one["reason"]) for one in logs if one["event"] == "acknowledged, but silent"]
    assert told == [(["oldusdt@depth"], Cause.NOT_TRADING), (["btcusdt@depth"], Cause.VENUE)]
    assert logs[-1]["event"] == "silent streams deliver after all"
    assert (silent, bench.silent) == (2, 1)


def test_what_cannot_come_is_not_waited_for_and_what_should_come_is() -> None:
    bench = Bench()
    bench.watch.silent(LABEL, ["oldusdt@depth"])
    assert bench.watch.missing(LABEL) == 1

    bench.watch.silent(LABEL, ["btcusdt@depth"])

    assert bench.watch.missing(LABEL) == 1


def test_where_the_symbol_does_not_trade_silence_is_excused() -> None:
    bench = Bench()

    assert [bench.watch.excused(f"{one}@depth") for one in ("btcusdt", "oldusdt", "nowhere")] == [False, True, True]


def test_when_streams_come_and_go_the_new_ones_are_waited_for() -> None:
    bench = Bench()
    bench.watch.delivered(LABEL, ["btcusdt@depth"])
    bench.watch.silent(LABEL, ["oldusdt@depth"])
    with_new = [stream_of(Market.SPOT, "depth", symbol) for symbol in ("BTCUSDT", "OLDUSDT", "NEWUSDT")]

    bench.watch.expect(msgspec.structs.replace(PLAN, streams=tuple(with_new)))
    assert (bench.watch.missing(LABEL), bench.silent) == (1, 1)

    bench.watch.expect(msgspec.structs.replace(PLAN, streams=tuple(with_new[:1])))
    assert (bench.watch.missing(LABEL), bench.silent) == (0, 0)


def test_silence_is_the_symbols_own_where_none_of_its_streams_speaks() -> None:
    streams = [stream_of(Market.SPOT, text, symbol) for symbol in ("BTCUSDT", "ETHUSDT") for text in ("trade", "depth")]
    (plan,) = plan_connections(streams)
    watch = StreamWatch(
        Market.SPOT, [plan], lambda _: None, metrics=Metrics(CollectorRegistry()), log=structlog.get_logger()
    )
    watch.delivered(LABEL, ["btcusdt@trade", "!miniTicker@arr"])
    with capture_logs() as logs:
        watch.silent(LABEL, ["btcusdt@depth", "ethusdt@depth"])

    told = [(one["streams"], one["reason"]) for one in logs]
    assert told == [(["btcusdt@depth"], Cause.VENUE), (["ethusdt@depth"], Cause.QUIET)]
