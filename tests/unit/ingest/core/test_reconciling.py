from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from ingest.core.account_endpoints import Asked
from ingest.core.account_known import AccountKnown, SymbolKnown
from ingest.core.reconciling import Question, Reconciliation, Remembered
from schemas.control import ReconcileCause
from schemas.markets import Market
from tests.support.tiny_account import RefusedError, TinyAccount


START = 1_772_400_000_000
HOUR, DAY = 3_600_000, 86_400_000

Answers = list[tuple[Question, Any]]


def run(
    account: TinyAccount,
    known: AccountKnown,
    *,
    page: int = 1000,
    remembered: Remembered | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    fails_after: int | None = None,
) -> tuple[Reconciliation, Answers]:
    """Ask until nothing is left, or until REST fails."""
    comparison = Reconciliation(account.market, known, account.now, remembered=remembered, page=page)
    answers: Answers = []
    while (question := comparison.question()) is not None:
        assert len(answers) < 2_000, "no end"
        if fails_after is not None and len(answers) == fails_after:
            break
        try:
            answer = account.answer(question.asked, dict(question.params))
        except RefusedError:
            assert comparison.refused()
            continue
        comparison.answered(msgspec.json.encode(answer))
        answers.append((question, answer))
        meanwhile()
    return comparison, answers


def asked(answers: Answers) -> list[tuple[Asked, dict[str, str | int]]]:
    return [(question.asked, dict(question.params)) for question, _ in answers]


def test_a_spot_account_of_one_symbol_costs_so_much() -> None:
    account = TinyAccount(Market.SPOT, START)
    known = AccountKnown.at_first(START - HOUR, ["BTCUSDT"])

    _, answers = run(account, known)

    window = {"symbol": "BTCUSDT", "startTime": START - HOUR - 5_000, "endTime": START, "limit": 1000}
    assert asked(answers) == [
        (Asked.OPEN_ORDERS, {}),
        (Asked.ORDERS, window),
        (Asked.FILLS, window),
        (Asked.ACCOUNT, {}),
    ]
    assert sum(question.weight for question, _ in answers) == 80 + 20 + 20 + 20


def test_a_futures_account_is_asked_for_conditional_orders_balances_and_positions_too() -> None:
    account = TinyAccount(Market.USDM, START)

    _, answers = run(account, AccountKnown.at_first(START - HOUR, ["BTCUSDT"]))

    assert [one for one, _ in asked(answers)] == [
        Asked.OPEN_ORDERS,
        Asked.OPEN_ALGOS,
        Asked.ORDERS,
        Asked.ALGOS,
        Asked.FILLS,
        Asked.ACCOUNT,
        Asked.BALANCES,
        Asked.POSITIONS,
    ]
    assert sum(question.weight for question, _ in answers) == 40 + 40 + 5 * 3 + 5 * 3


def test_what_is_known_by_id_is_asked_for_from_there_page_by_page() -> None:
    account = TinyAccount(Market.SPOT, START)
    for _ in range(5):
        account.fill(account.place("BTCUSDT"), whole=True)
    known = AccountKnown(START, {"BTCUSDT": SymbolKnown(order_id=101, trade_id=7003, time=START)})

    comparison, answers = run(account, known, page=2)

    assert [params for one, params in asked(answers) if one is Asked.ORDERS] == [
        {"symbol": "BTCUSDT", "orderId": 102, "limit": 2},
        {"symbol": "BTCUSDT", "orderId": 104, "limit": 2},
        {"symbol": "BTCUSDT", "orderId": 106, "limit": 2},
    ]
    assert [params["fromId"] for one, params in asked(answers) if one is Asked.FILLS] == [7004, 7010, 7016]
    assert comparison.known() == AccountKnown(START, {"BTCUSDT": SymbolKnown(order_id=105, trade_id=7015, time=START)})


def test_after_a_restart_it_begins_at_the_oldest_order_that_was_open() -> None:
    account = TinyAccount(Market.SPOT, START)
    first = account.place("BTCUSDT")
    for _ in range(3):
        account.end(account.place("BTCUSDT"))
    known, _ = run(account, AccountKnown.at_first(START - HOUR, ["BTCUSDT"]))
    account.now += HOUR
    account.fill(first, whole=True)

    _, answers = run(account, AccountKnown.read(known.known().note(Market.SPOT, "main", ReconcileCause.START)))

    ((_, orders),) = [(one, params) for one, params in asked(answers) if one is Asked.ORDERS]
    assert orders == {"symbol": "BTCUSDT", "orderId": 101, "limit": 1000}


def test_an_old_order_that_is_open_still_costs_nothing_while_the_process_lives() -> None:
    account = TinyAccount(Market.SPOT, START)
    account.place("BTCUSDT")
    second = account.place("BTCUSDT")
    account.end(account.place("BTCUSDT"))
    first_run, _ = run(account, AccountKnown.at_first(START - HOUR, ["BTCUSDT"]))
    account.now += HOUR

    quiet, answers = run(account, first_run.known(), remembered=first_run.remembered())
    account.now += HOUR
    account.end(second)
    _, later = run(account, quiet.known(), remembered=quiet.remembered())

    assert [params["orderId"] for one, params in asked(answers) if one is Asked.ORDERS] == [104]
    assert [params["orderId"] for one, params in asked(later) if one is Asked.ORDERS] == [102]


def test_what_another_process_found_makes_nobody_page_through_all_that_an_old_order_has_seen() -> None:
    account = TinyAccount(Market.SPOT, START)
    account.place("BTCUSDT")
    account.end(account.place("BTCUSDT"))
    mine, _ = run(account, AccountKnown.at_first(START - HOUR, ["BTCUSDT"]))
    account.now += HOUR
    order = account.place("BTCUSDT")
    theirs, _ = run(account, mine.known())
    account.now += HOUR
    account.end(order)

    _, answers = run(account, mine.known().merged(theirs.known()), remembered=mine.remembered())

    assert [params["orderId"] for one, params in asked(answers) if one is Asked.ORDERS] == [order.order_id]


def test_an_open_order_in_a_strange_symbol_brings_that_symbol_to_light() -> None:
    account = TinyAccount(Market.SPOT, START)
    account.end(account.place("ETHUSDT"))
    account.now += HOUR
    account.place("ETHUSDT")
    account.now += 1

    comparison, answers = run(account, AccountKnown.at_first(START, []))

    (orders,) = [answer for question, answer in answers if question.asked is Asked.ORDERS]
    assert [one["orderId"] for one in orders] == [101, 102]
    assert comparison.known().symbols["ETHUSDT"] == SymbolKnown(order_id=102, open_order_id=102, time=account.now)


def test_a_window_that_fills_a_page_is_asked_in_halves() -> None:
    account = TinyAccount(Market.SPOT, START)
    for _ in range(4):
        account.place("BTCUSDT")
        account.now += HOUR

    comparison, answers = run(account, AccountKnown.at_first(START, ["BTCUSDT"]), page=3)

    pages = [answer for question, answer in answers if question.asked is Asked.ORDERS]
    assert [[one["orderId"] for one in page] for page in pages] == [[101, 102, 103], [101, 102], [103, 104]]
    assert comparison.known().symbols["BTCUSDT"].order_id == 104


def test_more_fills_in_one_millisecond_than_a_page_holds_are_all_asked_for() -> None:
    account = TinyAccount(Market.USDM, START)
    order = account.place("BTCUSDT")
    for _ in range(10):
        account.fill(order)

    _, answers = run(account, AccountKnown.at_first(START - 1, ["BTCUSDT"]), page=3)

    ids = {one["id"] for question, answer in answers if question.asked is Asked.FILLS for one in answer}
    assert ids == {one.trade_id for one in account.fills}


def test_futures_that_were_left_alone_for_weeks_are_asked_by_time_as_well() -> None:
    account = TinyAccount(Market.USDM, START)
    known = AccountKnown(START - 15 * DAY, {"BTCUSDT": SymbolKnown(order_id=5, trade_id=9, time=START - 15 * DAY)})

    _, answers = run(account, known)

    orders = [params for one, params in asked(answers) if one is Asked.ORDERS]
    assert [set(params) for params in orders] == [{"symbol", "startTime", "endTime", "limit"}] * 3 + [
        {"symbol", "orderId", "limit"}
    ]
    assert orders[0]["startTime"] == START - 15 * DAY - 5_000
    assert orders[2]["endTime"] == START


def test_a_symbol_that_the_venue_does_not_know_holds_up_no_other() -> None:
    account = TinyAccount(Market.SPOT, START, unknown_symbols={"OLDUSDT"})
    account.place("BTCUSDT")
    before = SymbolKnown(order_id=3, trade_id=4, time=START - DAY)

    comparison, _ = run(account, AccountKnown(START - HOUR, {"BTCUSDT": SymbolKnown(time=START), "OLDUSDT": before}))

    assert comparison.skipped == {"OLDUSDT"}
    assert comparison.known().symbols["OLDUSDT"] == before
    assert comparison.known().symbols["BTCUSDT"].order_id == 101


def test_a_market_without_conditional_orders_is_compared_without_them() -> None:
    comparison = Reconciliation(
        Market.COINM,
        AccountKnown(START, {"BTCUSD_PERP": SymbolKnown(algo_id=5, open_algo_id=4, time=START)}),
        START + HOUR,
    )
    kinds = list[Asked]()
    while (question := comparison.question()) is not None:
        if question.asked is Asked.OPEN_ALGOS:
            assert comparison.refused()
            continue
        kinds.append(question.asked)
        comparison.answered(b"[]")

    assert Asked.ALGOS not in kinds
    assert comparison.left_out == {Asked.OPEN_ALGOS, Asked.ALGOS}
    assert comparison.known().symbols["BTCUSD_PERP"] == SymbolKnown(algo_id=5, open_algo_id=4, time=START + HOUR)


@pytest.mark.parametrize("refused", [Asked.OPEN_ORDERS, Asked.ACCOUNT])
def test_without_the_account_itself_nothing_is_whole(refused: Asked) -> None:
    comparison = Reconciliation(Market.SPOT, AccountKnown.at_first(START), START)
    while (question := comparison.question()) is not None and question.asked is not refused:
        comparison.answered(b"[]")

    assert not comparison.refused()


def test_an_answer_that_is_too_large_is_asked_in_smaller_parts() -> None:
    account = TinyAccount(Market.SPOT, START)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        account.place(symbol)
    comparison = Reconciliation(Market.SPOT, AccountKnown.at_first(START, ["BTCUSDT"]), START, page=4)
    sizes = list[tuple[Asked, str | None, int | None]]()
    while (question := comparison.question()) is not None:
        params = dict(question.params)
        limit = params.get("limit")
        sizes.append((question.asked, question.symbol, None if limit is None else int(limit)))
        body = msgspec.json.encode(account.answer(question.asked, params))
        if (question.symbol is None and question.asked is Asked.OPEN_ORDERS) or limit == 4:
            assert comparison.too_large(body)
        else:
            comparison.answered(body)

    assert sizes == [
        (Asked.OPEN_ORDERS, None, None),
        (Asked.OPEN_ORDERS, "BTCUSDT", None),
        (Asked.OPEN_ORDERS, "ETHUSDT", None),
        (Asked.ORDERS, "BTCUSDT", 4),
        (Asked.ORDERS, "BTCUSDT", 2),
        (Asked.FILLS, "BTCUSDT", 4),
        (Asked.FILLS, "BTCUSDT", 2),
        (Asked.ORDERS, "ETHUSDT", 4),
        (Asked.ORDERS, "ETHUSDT", 2),
        (Asked.FILLS, "ETHUSDT", 4),
        (Asked.FILLS, "ETHUSDT", 2),
        (Asked.ACCOUNT, None, None),
    ]


def test_an_account_that_fits_into_no_record_cannot_be_asked_for_in_parts() -> None:
    comparison = Reconciliation(Market.SPOT, AccountKnown.at_first(START), START)
    comparison.question()
    comparison.answered(b"[]")
    comparison.question()

    assert not comparison.too_large(b"{}")


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"symbol":"A"}]', b"<html>", b"[" * 100_000])
def test_an_answer_that_is_none_is_an_error(body: bytes) -> None:
    comparison = Reconciliation(Market.SPOT, AccountKnown.at_first(START), START)
    comparison.question()

    with pytest.raises((msgspec.DecodeError, RecursionError)):
        comparison.answered(body)


# Laws

SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
actions = st.lists(
    st.tuples(
        st.sampled_from(["place", "place", "algo", "fill", "whole", "end", "wait", "long"]),
        st.sampled_from(SYMBOLS),
        st.integers(0, 50),
    ),
    max_size=25,
)


class Phase(msgspec.Struct):
    """What happens, and then the comparison."""

    before: list[tuple[str, str, int]]
    meanwhile: list[tuple[str, str, int]]
    page: int
    fails_after: int | None
    restarted: bool
    streamed: bool
    """Whether the stream told of the symbols at least."""
    process: int
    """Which of two processes compares."""


phases = st.lists(
    st.builds(
        Phase,
        before=actions,
        meanwhile=actions,
        page=st.integers(1, 6),
        fails_after=st.none() | st.integers(0, 12),
        restarted=st.booleans(),
        streamed=st.booleans(),
        process=st.integers(0, 1),
    ),
    min_size=1,
    max_size=5,
)


def act(account: TinyAccount, action: tuple[str, str, int]) -> str | None:
    """Let one thing happen; returns the symbol that it was in."""
    kind, symbol, choice = action
    if kind in {"wait", "long"}:
        account.now += (choice * DAY) // 8 if kind == "long" else choice
        return None
    if kind in {"place", "algo"}:
        account.place(symbol, algo=kind == "algo", skip=1 + choice % 3)
        return symbol
    orders = account.open_orders()
    if kind == "end":
        orders += account.open_orders(algo=True)
    if not orders:
        return None
    order = orders[choice % len(orders)]
    account.end(order) if kind == "end" else account.fill(order, whole=kind == "whole")
    return order.symbol


class Reader:
    """What somebody knows who reads the answers alone."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str, int], int] = {}
        self.fills: set[tuple[str, int]] = set()

    def read(self, answers: Answers) -> None:
        for question, answer in answers:
            for one in answer if isinstance(answer, list) else []:
                if question.asked is Asked.FILLS:
                    self.fills.add((one["symbol"], one["id"]))
                else:
                    kind = "algoId" if "algoId" in one else "orderId"
                    self.orders[kind, one["symbol"], one[kind]] = one["updateTime"]

    def missing(self, account: TinyAccount, symbols: Container[str], since: int, until: int) -> list[object]:
        """Return what happened in a span of time and was not told."""
        algos = account.algos if account.market.is_futures else []
        orders = [("orderId", one) for one in account.orders] + [("algoId", one) for one in algos]
        return [
            *(
                one
                for kind, one in orders
                if one.symbol in symbols and since < one.changed <= until
                if self.orders.get((kind, one.symbol, one.order_id), 0) < one.changed
            ),
            *(
                one
                for one in account.fills
                if one.symbol in symbols and since < one.time <= until
                if (one.symbol, one.trade_id) not in self.fills
            ),
        ]


class Story:
    """Phases of an account's life, each with a comparison at its end."""

    def __init__(self, market: Market) -> None:
        self.account = TinyAccount(market, START)
        self.known = AccountKnown.at_first(START, [SYMBOLS[0]])
        self.remembered: list[Remembered | None] = [None, None]
        self.reader = Reader()
        self.last_whole = START

    def live(self, phase: Phase) -> None:
        for action in phase.before:
            symbol = act(self.account, action)
            if symbol and phase.streamed:
                self.known = self.known.with_symbols([symbol])
        if phase.restarted:
            note = self.known.note(self.account.market, "main", ReconcileCause.TIMER)
            self.remembered, self.known = [None, None], AccountKnown.read(note)
        begun, later = self.account.now, iter(phase.meanwhile)

        def meanwhile() -> None:
            self.account.now += 1
            if (action := next(later, None)) is not None:
                act(self.account, action)

        comparison, answers = run(
            self.account,
            self.known,
            page=phase.page,
            remembered=self.remembered[phase.process],
            meanwhile=meanwhile,
            fails_after=phase.fails_after,
        )
        self.reader.read(answers)
        assert len({(question.asked, question.params) for question, _ in answers}) == len(answers), "asked twice"
        if comparison.question() is None:
            self.known, self.remembered[phase.process] = comparison.known(), comparison.remembered()
            missing = self.reader.missing(self.account, self.known.symbols, self.last_whole, begun)
            assert missing == []
            self.last_whole = begun


@settings(max_examples=150)
@given(market=st.sampled_from([Market.SPOT, Market.USDM]), phases=phases)
def test_all_that_happened_since_the_last_whole_comparison_is_answered(market: Market, phases: list[Phase]) -> None:
    story = Story(market)
    for phase in phases:
        story.live(phase)
