"""The hash of a replay: blind to order and repetition and to what may differ, and to nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from processors.core.canonical import OUTSIDE, RULES, Digest, LastValues, whole_hash
from schemas.accounts import AccountSource, Order
from schemas.codec import TYPES
from schemas.derived import BookState, Candle, TopOfBook, Trade
from schemas.keys import order_key
from schemas.topics import ControlType, Layer, TopicTable
from tests.support import golden


TRADE = golden.example("trade")
CANDLE = golden.example("candle")


def digest_of(rule: str, *values: msgspec.Struct) -> Digest:
    kept = LastValues(RULES[rule])
    for value in values:
        kept.feed(value)
    return kept.digest()


def trade(trade_id: int, **other: object) -> Trade:
    assert isinstance(TRADE, Trade)
    return msgspec.structs.replace(TRADE, trade_id=trade_id, **other)


def candle(**other: object) -> Candle:
    assert isinstance(CANDLE, Candle)
    return msgspec.structs.replace(CANDLE, **{"final": True, **other})


def top(update_id: int, price: int, state: BookState = BookState.LIVE) -> TopOfBook:
    return TopOfBook(
        symbol="BTCUSDT", update_id=update_id, state=state, event_time=update_id, bid_price=price, bid_quantity=1,
        ask_price=price + 1, ask_quantity=1, spread=1, input_offset=update_id,
    )  # fmt: skip


@given(st.lists(st.integers(1, 50), min_size=1), st.randoms())
def test_order_and_repetition_of_records_change_nothing(ids: list[int], random: object) -> None:
    records = [trade(number) for number in ids]
    shuffled = [*records, *records]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert digest_of("trade", *shuffled) == digest_of("trade", *records)
    assert digest_of("trade", *records).rows == len(set(ids))


def test_a_digest_of_partitions_is_the_sum_of_theirs() -> None:
    one, other = trade(1), trade(2)

    assert digest_of("trade", one) + digest_of("trade", other) == digest_of("trade", one, other)
    assert digest_of("trade", one) + Digest() == digest_of("trade", one)


def test_of_one_identity_the_last_value_counts() -> None:
    before, after = candle(close=5), candle(close=6)

    assert digest_of("candle-1m", before, after) == digest_of("candle-1m", after)
    assert digest_of("candle-1m", before, after) != digest_of("candle-1m", after, before)


def test_what_may_differ_is_not_looked_at() -> None:
    assert digest_of("trade", trade(1, late=True)) == digest_of("trade", trade(1, late=False))
    assert digest_of("candle-1m", candle(revision=True)) == digest_of("candle-1m", candle(revision=False))
    assert digest_of("candle-1m", candle(final=False)) == Digest()
    assert digest_of("top-of-book", top(1, 10, BookState.SYNCING), top(1, 10, BookState.STALE)) == Digest()


@pytest.mark.parametrize("field", ["complete", "input_offset", "close", "trade_count"])
def test_anything_else_of_a_candle_changes_the_hash(field: str) -> None:
    value = getattr(candle(), field)
    other = not value if isinstance(value, bool) else value + 1

    assert digest_of("candle-1m", candle(**{field: other})) != digest_of("candle-1m", candle())


def test_the_top_of_a_book_said_again_under_a_later_update_is_no_row() -> None:
    said = [top(1, 10), top(3, 11)]

    assert digest_of("top-of-book", top(1, 10), top(2, 10), top(3, 11), top(4, 11)) == digest_of("top-of-book", *said)
    assert digest_of("top-of-book", top(1, 10), top(3, 11), top(5, 10)).rows == 3


def order(order_id: int, **other: object) -> Order:
    example = golden.example("order")
    assert isinstance(example, Order)
    return msgspec.structs.replace(example, order_id=order_id, **other)


def test_what_a_tombstone_ended_does_not_count() -> None:
    kept = LastValues(RULES["order"])
    for value in (order(1), order(2), order(3)):
        kept.feed(value, order_key(value))
    kept.bury(order_key(order(2)))
    kept.bury(order_key(order(4)))

    assert kept.digest() == digest_of("order", order(1), order(3))
    assert kept.records == 5

    kept.feed(order(2), order_key(order(2)))
    assert kept.digest() == digest_of("order", order(1), order(2), order(3))


def test_who_told_of_an_order_first_does_not_count_but_what_was_told_does() -> None:
    told = order(1, recovered=True, source=AccountSource.REST, event_time=None, input_offset=9, snapshot_offset=9)

    assert digest_of("order", told) == digest_of("order", order(1))
    assert digest_of("order", order(1, fill_count=7)) != digest_of("order", order(1))


def test_rows_are_what_the_hash_is_over() -> None:
    whole, hashed = LastValues(RULES["trade"], whole=True), LastValues(RULES["trade"])
    for number in (3, 1, 3):
        whole.feed(trade(number))
        hashed.feed(trade(number))

    assert whole.digest() == hashed.digest()
    assert len(whole.rows()) == 2
    assert b'"late"' not in b"".join(whole.rows())


def test_the_hash_of_all_topics_tells_one_topic_from_another() -> None:
    one, other = digest_of("trade", trade(1)), digest_of("trade", trade(2))

    assert whole_hash({"spot.trade": one, "usdm.trade": other}) == whole_hash({"usdm.trade": other, "spot.trade": one})
    assert whole_hash({"spot.trade": one, "usdm.trade": other}) != whole_hash({"spot.trade": other, "usdm.trade": one})


def test_each_topic_that_processors_write_has_a_rule_or_a_reason_for_having_none() -> None:
    written = {topic for topic in TopicTable() if "processors" in topic.owner}
    types = {str(topic.type) for topic in written}

    assert types <= RULES.keys() | OUTSIDE.keys()
    assert not RULES.keys() & OUTSIDE.keys()
    for topic in written:
        if topic.layer is Layer.DERIVED and (rule := RULES.get(str(topic.type))) is not None:
            assert topic.schema is not None
            fields = TYPES[topic.schema].__struct_fields__
            named = {*rule.identity, *rule.outside, *rule.order, *rule.said, *(field for field, _ in rule.only)}
            assert named <= set(fields), topic.name
            assert ", ".join(rule.identity) == topic.identity, topic.name
    assert str(ControlType.DEAD_LETTER) in RULES
