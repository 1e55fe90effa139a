"""The content of a recording, in order and as it was sent."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings import ControlReplies, Frame, ProblemLog, Recording, RestAnswer, read
from schemas.markets import Market
from tests.unit.sandbox.payloads import EPOCH_NS, combined, depth_answer, line, trade, write_lines


def trade_line(number: int, time_ns: int) -> bytes:
    return line(time_ns, combined("btcusdt@trade", trade(number)))


def trade_ids(recording: Recording) -> list[int]:
    return [json.loads(entry.data)["t"] for entry in read(recording) if isinstance(entry, Frame)]


def test_files_are_merged_by_time(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.gz", [trade_line(1, EPOCH_NS), trade_line(4, EPOCH_NS + 30)])
    write_lines(tmp_path / "b", [trade_line(2, EPOCH_NS + 10), trade_line(3, EPOCH_NS + 20)])

    assert trade_ids(Recording.find([tmp_path])) == [1, 2, 3, 4]


def test_parts_of_one_recording_follow_one_another_whatever_their_names(tmp_path: Path) -> None:
    write_lines(tmp_path / "z", [trade_line(1, EPOCH_NS), trade_line(2, EPOCH_NS + 1)])
    write_lines(tmp_path / "a", [trade_line(3, EPOCH_NS + 2), trade_line(4, EPOCH_NS + 3)])

    assert trade_ids(Recording.find([tmp_path / "a", tmp_path / "z"])) == [1, 2, 3, 4]


@given(times=st.lists(st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=8), min_size=1, max_size=4))
def test_each_file_keeps_its_own_order_even_where_its_clock_went_back(
    tmp_path_factory: pytest.TempPathFactory, times: list[list[int]]
) -> None:
    directory = tmp_path_factory.mktemp("recording")
    for file_number, file_times in enumerate(times):
        lines = [trade_line(file_number * 100 + n, EPOCH_NS + time) for n, time in enumerate(file_times)]
        write_lines(directory / f"part{file_number}", lines)

    ids = trade_ids(Recording.find([directory]))

    assert sorted(ids) == [number * 100 + n for number, part in enumerate(times) for n in range(len(part))]
    for number in range(len(times)):
        own = [trade_id for trade_id in ids if trade_id // 100 == number]
        assert own == sorted(own)


def test_what_cannot_be_used_is_counted_with_its_place(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "file",
        [
            trade_line(1, EPOCH_NS),
            line(EPOCH_NS, '{"stream":"btcusdt@trade","data":{'),
            b"no recording\n",
            line(EPOCH_NS, '{"result":null,"id":1}'),
            trade_line(2, EPOCH_NS),
        ],
    )
    problems, control_replies = ProblemLog(), ControlReplies()

    entries = list(read(Recording.find([path]), problems=problems, control_replies=control_replies))

    assert len(entries) == 2
    assert [problem.line_number for problem in problems.first] == [2, 3]
    assert str(problems.first[1]) == f"{path}:3: line of no known format"
    assert control_replies.count == 1


def test_a_depth_answer_has_a_symbol_only_if_somebody_knows_it(tmp_path: Path) -> None:
    body = json.dumps(depth_answer(7), separators=(",", ":")).encode()
    path = write_lines(tmp_path / "file", [line(EPOCH_NS, depth_answer(7)), trade_line(1, EPOCH_NS)])
    recording = Recording.find([path])

    anonymous = next(read(recording))
    known = next(read(recording, symbols={(path, 1): "BTCUSDT"}))

    assert anonymous == RestAnswer(EPOCH_NS, Market.SPOT, "/api/v3/depth", {}, body, (path, 1))
    assert known == RestAnswer(EPOCH_NS, Market.SPOT, "/api/v3/depth", {"symbol": "BTCUSDT"}, body, (path, 1))


@pytest.mark.parametrize(
    ("paths", "streams", "answers"),
    [
        (
            ["hftbacktest/spot"],
            {"btcusdt@bookTicker": 73_174, "btcusdt@trade": 19_904, "btcusdt@depth@100ms": 6_495},
            1,
        ),
        (
            ["hftbacktest/usdm/ethusdt_20240808.gz"],
            {"ethusdt@bookTicker": 53_992, "ethusdt@trade": 14_076, "ethusdt@depth@0ms": 6_586},
            1,
        ),
        (
            ["hftbacktest/cm"],
            {"ethusd_perp@depth@0ms": 22_909, "ethusd_perp@bookTicker": 15_812, "ethusd_perp@trade": 1_732},
            1,
        ),
    ],
)
def test_single_symbol_recordings_are_read_whole(
    recordings: Path, paths: list[str], streams: dict[str, int], answers: int
) -> None:
    problems = ProblemLog()
    found: Counter[str] = Counter()
    for entry in read(Recording.find([recordings / path for path in paths]), problems=problems):
        found[entry.stream if isinstance(entry, Frame) else "answers"] += 1

    assert found == streams | {"answers": answers}
    assert problems.count == 0


@pytest.mark.parametrize(
    ("stem", "market", "kinds", "depth_answers"),
    [
        ("BINANCE", Market.SPOT, {"depth@100ms": 177, "bookTicker": 84, "aggTrade": 2, "kline_1m": 2}, 4),
        ("BINANCE_FUTURES", Market.USDM, {"depth@100ms": 764, "bookTicker": 613, "aggTrade": 91, "kline_1m": 67}, 4),
        (
            "BINANCE_DELIVERY",
            Market.COINM,
            {"bookTicker": 2240, "depth@100ms": 2047, "aggTrade": 51, "kline_1m": 33},
            10,
        ),
        ("BINANCE_US", Market.SPOT, {"depth@100ms": 336, "bookTicker": 128, "aggTrade": 11, "kline_1m": 5}, 4),
        ("BINANCE_TR", Market.SPOT, {"depth@100ms": 84, "bookTicker": 47, "kline_1m": 8}, 3),
    ],
)
def test_cryptofeed_recordings_are_read_whole(
    recordings: Path, stem: str, market: Market, kinds: dict[str, int], depth_answers: int
) -> None:
    found: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    problems = ProblemLog()
    for entry in read(Recording.find([recordings / "cryptofeed" / stem]), problems=problems):
        assert entry.market is market
        if isinstance(entry, Frame):
            found[entry.stream.partition("@")[2]] += 1
        else:
            answers[entry.path.rpartition("/")[2]] += 1
            assert entry.path.endswith("exchangeInfo") or entry.params["symbol"]

    assert found == kinds
    assert answers["depth"] == depth_answers
    assert problems.count == 0


@pytest.mark.parametrize("name", ["hftbacktest/spot/btcusdt_20240808.gz", "hftbacktest/cm/ethusd_perp_20240808.gz"])
def test_recorded_payloads_are_verbatim(recordings: Path, name: str) -> None:
    """A combined frame put together again is the recorded line."""
    path = recordings / name
    with gzip.open(path) as file:
        for entry, recorded in zip(read(Recording.find([path])), file, strict=True):
            if isinstance(entry, Frame):
                again = b'%d {"stream":"%b","data":%b}\n' % (entry.receive_time_ns, entry.stream.encode(), entry.data)
                assert again == recorded
