"""What holds of every legal life of an order, however the venue's reports and answers reach us."""

from __future__ import annotations

from hypothesis import given, strategies as st

from processors.core.orders import Impossible
from processors.core.records import RawRecord
from schemas.accounts import Order
from schemas.markets import Market
from tests.support.order_lives import Life, answer_record, event_record, lives
from tests.unit.processors.core.order_folding import Folding, told


LOT = 10**5
TRADES = {Market.SPOT: "myTrades", Market.USDM: "userTrades", Market.COINM: "userTrades"}


def records_of(life: Life, events: list[dict[str, object]]) -> list[RawRecord]:
    return [event_record(life.market, event, offset) for offset, event in enumerate(events)]


def answers_of(life: Life, moment: int) -> list[RawRecord]:
    order, trades = life.answers_at(moment)
    return [
        answer_record(life.market, "allOrders", [order], moment),
        answer_record(life.market, TRADES[life.market], trades, moment),
    ]


def in_order(life: Life) -> Order:
    return Folding().feed_all(records_of(life, life.events)).order()


def known_in_the_end(order: Order) -> tuple[object, ...]:
    return (
        order.status,
        order.quantity,
        order.price,
        order.filled_quantity,
        order.fills_known_quantity,
        order.fill_count,
        order.filled_quote_quantity,
        order.average_price,
        order.commission_assets,
        order.commissions,
        order.realized_profit,
        order.last_trade_id,
        order.update_time,
    )


@given(lives())
def test_every_state_of_a_life_is_as_the_venue_has_it(life: Life) -> None:
    folding = Folding()
    for record, answer, fills in zip(records_of(life, life.events), life.orders, life.trades_known, strict=True):
        folding.feed(record)
        order = folding.order()
        known = Folding().feed(answer_record(life.market, "order", answer, 0))[0].state

        assert order.status == answer["status"]
        assert known is not None
        assert order.filled_quantity == known.filled_quantity == order.fills_known_quantity
        assert order.fill_count == fills
        whole = order.quantity - (order.prevented_quantity or 0)
        assert (order.status == "FILLED") == (order.filled_quantity == whole)
    assert folding.order().filled_quantity == life.filled * LOT
    assert not any(isinstance(outcome, Impossible) for outcome in folding.outcomes)


@given(lives(), st.data())
def test_order_of_arrival_repeats_and_answers_change_nothing_about_the_end(life: Life, data: st.DataObject) -> None:
    """What arrives holds the short forms of the fills and answers of any moment, too."""
    told_anyway = records_of(life, life.events)
    moments = data.draw(st.lists(st.integers(0, len(life.events) - 1), max_size=4))
    extra = [record for moment in moments for record in answers_of(life, moment)] + records_of(life, life.shorts())
    repeats = data.draw(st.lists(st.sampled_from(told_anyway + extra), max_size=6))
    arrival = data.draw(st.permutations([*told_anyway, *extra, *repeats]))

    folding = Folding().feed_all(arrival)

    assert told(folding.order()) == told(in_order(life))
    assert folding.order().irregular_count == 0


@given(lives(), st.data())
def test_final_answers_make_up_for_whatever_the_stream_missed(life: Life, data: st.DataObject) -> None:
    heard = data.draw(
        st.lists(st.sampled_from(records_of(life, life.events + life.shorts())), unique_by=lambda r: r.value)
    )
    last = answers_of(life, len(life.events) - 1)

    folding = Folding().feed_all([*data.draw(st.permutations(heard)), *data.draw(st.permutations(last))])

    assert known_in_the_end(folding.order()) == known_in_the_end(in_order(life))
    assert folding.order().irregular_count == 0


@given(lives(), st.data())
def test_only_what_the_stream_missed_counts_as_recovered(life: Life, data: st.DataObject) -> None:
    folding = Folding()
    for moment, record in enumerate(records_of(life, life.events)):
        folding.feed(record)
        if data.draw(st.booleans()):
            folding.feed_all(answers_of(life, moment))

    assert not folding.order().recovered
    assert told(folding.order()) == told(in_order(life))


@given(lives(), st.data())
def test_a_fill_that_only_answers_told_of_is_recovered(life: Life, data: st.DataObject) -> None:
    filling = [number for number, event in enumerate(life.events) if (event.get("x") or event["o"]["x"]) == "TRADE"]
    if not filling:
        return
    missed = data.draw(st.sampled_from(filling))
    heard = [record for number, record in enumerate(records_of(life, life.events)) if number != missed]

    folding = Folding().feed_all([*heard, *answers_of(life, len(life.events) - 1)])

    assert folding.order().recovered
