"""What `demo` and `up` start for a request."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.demo.demonstrating import DemoRequest, _options, _source
from sandbox.demo.sources import SimulatedSource
from sandbox.demo.waiting import _reads
from sandbox.demo.workspace import Shared, Workspace
from sandbox.stack import StackOptions
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


def options(tmp_path: Path, *sources: str, endless: bool) -> tuple[SimulatedSource, StackOptions]:
    request = DemoRequest(sources=sources)
    with Workspace(tmp_path, Console(file=io.StringIO())) as workspace:
        source = _source(request, workspace, endless=endless)
        assert isinstance(source, SimulatedSource)
        return source, _options(request, source, workspace, Shared(None, None, None))


@pytest.mark.parametrize("sources", [(), ("simulated",)])
def test_up_has_an_account_a_worker_for_it_and_a_dashboard_that_shows_it(
    sources: tuple[str, ...], tmp_path: Path
) -> None:
    source, chosen = options(tmp_path, *sources, endless=True)

    assert list(chosen.accounts) == ["main"]
    assert chosen.accounts["main"].markets == tuple(Market)
    assert chosen.families == ("books", "trades", "private")
    assert chosen.environment["DASHBOARD_PRIVATE"] == "true"
    assert source.exchange[-4:] == ["--account", "main", "--keys-dir", str(chosen.keys_dir)]


@pytest.mark.parametrize("sources", [(), ("simulated",)])
def test_the_demo_proves_market_data_alone(sources: tuple[str, ...], tmp_path: Path) -> None:
    source, chosen = options(tmp_path, *sources, endless=False)

    assert not chosen.accounts
    assert chosen.families == ("books", "trades")
    assert "DASHBOARD_PRIVATE" not in chosen.environment
    assert "--record" in source.exchange
    assert "--account" not in source.exchange


def test_each_family_is_behind_by_what_it_reads() -> None:
    table = TopicTable("x")
    groups = ("x-processors-books", "x-processors-trades", "x-processors-private")
    reads = _reads(table, groups, [Market.SPOT])

    assert reads["x-processors-books"] == {table.raw(Market.SPOT, RawType.DEPTH).name}
    assert reads["x-processors-private"] == {topic.name for topic in table if topic.private} & {
        table.raw(Market.SPOT, of).name for of in RawType if of.private
    }
    assert "x.control.gap" in reads["x-processors-trades"]
