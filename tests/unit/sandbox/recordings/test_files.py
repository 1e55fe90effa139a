"""Which files a path means, and their lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings import files
from sandbox.recordings.errors import ProblemLog, RecordingNotFoundError, UnreadableFileError
from sandbox.recordings.files import candidates, read_lines


def test_a_stem_means_its_files_and_not_those_of_a_longer_stem(tmp_path: Path) -> None:
    for name in ("BINANCE.0", "BINANCE.ws.1.0", "BINANCE_US.0"):
        (tmp_path / name).touch()

    assert candidates(tmp_path / "BINANCE") == ((tmp_path / "BINANCE.0", tmp_path / "BINANCE.ws.1.0"), False)


def test_a_prefix_means_all_files_that_begin_with_it(tmp_path: Path) -> None:
    for name in ("btcusdt_1.gz", "btcusdt_2.gz", "ethusdt_1.gz"):
        (tmp_path / name).touch()

    assert candidates(tmp_path / "btcusdt") == ((tmp_path / "btcusdt_1.gz", tmp_path / "btcusdt_2.gz"), False)


def test_a_directory_means_all_visible_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b", "deep/a", ".hidden"):
        (tmp_path / name).touch()

    assert candidates(tmp_path) == ((tmp_path / "b", tmp_path / "deep" / "a"), False)


def test_a_path_that_means_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFoundError, match="nothing-here"):
        candidates(tmp_path / "nothing-here")


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
def test_lines_come_with_their_numbers_whatever_the_chunks(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b"x" * length for length in (1, 5, 0, 300, 2)]
    content = b"\n".join(lines)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    monkeypatch.setattr(files, "_CHUNK_BYTES", 7)
    problems = ProblemLog()

    assert list(read_lines(path, problems)) == [(number, line) for number, line in enumerate(lines, start=1) if line]
    assert problems.count == 0


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))

    assert list(read_lines(path, ProblemLog())) == [(1, b"one"), (2, b"two")]


@given(cut=st.integers(min_value=30, max_value=400))
def test_a_truncated_gzip_file_yields_what_can_be_read_and_is_reported(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    lines = [b"%d" % (number * 7_919_993) for number in range(200)]
    packed = gzip.compress(b"\n".join(lines))
    path = tmp_path_factory.mktemp("cut") / "file.gz"
    path.write_bytes(packed[:cut])
    problems = ProblemLog()

    found = [line for _, line in read_lines(path, problems)]

    assert problems.count == 1
    assert "truncated gzip" in problems.first[0].reason
    assert found[:-1] == lines[: max(len(found) - 1, 0)]


def test_a_damaged_gzip_file_is_read_up_to_the_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_CHUNK_BYTES", 8)
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n") + b"what follows is no gzip member")
    problems = ProblemLog()

    assert list(read_lines(path, problems)) == [(1, b"one"), (2, b"two")]
    assert "damaged gzip" in problems.first[0].reason


def test_a_line_without_end_is_skipped_not_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_CHUNK_BYTES", 16)
    monkeypatch.setattr(files, "_LINE_LIMIT_BYTES", 32)
    path = tmp_path / "file"
    path.write_bytes(b"before\n" + b"x" * 500 + b"\nafter\n")
    problems = ProblemLog()

    assert list(read_lines(path, problems)) == [(1, b"before"), (3, b"after")]
    assert [(problem.line_number, problem.reason) for problem in problems.first] == [(2, "line longer than 32 bytes")]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="gone"):
        list(read_lines(tmp_path / "gone", ProblemLog()))
