from __future__ import annotations

import pytest

from dashboard.core.origins import Origin, origin_of


@pytest.mark.parametrize(
    ("url", "source", "simulated"),
    [
        ("wss://stream.binance.com:9443/stream", "Binance", False),
        ("wss://fstream.binance.com/public/stream", "Binance", False),
        ("wss://data-stream.binance.vision/stream", "Binance", False),
        ("wss://stream.testnet.binance.vision/stream", "Binance testnet", True),
        ("wss://fstream.binancefuture.com/stream", "Binance testnet", True),
        ("ws://127.0.0.1:9443/spot/stream", "simulated exchange", True),
        ("ws://exchange:9443/usdm/stream", "simulated exchange", True),
        ("wss://stream.binance.com.example.org/stream", "simulated exchange", True),
        ("wss://notbinance.com/stream", "simulated exchange", True),
        ("nonsense", "simulated exchange", True),
    ],
)
def test_where_data_come_from_is_told_by_the_host(url: str, source: str, simulated: bool) -> None:
    assert origin_of([url]) == Origin(source, simulated=simulated)


def test_of_several_sources_all_are_named_and_one_that_is_simulated_makes_it_all_so() -> None:
    both = origin_of(["wss://stream.binance.com/stream", "ws://exchange:9443/spot", "ws://exchange:9443/usdm"])

    assert both == Origin("Binance and simulated exchange", simulated=True)
    assert origin_of([]) == Origin("unknown", simulated=False)
