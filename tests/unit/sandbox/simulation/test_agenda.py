"""What happens when."""

from __future__ import annotations

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Activity, Agenda, Output
from schemas.markets import Market


def saying(what: str, again_after_us: int | None = None) -> Activity:
    def say(now_us: int, output: Output) -> int | None:
        output.append(StreamEvent(now_us * 1000, Market.SPOT, what, b""))
        return None if again_after_us is None else now_us + again_after_us

    return say


def said(agenda: Agenda, until_us: int) -> list[tuple[int, str]]:
    return [(event.due_ns // 1000, event.stream) for output in agenda.run(until_us) for event in output]


def test_at_one_moment_streams_speak_in_their_order_and_then_there_is_trading() -> None:
    agenda = Agenda(0)
    agenda.add(60, saying("trade"), trading=True)
    agenda.add(60, saying("kline"))
    agenda.add(60, saying("ticker"))
    agenda.add(50, saying("first"))

    assert said(agenda, 100) == [(50, "first"), (60, "kline"), (60, "ticker"), (60, "trade")]


def test_what_repeats_repeats_until_the_end_and_the_clock_follows() -> None:
    agenda = Agenda(0)
    agenda.add(10, saying("tick", again_after_us=10))
    agenda.add(15, saying("once"))

    assert said(agenda, 30) == [(10, "tick"), (15, "once"), (20, "tick"), (30, "tick")]
    assert agenda.now_us == 30
    assert said(agenda, 40) == [(40, "tick")]


def test_an_activity_may_plan_another_one() -> None:
    agenda = Agenda(0)

    def plan(now_us: int, output: Output) -> None:
        agenda.add(now_us + 5, saying("planned"))

    agenda.add(10, plan)

    assert said(agenda, 100) == [(15, "planned")]
