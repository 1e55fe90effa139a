"""The pipeline subscribes to exactly what the source has, as far as a topic carries it."""

from __future__ import annotations

from pathlib import Path

import yaml

from sandbox.demo.subscriptions import IngestOptions, subscriptions_to, write_ingest_config
from schemas.markets import Market


SPOT, USDM = Market.SPOT, Market.USDM


def test_streams_without_a_topic_are_left_out_and_said() -> None:
    found = subscriptions_to({(SPOT, "btcusdt@trade"): 5, (SPOT, "btcusdt@avgPrice"): 9})

    assert found.streams == ((SPOT, "btcusdt@trade"),)
    assert found.left_out == {(SPOT, "btcusdt@avgPrice"): "no topic carries it"}


def test_of_several_depth_speeds_the_richest_is_taken_per_symbol() -> None:
    """Diffs of two speeds are cut at different ids."""
    streams = {
        (SPOT, "btcusdt@depth"): 10,
        (SPOT, "btcusdt@depth@100ms"): 100,
        (SPOT, "ethusdt@depth"): 10,
        (USDM, "btcusdt@depth"): 10,
    }

    found = subscriptions_to(streams)

    assert found.streams == ((SPOT, "btcusdt@depth@100ms"), (SPOT, "ethusdt@depth"), (USDM, "btcusdt@depth"))
    assert list(found.left_out) == [(SPOT, "btcusdt@depth")]
    assert found.symbols_with_depth() == {(SPOT, "BTCUSDT"), (SPOT, "ETHUSDT"), (USDM, "BTCUSDT")}
    assert found.markets == (SPOT, USDM)


def test_ingest_is_configured_with_these_streams_and_no_others(tmp_path: Path) -> None:
    subscriptions = subscriptions_to(
        {(SPOT, "btcusdt@trade"): 1, (SPOT, "btcusdt@depth@100ms"): 1, (USDM, "!ticker@arr"): 1}
    )

    write_ingest_config(tmp_path / "ingest.yaml", subscriptions, IngestOptions(1234, "http://127.0.0.1:5678"))

    assert yaml.safe_load((tmp_path / "ingest.yaml").read_text()) == {
        "markets": {
            "spot": {"symbols": [], "streams": [], "symbol_streams": {"BTCUSDT": ["depth@100ms", "trade"]}},
            "usdm": {"symbols": [], "streams": ["!ticker@arr"], "symbol_streams": {}},
        },
        "http": {"port": 1234},
        "endpoint": "sandbox",
        "sandbox_url": "http://127.0.0.1:5678",
        "allow_plaintext": True,
    }


def test_binance_itself_is_never_plain(tmp_path: Path) -> None:
    write_ingest_config(tmp_path / "ingest.yaml", subscriptions_to({(SPOT, "btcusdt@trade"): 1}), IngestOptions(1))

    document = yaml.safe_load((tmp_path / "ingest.yaml").read_text())
    assert document["endpoint"] == "production"
    assert "allow_plaintext" not in document
