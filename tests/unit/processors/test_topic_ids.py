"""A topic that is made anew under a worker ends it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from processors.errors import BrokerUnavailableError, TopicsReplacedError
from processors.topic_ids import watch


class Broker:
    """Answers with one thing after another."""

    def __init__(self, *answers: Mapping[str, str] | None) -> None:
        self.answers = list(answers)

    async def ids(self, topics: Collection[str]) -> Mapping[str, str]:
        answer = self.answers.pop(0)
        if answer is None:
            raise BrokerUnavailableError("broker:9092", "is away")
        return {name: answer[name] for name in topics if name in answer}


async def test_a_topic_that_has_another_id_than_before_is_an_error_that_names_it() -> None:
    broker = Broker({"a": "1", "b": "1"}, {"a": "1", "b": "2"})

    with pytest.raises(TopicsReplacedError) as caught:
        await watch(broker.ids, ["a", "b"], interval_s=0)

    assert caught.value.names == ("b",)


async def test_a_topic_that_is_away_in_between_is_known_when_it_comes_back() -> None:
    broker = Broker({"a": "1"}, {}, None, {"a": "1"}, {"a": "2"})

    with pytest.raises(TopicsReplacedError):
        await watch(broker.ids, ["a"], interval_s=0)

    assert broker.answers == []


async def test_a_topic_that_appears_later_is_no_other() -> None:
    broker = Broker({}, {"a": "1"}, {"a": "1"}, {"a": "2"})

    with pytest.raises(TopicsReplacedError):
        await watch(broker.ids, ["a"], interval_s=0)

    assert broker.answers == []
