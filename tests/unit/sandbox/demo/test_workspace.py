"""A run leaves behind what it was asked to keep, the logs of a failure, and nothing else."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.demo.workspace import Shared, Workspace


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(autouse=True)
def temporary_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept on purpose goes with the test's own directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run_into(error: BaseException, workspace: Workspace) -> None:
    with workspace:
        fill(workspace)
        raise error


def fill(workspace: Workspace) -> None:
    (workspace.path / "logs").mkdir()
    (workspace.path / "logs" / "ingest.log").write_text("a line")
    (workspace.path / "kafka" / "partitions").mkdir(parents=True)
    (workspace.path / "kafka" / "kafka.log").write_text("another")
    (workspace.fresh("verification") / "rows").write_text("1 2 3")


def test_a_temporary_directory_goes_when_all_went_well(console: Console) -> None:
    with Workspace(None, console) as workspace:
        fill(workspace)

    assert not workspace.path.exists()
    assert said(console) == ""


def test_of_a_failed_run_all_logs_are_kept_and_named(console: Console) -> None:
    with Workspace(None, console) as workspace:
        fill(workspace)
        workspace.failed = True

    logs = workspace.path / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["ingest.log", "kafka.log"]
    assert [path.name for path in workspace.path.iterdir()] == ["logs"]
    assert str(logs) in said(console)


def test_an_error_is_a_failure_an_interruption_is_none(console: Console) -> None:
    failed, interrupted = Workspace(None, console), Workspace(None, console)
    with pytest.raises(OSError, match="broken"):
        run_into(OSError("broken"), failed)
    with pytest.raises(KeyboardInterrupt):
        run_into(KeyboardInterrupt(), interrupted)

    assert (failed.path / "logs").exists()
    assert not interrupted.path.exists()


def test_a_named_directory_is_kept_but_for_the_files_of_the_verification(tmp_path: Path, console: Console) -> None:
    with Workspace(tmp_path / "run", console) as workspace:
        fill(workspace)

    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["kafka", "logs"]


def test_a_prefix_is_as_demanded_or_not_used_yet(tmp_path: Path) -> None:
    demanded = Shared.of({"TOPIC_PREFIX": "mine", "KAFKA_BOOTSTRAP_SERVERS": "broker:9092"})
    foreign = Shared.of({"KAFKA_BOOTSTRAP_SERVERS": "broker:9092"})
    own = Shared.of({"KAFKA_BOOTSTRAP_SERVERS": ""})

    assert demanded.prefix_for(tmp_path) == "mine"
    assert foreign.prefix_for(tmp_path) != foreign.prefix_for(tmp_path)
    assert own.prefix_for(tmp_path) == "binance"
    (tmp_path / "kafka" / "partitions").mkdir(parents=True)
    assert own.prefix_for(tmp_path).startswith("replay-")
