"""A small exchange's own log, and the raw log that a pipeline may have made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.soak.checker.book import WholeBook
from sandbox.soak.checker.causes import Act, Causes
from sandbox.soak.checker.checker import Checker, Verdict
from sandbox.soak.checker.truth import Truth, read_faults
from sandbox.verify.topics import Record
from schemas.codec import Codec
from schemas.control import Connection, ConnectionEvent, Gap, GapStatus
from schemas.markets import Market
from schemas.topics import ControlType, RawType, TopicTable, partition_of
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
SYMBOL = "BTCUSDT"
START_MS = 1_793_577_600_000

Level = tuple[str, str]


def trade(number: int, epoch: int = 0, price: str = "100.5") -> dict[str, object]:
    """A line of the exchange's log of trades."""
    quantity = f"0.{number % 7 + 1}"
    return {
        "s": SYMBOL,
        "epoch": epoch,
        "t": number,
        "p": price,
        "q": quantity,
        "T": START_MS + 1_000_000 * epoch + number,
        "m": number % 2 == 0,
    }


def agg_trade(number: int) -> dict[str, object]:
    """A line of the exchange's log of aggregate trades; each is of one trade."""
    line = trade(number + 500)
    del line["t"]
    return {**line, "a": number, "f": number + 500, "l": number + 500}


def trades_of(numbers: Iterable[int], epoch: int = 0) -> list[dict[str, object]]:
    """Lines of some ids."""
    return [trade(number, epoch) for number in numbers]


def raw_trade(number: int, epoch: int = 0, *, origin: str = "live", **other: object) -> Record:
    """The raw record of a trade, spelled as the stream spells it."""
    line = trade(number, epoch)
    value = {
        "e": "trade",
        "E": line["T"],
        "s": SYMBOL,
        "t": number,
        "p": f"{line['p']}0000000",
        "q": f"{line['q']}0000000",
        "T": line["T"],
        "m": line["m"],
        "M": True,
        **other,
    }
    return _raw(RawType.TRADE, value, "btcusdt@trade", origin)


def raw_agg_trade(number: int, **other: object) -> Record:
    """The raw record of an aggregate trade."""
    line = agg_trade(number)
    value = {"e": "aggTrade", "E": line["T"], **{key: line[key] for key in "sapqflTm"}, **other}
    return _raw(RawType.AGG_TRADE, value, "btcusdt@aggTrade")


def raw_diff(first: int, final: int, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> Record:
    """The raw record of a depth diff."""
    value = {"e": "depthUpdate", "E": START_MS, "s": SYMBOL, "U": first, "u": final, "b": bids, "a": asks}
    return _raw(RawType.DEPTH, value, "btcusdt@depth@100ms")


def raw_snapshot(number: int, bids: Sequence[Level], asks: Sequence[Level]) -> Record:
    """The raw record of a depth snapshot."""
    return _raw(RawType.DEPTH, {"lastUpdateId": number, "bids": bids, "asks": asks}, "rest:depth")


def gap(
    first: int,
    last: int,
    status: GapStatus,
    *,
    stream: RawType = RawType.TRADE,
    epoch: int = 0,
    opened_ms: int = START_MS,
) -> Record:
    """A record of the ledger."""
    value = Gap(
        market=Market.SPOT,
        stream=stream,
        symbol=SYMBOL,
        epoch=epoch,
        first_id=first,
        last_id=last,
        status=status,
        reason=None,
        previous_time=START_MS,
        next_time=START_MS,
        opened_time=opened_ms,
        updated_time=opened_ms,
    )
    return _control(ControlType.GAP, CODEC.encode(TABLE.control(ControlType.GAP), value))


def disconnect(time_ms: int) -> Record:
    """A record that tells the end of a connection."""
    value = Connection(
        connection_id="one",
        sequence=1,
        market=Market.SPOT,
        event=ConnectionEvent.DISCONNECTED,
        time=time_ms,
        url="ws://127.0.0.1/spot",
        streams=["btcusdt@trade"],
        reason="reset by peer: of a sudden",
    )
    return _control(ControlType.CONNECTION, CODEC.encode(TABLE.control(ControlType.CONNECTION), value))


def dead_letter(reason: str) -> Record:
    """A record that was set aside."""
    return _control(ControlType.DEAD_LETTER, b"?", [("reason", reason.encode())])


def book(number: int, bids: Sequence[Level], asks: Sequence[Level]) -> WholeBook:
    """The exchange's own book at the end."""
    return WholeBook(number, list(bids), list(asks))


def write_truth(
    directory: Path,
    trades: Iterable[dict[str, object]] = (),
    agg_trades: Iterable[dict[str, object]] = (),
    faults: Iterable[dict[str, object]] = (),
) -> Path:
    """Write the exchange's own log."""
    directory.mkdir(exist_ok=True)
    for name, lines in (("spot.trades", trades), ("spot.agg-trades", agg_trades), ("faults", faults)):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory


def check(
    directory: Path,
    records: Iterable[Record],
    *,
    whole: WholeBook | str | None = None,
    acts: Iterable[Act] = (),
) -> Verdict:
    """Check a raw log against the exchange's log in a directory."""
    truth = Truth.read(directory, [Market.SPOT])
    checker = Checker(TABLE, CODEC, truth, Causes(read_faults(directory / "faults.jsonl"), acts))
    for record in records:
        checker.take(record)
    symbols = frozenset([(Market.SPOT, SYMBOL)] if whole is not None else [])
    return checker.finish(symbols, lambda _: whole if whole is not None else "not asked")


def _raw(raw_type: RawType, value: dict[str, object], stream: str, origin: str = "live") -> Record:
    headers = [("stream", stream.encode()), ("origin", origin.encode())]
    encoded = json.dumps(value).encode()
    return Record(TABLE.raw(Market.SPOT, raw_type).name, partition_of(SYMBOL), 0, SYMBOL.encode(), encoded, headers)


def _control(of: ControlType, value: bytes, headers: Sequence[tuple[str, bytes | None]] = ()) -> Record:
    return Record(TABLE.control(of).name, 0, 0, b"key", value, headers)
