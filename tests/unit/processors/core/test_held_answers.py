"""Answers wait for the events they speak of, in their order in the log, and not for what never comes."""

from __future__ import annotations

import pytest

from processors.core.held_answers import OVERTAKEN_LIMIT, HeldAnswers, after_offset_of
from processors.core.records import RawRecord
from schemas.markets import Market
from schemas.topics import RawType


def answer(offset: int, after: object) -> RawRecord:
    headers = () if after is None else (("after_offset", str(after).encode()),)
    return RawRecord(Market.SPOT, RawType.ORDER_SNAPSHOT, 0, offset, 0, b"main", b"[]", headers)


def due(answers: HeldAnswers) -> list[int]:
    found = []
    while (record := answers.next_due()) is not None:
        found.append(record.offset)
    return found


def test_an_answer_waits_until_everything_below_its_offset_was_applied() -> None:
    answers = HeldAnswers()
    answers.offer(answer(7, 3))

    assert (due(answers), answers.first) == ([], 7)
    answers.advance(2)
    assert due(answers) == []
    answers.advance(3)
    assert (due(answers), answers.first) == ([7], None)
    assert due(answers) == []


def test_one_that_need_not_wait_is_due_at_once_be_the_log_empty_or_further() -> None:
    answers = HeldAnswers()
    answers.offer(answer(0, 0))
    assert due(answers) == [0]

    answers.advance(9)
    answers.offer(answer(1, 5))
    assert due(answers) == [1]


def test_answers_are_let_go_in_their_order_even_if_a_later_one_would_be_due_before() -> None:
    answers = HeldAnswers()
    for offset, after in enumerate((4, 2, 6)):
        answers.offer(answer(offset, after))
    answers.advance(2)
    assert due(answers) == []

    answers.advance(4)
    assert due(answers) == [0, 1]
    assert answers.first == 2


def test_the_log_does_not_go_back() -> None:
    answers = HeldAnswers()
    answers.advance(5)
    answers.advance(1)
    answers.offer(answer(0, 5))

    assert due(answers) == [0]


def test_an_answer_that_waits_for_an_offset_of_another_log_is_lost_once_many_have_overtaken_it() -> None:
    answers = HeldAnswers()
    answers.advance(10)
    answers.offer(answer(0, 1_000_000))
    for offset in range(1, OVERTAKEN_LIMIT + 1):
        answers.offer(answer(offset, 10))
        assert answers.next_lost() is None
    answers.offer(answer(OVERTAKEN_LIMIT + 1, 10))
    lost = answers.next_lost()

    assert lost is not None
    assert (lost.record.offset, lost.after_offset) == (0, 1_000_000)
    assert answers.next_lost() is None
    assert len(due(answers)) == OVERTAKEN_LIMIT + 1


def test_answers_that_all_wait_are_not_lost_however_many() -> None:
    answers = HeldAnswers()
    for offset in range(2 * OVERTAKEN_LIMIT):
        answers.offer(answer(offset, 5 + offset))

    assert answers.next_lost() is None


@pytest.mark.parametrize("text", [None, "", "-1", "x", "1.5", "9" * 40])
def test_an_answer_without_a_sensible_offset_need_not_wait(text: object) -> None:
    assert after_offset_of(answer(0, text)) == 0
