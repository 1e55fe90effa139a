from __future__ import annotations

import msgspec
import pytest

from ingest.core.backfill import Answered, Backfill, BackfillOrigin, Kind, Question, RestItem, backfill_record
from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from schemas import wire
from schemas.markets import Market
from schemas.rest import RestAggTrade, RestTrade
from schemas.topics import RawType, TopicTable, partition_of


ORIGIN = BackfillOrigin("ingest-1.spot.repair", 7, 1_700_000_000_123_456_789)


def hole(
    first_id: int, last_id: int, market: Market = Market.SPOT, raw_type: RawType = RawType.TRADE
) -> tuple[OpenHole, Backfill]:
    """Return a hole among trades that happen one a second."""
    one = OpenHole((market, raw_type, "BTCUSDT"), Hole(0, first_id, last_id, first_id * 1000, last_id * 1000), 0)
    return one, Backfill(one)


def trade(trade_id: int, time: int | None = None) -> RestTrade:
    time = trade_id * 1000 if time is None else time
    return RestTrade(trade_id=trade_id, price="1", quantity="2", trade_time=time, buyer_is_maker=True)


def trades(*ids: int) -> list[RestItem]:
    return [trade(one) for one in ids]


def take(one: OpenHole, answered: Answered) -> Answered:
    """Do what the shell does with an answer."""
    for item in answered.found:
        one.backfilled(item.trade_id if isinstance(item, RestTrade) else item.aggregate_trade_id)
    for absent in answered.absent:
        one.absent(*absent)
    for lost in answered.lost:
        one.lost(*lost)
    return answered


def test_the_question_begins_at_the_id_before_the_hole_and_ends_behind_it() -> None:
    assert hole(100, 109)[1].question() == Question(Kind.HISTORICAL, "BTCUSDT", 99, 12)
    assert hole(0, 5)[1].question().from_id == 0


@pytest.mark.parametrize(
    ("market", "raw_type", "kind", "limit"),
    [
        (Market.SPOT, RawType.TRADE, Kind.HISTORICAL, 1000),
        (Market.USDM, RawType.TRADE, Kind.NEWEST, 1000),
        (Market.COINM, RawType.TRADE, Kind.NEWEST, 1000),
        (Market.SPOT, RawType.AGG_TRADE, Kind.AGGREGATES, 1000),
        (Market.USDM, RawType.AGG_TRADE, Kind.AGGREGATES, 1000),
    ],
)
def test_each_market_and_type_has_its_endpoint(market: Market, raw_type: RawType, kind: Kind, limit: int) -> None:
    question = hole(100, 10_000, market, raw_type)[1].question()

    assert (question.kind, question.limit) == (kind, limit)


def test_with_a_key_futures_give_older_trades_too_500_at_once() -> None:
    one, _ = hole(100, 10_000, Market.USDM)

    assert Backfill(one, keyed=True).question() == Question(Kind.HISTORICAL, "BTCUSDT", 99, 500)


def test_ids_that_the_answer_steps_over_are_absent() -> None:
    _, backfill = hole(100, 104)

    answered = backfill.answer(backfill.question(), trades(99, 100, 103, 105))

    assert answered == Answered(tuple(trades(100, 103)), ((101, 102), (104, 104)))


def test_a_long_hole_is_asked_page_by_page_from_the_last_id_that_came() -> None:
    one, backfill = hole(100, 3_000)

    first = take(one, backfill.answer(backfill.question(), trades(*range(99, 1_099))))

    assert not first.waits
    assert backfill.question() == Question(Kind.HISTORICAL, "BTCUSDT", 1_098, 1000)


def test_what_the_venue_does_not_know_yet_is_asked_again_later_and_at_last_given_up() -> None:
    one, backfill = hole(100, 104)

    answered = take(one, backfill.answer(backfill.question(), trades(99, 100)))

    assert (answered.found, answered.waits) == (tuple(trades(100)), True)
    later = [backfill.answer(backfill.question(), trades(100)) for _ in range(9)]
    assert later == [Answered(waits=True)] * 8 + [Answered(lost=((101, 104, "not-given"),))]


def test_before_despairing_it_asks_from_further_back_because_the_id_before_the_hole_may_be_none() -> None:
    """USD-M has ids that stand for no trade."""
    _, backfill = hole(200, 204)

    assert backfill.answer(backfill.question(), trades(202, 205)) == Answered()
    probe = backfill.question()
    assert probe == Question(Kind.HISTORICAL, "BTCUSDT", 100, 106)
    assert backfill.answer(probe, trades(100, 202, 205)) == Answered(tuple(trades(202)), ((200, 201), (203, 204)))


def test_what_lies_before_the_venues_memory_is_lost_and_not_absent() -> None:
    _, backfill = hole(200, 204)
    backfill.answer(backfill.question(), trades(202, 205))

    answered = backfill.answer(backfill.question(), trades(202, 205))

    assert answered == Answered(tuple(trades(202)), ((203, 204),), ((200, 201, "no-longer-given"),))


def test_without_a_key_futures_reach_the_newest_thousand_and_the_rest_is_lost() -> None:
    one, backfill = hole(100, 2_000, Market.USDM)

    answered = take(one, backfill.answer(backfill.question(), trades(*range(1_500, 2_500))))

    assert answered.lost == ((100, 1_499, "beyond-reach"),)
    assert len(answered.found) == 501
    assert one.settled


def test_trades_of_another_time_are_not_those_that_are_missing() -> None:
    """The venue counts anew, and has come to the same ids."""
    _, backfill = hole(100, 101)

    answered = backfill.answer(backfill.question(), [trade(99), trade(100, 10**12), trade(101), trade(102)])

    assert answered == Answered(tuple(trades(101)), (), ((100, 100, "epoch-over"),))


def test_what_came_late_meanwhile_is_not_put_into_the_log_again() -> None:
    one, backfill = hole(100, 104)
    question = backfill.question()
    one.arrived(101, 103)

    assert backfill.answer(question, trades(*range(99, 106))).found == tuple(trades(100, 104))


def test_a_wide_answer_about_one_hole_settles_another_that_it_reaches_over() -> None:
    _, first = hole(100, 104)
    _, second = hole(110, 111)
    question = first.widened(first.question())

    assert question == Question(Kind.HISTORICAL, "BTCUSDT", 99, 1000)
    assert second.answered_by(question, trades(*range(99, 113)))
    assert not second.answered_by(question, trades(*range(99, 112)))
    assert not second.answered_by(question, trades(111, 112, 113))
    assert second.answer(question, trades(*range(99, 111), 112)) == Answered(tuple(trades(110)), ((111, 111),))


TABLE = TopicTable("binance")
SPOT_TRADE = RestTrade(
    trade_id=5, price="755.17000000", quantity="0.00800000", trade_time=1_789_722_601_401, buyer_is_maker=False,
    best_match=True,
)  # fmt: skip
AGG = RestAggTrade(
    aggregate_trade_id=9,
    price="1.50",
    quantity="3",
    first_trade_id=4,
    last_trade_id=6,
    trade_time=17,
    buyer_is_maker=True,
)


@pytest.mark.parametrize(
    ("market", "item", "value"),
    [
        (
            Market.SPOT,
            SPOT_TRADE,
            (
                '{"e":"trade","E":1789722601401,"s":"BTCUSDT","t":5,"p":"755.17000000","q":"0.00800000",'
                '"T":1789722601401,"m":false,"M":true,"origin":"backfill"}'
            ),
        ),
        (
            Market.USDM,
            msgspec.structs.replace(SPOT_TRADE, best_match=None),
            (
                '{"e":"trade","E":1789722601401,"T":1789722601401,"s":"BTCUSDT","t":5,"p":"755.17000000",'
                '"q":"0.00800000","m":false,"st":1,"origin":"backfill"}'
            ),
        ),
        (
            Market.COINM,
            msgspec.structs.replace(SPOT_TRADE, best_match=None),
            (
                '{"e":"trade","E":1789722601401,"T":1789722601401,"s":"BTCUSDT","t":5,"p":"755.17000000",'
                '"q":"0.00800000","m":false,"origin":"backfill"}'
            ),
        ),
        (
            Market.SPOT,
            AGG,
            (
                '{"e":"aggTrade","E":17,"s":"BTCUSDT","a":9,"p":"1.50","q":"3","f":4,"l":6,"T":17,"m":true,"M":true,'
                '"origin":"backfill"}'
            ),
        ),
        (
            Market.USDM,
            msgspec.structs.replace(AGG, quantity_without_rpi="2"),
            (
                '{"e":"aggTrade","E":17,"a":9,"s":"BTCUSDT","p":"1.50","q":"3","nq":"2","f":4,"l":6,"T":17,"m":true,'
                '"st":1,"origin":"backfill"}'
            ),
        ),
        (
            Market.COINM,
            AGG,
            (
                '{"e":"aggTrade","E":17,"a":9,"s":"BTCUSDT","p":"1.50","q":"3","f":4,"l":6,"T":17,"m":true,"st":2,'
                '"origin":"backfill"}'
            ),
        ),
    ],
)
def test_a_backfilled_trade_has_the_streams_fields_in_the_streams_order(
    market: Market, item: RestItem, value: str
) -> None:
    record = backfill_record(TABLE, market, "BTCUSDT", item, origin=ORIGIN, extra_headers=[("contract_size", b"100")])

    assert record.value.decode() == value
    kind: type[msgspec.Struct] = wire.Trade if isinstance(item, RestTrade) else wire.AggTrade
    msgspec.json.decode(record.value, type=kind)
    stream = "trade" if isinstance(item, RestTrade) else "aggTrade"
    raw_type = RawType.TRADE if isinstance(item, RestTrade) else RawType.AGG_TRADE
    assert (record.topic, record.partition) == (TABLE.raw(market, raw_type).name, partition_of("BTCUSDT"))
    assert record.timestamp_ms == item.trade_time
    assert record.headers == [
        ("receive_time_ns", b"1700000000123456789"),
        ("connection_id", b"ingest-1.spot.repair"),
        ("connection_sequence", b"7"),
        ("stream", f"btcusdt@{stream}".encode()),
        ("origin", b"backfill"),
        ("contract_size", b"100"),
    ]


def test_text_of_the_venue_cannot_break_out_of_its_place() -> None:
    item = msgspec.structs.replace(SPOT_TRADE, price='1","t":9,"x":"')

    decoded = msgspec.json.decode(backfill_record(TABLE, Market.SPOT, "币安人生USDT", item, origin=ORIGIN).value)

    assert (decoded["t"], decoded["p"], decoded["s"]) == (5, '1","t":9,"x":"', "币安人生USDT")
