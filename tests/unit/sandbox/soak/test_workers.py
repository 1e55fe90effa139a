"""What the soak of the workers demands of its replays, and what it says of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from processors.replay import Report
from processors.replay_topics import TopicHash as Written
from sandbox.soak.scenario import Scenario, read_scenario
from sandbox.soak.trials import Plan, Replayed, TopicHash, Trial
from sandbox.soak.workers import WorkersReport, differences, judged, plans_of, print_workers, write_workers


TRADES = TopicHash("spot.trade", records=100, rows=90, hash="aa")
TOPS = TopicHash("spot.top-of-book", records=50, rows=40, hash="bb")
RIGHT = Replayed(hash="0123456789abcdef", topics=(TRADES, TOPS), records=1_000, seconds=12.3, restarts=0)
UNDISTURBED = Trial(Plan("undisturbed"), 0, RIGHT)


def killed(report: Replayed, kills: int = 7) -> Trial:
    return Trial(Plan("killed-1", kills=25), kills, msgspec.structs.replace(report, restarts=7))


def test_what_a_replay_prints_is_what_is_read() -> None:
    """The sandbox imports nothing of the services: their command's output is what ties them."""
    report = Report("0123456789abcdef", (Written("spot.trade", 100, 90, "aa"),), 1_000, 12.3, 7, "somewhere")

    read = msgspec.json.decode(msgspec.json.encode(report), type=Replayed)

    assert read == Replayed("0123456789abcdef", (TRADES,), 1_000, 12.3, 7)


def test_a_replay_with_kills_that_ends_in_the_same_result_is_right() -> None:
    assert judged(UNDISTURBED, killed(RIGHT)) == []


def test_a_topic_that_differs_is_named() -> None:
    other = msgspec.structs.replace(TRADES, rows=89, hash="ab")
    report = msgspec.structs.replace(RIGHT, topics=(other, TOPS), hash="1")

    assert judged(UNDISTURBED, killed(report)) == ["spot.trade: 89 rows, undisturbed 90"]


@pytest.mark.parametrize(("expected", "found"), [((TRADES, TOPS), (TRADES,)), ((TRADES,), (TRADES, TOPS))])
def test_a_topic_that_only_one_of_them_has_is_named(
    expected: tuple[TopicHash, ...], found: tuple[TopicHash, ...]
) -> None:
    one, other = (msgspec.structs.replace(RIGHT, topics=topics) for topics in (expected, found))

    (difference,) = differences(one, other)

    assert difference.startswith("spot.top-of-book: ")


def test_two_hashes_of_which_no_topic_tells_the_difference_differ() -> None:
    assert differences(RIGHT, msgspec.structs.replace(RIGHT, hash="1")) == ["the hash over all topics"]


def test_replays_that_wrote_nothing_prove_nothing() -> None:
    nothing = msgspec.structs.replace(RIGHT, topics=(msgspec.structs.replace(TRADES, rows=0),))

    assert judged(Trial(Plan("undisturbed"), 0, nothing), killed(nothing)) == ["nothing was written"]


def test_a_kill_after_which_no_worker_was_started_was_none() -> None:
    assert judged(UNDISTURBED, killed(RIGHT, kills=8)) == ["8 workers were killed, 7 started again"]


def test_the_first_replay_is_undisturbed_and_kills_befall_one_worker_and_two() -> None:
    first, second, *others = plans_of(50)

    assert (first.workers, first.kills, second.workers, second.kills) == (1, 0, 2, 0)
    assert {plan.workers for plan in others} == {1, 2}
    assert {plan.kills for plan in others} == {25}
    assert len({plan.name for plan in plans_of(50)}) == len(plans_of(50))


def test_the_scenario_of_the_workers_kills_fifty_times() -> None:
    assert read_scenario("processors").worker_kills == 50


def test_a_report_is_printed_and_written(tmp_path: Path) -> None:
    output = io.StringIO()
    report = WorkersReport(Scenario(worker_kills=9), 1_000, [UNDISTURBED, killed(RIGHT)], ["killed-1: spot.trade"])
    print_workers(report, Console(file=output, width=160))
    write_workers(report, tmp_path / "report.json")

    assert "killed-1: spot.trade" in output.getvalue()
    assert "1 things do not hold" in output.getvalue()
    assert json.loads((tmp_path / "report.json").read_text())["ok"] is False


def test_a_report_without_problems_says_what_holds() -> None:
    output = io.StringIO()
    print_workers(WorkersReport(Scenario(), 1_000, [UNDISTURBED], []), Console(file=output, width=160))

    assert "everything holds" in output.getvalue()
    assert "0123456789ab" in output.getvalue()
