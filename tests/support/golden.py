"""Golden bytes of the Avro topics: what was written with each version of each schema.

``python -m tests.support.golden`` adds a version where a schema changed, and rewrites nothing that is there.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import msgspec

from schemas import accounts, control, derived
from schemas.avro import load_schema
from schemas.codec import TYPES, Codec
from schemas.markets import Market
from schemas.topics import TopicTable
from tests.support.offline_registry import OfflineRegistry


ROOT = Path(__file__).parent.parent / "data" / "schemas"

_EXAMPLES: dict[str, msgspec.Struct] = {
    "account-progress": control.AccountProgress(
        market=Market.SPOT,
        account="main",
        time=1772459340067,
        cause=control.ReconcileCause.KEY_EXPIRED,
        symbols=["ACHUSDT", "PHAUSDT"],
        order_ids=[1281722417, 661452585],
        open_order_ids=[1281722417, -1],
        trade_ids=[65044226, -1],
        times=[1772459340067, 1772461262838],
    ),
    "alert": derived.Alert(
        symbol="BTCUSDT",
        kind=derived.AlertKind.ONE_SIDED_FLOW,
        status=derived.AlertStatus.OPEN,
        opened_time=1723161260000,
        time=1723161260000,
        window="10s",
        side=derived.TakerSide.BUY,
        value=9300_0000_0000_0000,
        threshold=9000_0000_0000_0000,
        baseline=None,
        input_offset=21,
    ),
    "balance": accounts.Balance(
        account="main",
        asset="USDT",
        free=152_0010_0000,
        locked=5_2480_0000,
        wallet_balance=None,
        cross_wallet_balance=None,
        last_change=None,
        last_transfer=-25_0000_0000,
        last_transfer_time=1772459280089,
        last_external_lock=None,
        last_external_lock_time=None,
        reason=None,
        multi_assets_mode=None,
        update_time=1772459340067,
        event_time=1772459340067,
        source=accounts.AccountSource.STREAM,
        recovered=False,
        input_offset=25,
        snapshot_offset=-1,
    ),
    "book-snapshot": derived.BookSnapshot(
        symbol="BTCUSDT",
        snapshot_time=1723161255000,
        update_id=50093239218,
        state=derived.BookState.LIVE,
        bid_prices=[6183763000000, 6183762000000],
        bid_quantities=[378826000, 61700000],
        ask_prices=[6183764000000],
        ask_quantities=[154698000],
        input_offset=17,
    ),
    "book-verification": derived.BookVerification(
        symbol="BTCUSDT",
        verified_time=1723161255000,
        update_id=50093239218,
        levels_compared=1998,
        levels_equal=1997,
        levels_left_out=14,
        result=derived.VerificationResult.DIFFERENT,
        input_offset=23,
    ),
    "candle": derived.Candle(
        symbol="ETHUSD_PERP",
        interval="1m",
        open_time=1723161300000,
        close_time=1723161360000,
        open=268218000000,
        high=268300000000,
        low=268200000000,
        close=268250000000,
        base_volume=44737492,
        quote_volume=12_000000000_0000000,
        contract_volume=12_00000000,
        trade_count=2,
        taker_buy_base_volume=4101291,
        taker_buy_quote_volume=1_100000000_0000000,
        taker_buy_contract_volume=11_00000000,
        first_trade_id=805376266,
        last_trade_id=805376267,
        source=derived.TradeSource.TRADE,
        final=True,
        complete=True,
        revision=False,
        input_offset=18,
    ),
    "checkpoint": derived.Checkpoint(key="BTCUSDT|trade", position=1234, compression="lz4", state=b"\x00\x01state"),
    "checkpoint-round": control.CheckpointRound(
        flow="books",
        partition=3,
        begun_time=1723161256000,
        topics=["binance.spot.raw.depth", "binance.control.heartbeat"],
        next_offsets=[1234, 56],
        compression="lz4",
        shared=b"\x00\x01shared",
        markets=["spot"],
        keys=["BTCUSDT"],
        offsets=[78],
        positions=[1230],
    ),
    "connection": control.Connection(
        connection_id="ingest-1-spot-0-1",
        sequence=2,
        market=Market.SPOT,
        event=control.ConnectionEvent.DISCONNECTED,
        time=1723161256000,
        url="wss://stream.binance.com:9443/stream",
        streams=["btcusdt@trade", "btcusdt@depth@100ms"],
        reason="close 1006",
    ),
    "gap": control.Gap(
        market=Market.SPOT,
        stream="trade",
        symbol="BTCUSDT",
        epoch=0,
        first_id=3735683260,
        last_id=3735683262,
        status=control.GapStatus.DEFERRED,
        reason="not-backfilled",
        previous_time=1723161255342,
        next_time=1723161256001,
        opened_time=1723161256100,
        updated_time=1723161256100,
    ),
    "heartbeat": control.Heartbeat(
        market=Market.USDM, stream="depth", partition=3, vouched_until=1723161253000, offset=1234, ingest_id="ingest-1"
    ),
    "liquidity": derived.Liquidity(
        symbol="BTCUSDT",
        time=1723161255000,
        update_id=50093239218,
        bid_price=6183763000000,
        ask_price=6183764000000,
        spread=1000000,
        spread_bps=161714,
        bid_depth_10bps=2130000000,
        bid_depth_50bps=None,
        bid_depth_100bps=None,
        ask_depth_10bps=1520000000,
        ask_depth_50bps=4710000000,
        ask_depth_100bps=None,
        bid_quote_depth_10bps=2130000000 * 6181000000000,
        bid_quote_depth_50bps=None,
        bid_quote_depth_100bps=None,
        ask_quote_depth_10bps=1520000000 * 6186000000000,
        ask_quote_depth_50bps=4710000000 * 6200000000000,
        ask_quote_depth_100bps=None,
        imbalance_10bps=16712329,
        imbalance_50bps=None,
        imbalance_100bps=None,
        sizes=[10_000_00000000, 100_000_00000000],
        buy_average_prices=[6183764000000, 6183902000000],
        buy_slippages_bps=[0, 2232],
        sell_average_prices=[6183763000000, None],
        sell_slippages_bps=[0, None],
        known_bid_price=6170000000000,
        known_ask_price=6220000000000,
        input_offset=17,
    ),
    "order": accounts.Order(
        account="main",
        symbol="ACHUSDT",
        kind=accounts.OrderKind.REGULAR,
        order_id=1281722113,
        client_order_id="ovBwCdYvGKctMzMnkEYt2s",
        cancel_client_order_id=None,
        order_list_id=None,
        order_list_client_id=None,
        contingency_type=None,
        order_list_status=None,
        side=accounts.OrderSide.SELL,
        position_side=None,
        order_type="MARKET",
        original_type=None,
        time_in_force="GTC",
        status="FILLED",
        working=False,
        price=0,
        stop_price=0,
        activation_price=None,
        callback_rate=None,
        trailing_delta=None,
        iceberg_quantity=0,
        quantity=800_0000_0000,
        quote_order_quantity=None,
        filled_quantity=800_0000_0000,
        filled_quote_quantity=5_2396_5000_0000_0000,
        average_price=65_4956_2500_0000,
        fills_known_quantity=800_0000_0000,
        fill_count=2,
        commission_assets=["BNB"],
        commissions=[630],
        realized_profit=None,
        last_trade_id=65044224,
        last_fill_price=65_4000,
        last_fill_quantity=35_0000_0000,
        execution_id=2623837279,
        created_time=1772459280089,
        working_time=1772459280089,
        update_time=1772459280089,
        event_time=1772459280089,
        good_till_time=None,
        reduce_only=None,
        close_position=None,
        price_protect=None,
        working_type=None,
        price_match=None,
        self_trade_prevention_mode="EXPIRE_MAKER",
        prevented_quantity=None,
        reject_reason=None,
        expiry_reason=None,
        algo_id=None,
        triggered_order_id=None,
        triggered_time=None,
        irregular_count=0,
        source=accounts.AccountSource.STREAM,
        recovered=False,
        input_offset=27,
        snapshot_offset=3,
    ),
    "position": accounts.Position(
        account="main",
        symbol="BTCUSDT",
        position_side=accounts.PositionSide.LONG,
        amount=-1250_0000,
        entry_price=61837_6366_6666_6667_0000,
        break_even_price=None,
        unrealized_profit=-12_3456_0000_0000_0000,
        realized_profit=212_0000_0000_0000_0000,
        margin_type="cross",
        isolated_wallet=0,
        leverage=20,
        margin_call_time=None,
        mark_price=None,
        maintenance_margin=None,
        reason="ORDER",
        update_time=1772459280089,
        event_time=1772459280090,
        source=accounts.AccountSource.STREAM,
        recovered=False,
        input_offset=29,
        snapshot_offset=-1,
    ),
    "progress": control.Progress(
        market=Market.SPOT,
        stream="trade",
        symbol="BTCUSDT",
        epoch=0,
        last_id=3735683259,
        last_time=1723161255342,
        partition=9,
        offset=4,
    ),
    "snapshot-request": control.SnapshotRequest(
        market=Market.USDM,
        symbol="ETHUSDT",
        after_update_id=5123107837896,
        reason=control.SnapshotReason.SEQUENCE_GAP,
        event_time=1723161256303,
        input_offset=99,
    ),
    "ticker": derived.Ticker(
        symbol="BNBUSD_PERP",
        event_time=1653814590778,
        source=derived.TickerSource.MINI_TICKER,
        last_price=29667200000,
        open_price=29553800000,
        high_price=30536700000,
        low_price=29330100000,
        base_volume=2186880776371,
        quote_volume=None,
        contract_volume=654348_00000000,
        price_change=None,
        price_change_percent=None,
        weighted_average_price=None,
        last_quantity=None,
        bid_price=None,
        bid_quantity=None,
        ask_price=None,
        ask_quantity=None,
        open_time=None,
        close_time=None,
        first_trade_id=None,
        last_trade_id=None,
        trade_count=None,
        input_offset=7,
    ),
    "top-of-book": derived.TopOfBook(
        symbol="BTCUSDT",
        update_id=50093239218,
        state=derived.BookState.LIVE,
        event_time=None,
        bid_price=6183763000000,
        bid_quantity=378826000,
        ask_price=6183764000000,
        ask_quantity=154698000,
        spread=-1000000,
        input_offset=16,
    ),
    "trade": derived.Trade(
        kind=derived.TradeKind.TRADE,
        symbol="BTCUSDT",
        source=derived.TradeSource.TRADE,
        epoch=0,
        trade_id=3735683259,
        last_missing_id=None,
        first_trade_id=3735683259,
        last_trade_id=3735683259,
        trade_time=1723161255342,
        price=6183763000000,
        quantity=2000000,
        base_quantity=2000000,
        quote_quantity=6183763000000 * 2000000,
        taker_side=derived.TakerSide.SELL,
        late=False,
        input_offset=4,
    ),
    "trade-flow": derived.TradeFlow(
        symbol="BTCUSDT",
        window="10s",
        open_time=1723161250000,
        close_time=1723161260000,
        source=derived.TradeSource.TRADE,
        base_volume=5_00000000,
        quote_volume=309_188_00000000_00000000,
        contract_volume=None,
        trade_count=4,
        taker_buy_base_volume=3_00000000,
        taker_buy_quote_volume=185_513_00000000_00000000,
        taker_sell_base_volume=2_00000000,
        taker_sell_quote_volume=123_675_00000000_00000000,
        vwap=6183760000000,
        largest_trade_id=3735683259,
        largest_price=6183763000000,
        largest_quantity=2_00000000,
        largest_quote_quantity=6183763000000 * 2_00000000,
        largest_taker_side=derived.TakerSide.SELL,
        complete=True,
        revision=False,
        input_offset=4,
    ),
}


class Version(NamedTuple):
    """One version of one schema, and bytes written with it."""

    number: int
    schema: dict[str, Any]
    body: bytes


def example(name: str) -> msgspec.Struct:
    """Return the value whose bytes are kept."""
    return _EXAMPLES[name]


def versions(name: str) -> list[Version]:
    """Return the versions of a schema, oldest first."""
    found = [
        Version(int(folder.name[1:]), json.loads((folder / "schema.avsc").read_text()), _body(folder))
        for folder in (ROOT / name).glob("v*")
    ]
    return sorted(found)


def plain(name: str) -> dict[str, str]:
    """Return what a reader with logical types sees, field by field as text."""
    fields: dict[str, str] = json.loads((ROOT / name / "plain.json").read_text())
    return fields


def read(body: bytes, writer: dict[str, Any], reader: dict[str, Any] | None) -> dict[str, Any]:
    """Decode an Avro body as any Avro library does."""
    resolve = None if reader is None else fastavro.parse_schema(reader)
    fields = fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(writer), resolve)
    assert isinstance(fields, dict)
    return fields


def _body(folder: Path) -> bytes:
    return bytes.fromhex((folder / "body.hex").read_text())


def main() -> None:
    """Add a version for each schema that changed."""
    codec = Codec(TopicTable(), OfflineRegistry())
    topics = {topic.schema: topic for topic in TopicTable() if topic.schema is not None}
    for name in sorted(TYPES):
        schema, known = load_schema(name), versions(name)
        body = codec.encode(topics[name], example(name))[5:]
        fields = {key: str(value) for key, value in read(body, schema, None).items()}
        (ROOT / name).mkdir(parents=True, exist_ok=True)
        (ROOT / name / "plain.json").write_text(json.dumps(fields, indent=2) + "\n")
        if known and known[-1].schema == schema:
            continue
        folder = ROOT / name / f"v{len(known) + 1}"
        folder.mkdir()
        (folder / "schema.avsc").write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
        (folder / "body.hex").write_text(body.hex() + "\n")
        sys.stdout.write(f"{folder.relative_to(ROOT.parent.parent)}\n")


if __name__ == "__main__":
    main()
