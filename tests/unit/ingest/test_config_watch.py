from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from structlog.typing import EventDict

from ingest.config import Settings, load
from ingest.config_watch import ConfigWatch
from ingest.metrics import Metrics


FIRST = "markets: {spot: {symbols: [A], streams: [trade]}}"
SECOND = "markets: {spot: {symbols: [A, B], streams: [trade]}}"
WRONG = "markets: {spot: {symbols: [A, B], streams: [trades]}}"

_times = count(1_700_000_000)


class Site:
    """A watched file, and what came of it."""

    def __init__(self, path: Path, logs: list[EventDict]) -> None:
        self.path = path
        self.logs = logs
        self.taken: list[Settings] = []
        self.metrics = Metrics(CollectorRegistry())
        self.watch = ConfigWatch(
            path,
            load(path),
            read=load,
            changed=self.taken.append,
            invalid=self.metrics.config_invalid,
            log=structlog.get_logger(),
        )

    def write(self, text: str) -> None:
        """Write in place, at another time than ever before."""
        self.path.write_text(text)
        os.utime(self.path, (0, next(_times)))

    async def look(self, times: int = 2) -> None:
        """Look as often as it takes for a file at rest to be read."""
        for _ in range(times):
            await self.watch.look()

    @property
    def symbols(self) -> list[tuple[str, ...]]:
        """The symbols of all settings that were handed on."""
        return [settings.markets.spot.symbols for settings in self.taken if settings.markets.spot]

    def told(self) -> list[tuple[str, str]]:
        """Return what was logged since the last call, and how severe it is."""
        lines = [(line["log_level"], line["event"]) for line in self.logs]
        self.logs.clear()
        return lines


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("INGEST_MARKETS__SPOT__SYMBOLS", raising=False)
    path = tmp_path / "ingest.yaml"
    path.write_text(FIRST)
    with capture_logs() as logs:
        yield Site(path, logs)


async def test_a_file_that_stays_as_it_is_is_no_event(site: Site) -> None:
    await site.look(5)

    assert site.taken == []
    assert site.told() == []


async def test_a_changed_file_is_read_once_it_is_at_rest(site: Site) -> None:
    await site.look()

    site.write(SECOND)
    await site.look(1)
    assert site.symbols == []
    await site.look(3)

    assert site.symbols == [("A", "B")]
    assert site.told() == [("info", "settings changed")]


async def test_a_file_that_is_still_being_written_is_left_alone(site: Site) -> None:
    await site.look()

    for length in range(len(SECOND)):
        site.write(SECOND[:length])
        await site.look(1)
    site.write(SECOND)
    await site.look()

    assert site.symbols == [("A", "B")]
    assert site.told() == [("info", "settings changed")]


async def test_a_change_between_the_start_and_the_first_look_is_seen(site: Site) -> None:
    site.write(SECOND)

    await site.look()

    assert site.symbols == [("A", "B")]


async def test_an_editor_that_replaces_the_file_is_noticed(site: Site) -> None:
    """Same size, same time, another inode."""
    os.utime(site.path, (0, 7))
    await site.look()
    other = site.path.with_suffix(".swap")
    other.write_text(FIRST.replace("[A]", "[B]"))
    os.utime(other, (0, 7))

    other.replace(site.path)
    await site.look()

    assert site.symbols == [("B",)]


async def test_the_swapped_link_of_a_config_map_is_noticed(tmp_path: Path) -> None:
    """Kubernetes: ``ingest.yaml -> ..data/ingest.yaml``, ``..data -> ..<time>``, renamed over."""
    for folder, text in (("..1", FIRST), ("..2", SECOND)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ingest.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..1")
    path = tmp_path / "ingest.yaml"
    path.symlink_to("..data/ingest.yaml")
    with capture_logs() as logs:
        site = Site(path, logs)
        await site.look()

        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        await site.look()

    assert site.symbols == [("A", "B")]


async def test_an_invalid_file_is_told_once_and_the_settings_stay(site: Site) -> None:
    await site.look()

    site.write(WRONG)
    await site.look(3)
    site.write(WRONG)
    await site.look(3)

    assert site.taken == []
    assert 'markets.spot.streams: stream type "trades" does not exist' in site.logs[0]["reason"]
    assert site.told() == [("error", "configuration is wrong; the settings stay as they are")]
    assert site.metrics.registry.get_sample_value("ingest_config_invalid") == 1


async def test_a_file_that_is_right_again_is_taken(site: Site) -> None:
    await site.look()
    site.write(WRONG)
    await site.look()
    site.told()

    site.write(SECOND)
    await site.look()

    assert site.symbols == [("A", "B")]
    assert site.told() == [("info", "configuration is right again"), ("info", "settings changed")]
    assert site.metrics.registry.get_sample_value("ingest_config_invalid") == 0


async def test_what_needs_a_restart_is_told_in_one_warning_and_the_rest_is_taken(site: Site) -> None:
    await site.look()

    for linger_ms in (3, 4):
        site.write(f"{SECOND}\nproducer: {{linger_ms: {linger_ms}}}\nlog_level: debug")
        await site.look()

    assert [line["keys"] for line in site.logs] == [
        ("log_level", "producer.linger_ms"),
        ("markets.spot.symbols",),
    ]
    assert site.told() == [
        ("warning", "settings that take effect with the next start"),
        ("info", "settings changed"),
    ]
    assert site.symbols == [("A", "B")]
    assert [settings.producer.linger_ms for settings in site.taken] == [load().producer.linger_ms]


async def test_a_change_that_is_taken_back_is_a_change(site: Site) -> None:
    await site.look()

    for text in (SECOND, FIRST):
        site.write(text)
        await site.look()

    assert site.symbols == [("A", "B"), ("A",)]


async def test_the_environment_overrides_a_changed_file_too_and_that_is_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_MARKETS__SPOT__SYMBOLS", "A")
    await site.look()

    site.write(SECOND)
    await site.look()

    assert site.taken == []
    assert site.told() == [("info", "configuration read again: no setting differs; the environment overrides the file")]


async def test_told_to_read_again_it_does_not_wait_for_the_file_to_rest(site: Site) -> None:
    await site.look()

    site.write(SECOND)
    site.watch.read_again()
    await site.look(1)

    assert site.symbols == [("A", "B")]


async def test_told_to_read_again_it_repeats_that_the_file_is_wrong(site: Site) -> None:
    site.write(WRONG)
    await site.look()
    site.told()

    site.watch.read_again()
    await site.look(1)

    assert site.told() == [("error", "configuration is wrong; the settings stay as they are")]


async def test_a_missing_file_is_told_when_it_does_not_come_back(site: Site) -> None:
    await site.look()

    site.path.unlink()
    await site.look(4)
    assert site.told() == []
    await site.look(4)
    assert site.told() == [("error", "configuration file is gone; the settings stay as they are")]

    site.write(SECOND)
    await site.look()
    assert site.symbols == [("A", "B")]


async def test_without_a_file_being_told_to_read_it_again_is_answered() -> None:
    with capture_logs() as logs:
        watch = ConfigWatch(
            None,
            load(),
            read=load,
            changed=lambda _: None,
            invalid=Metrics(CollectorRegistry()).config_invalid,
            log=structlog.get_logger(),
        )
        await watch.look()
        assert logs == []
        watch.read_again()
        await watch.look()

    assert [line["event"] for line in logs] == [
        "no configuration file to read again: settings came from the environment"
    ]


async def test_running_it_reads_at_once_when_told_to(site: Site) -> None:
    taken = asyncio.Event()
    site.watch._changed = lambda _: taken.set()
    site.write(SECOND)
    running = asyncio.create_task(site.watch.run())

    site.watch.read_again()
    async with asyncio.timeout(20):
        await taken.wait()

    running.cancel()
