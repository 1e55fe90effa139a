"""Which topics these are: Kafka gives each an id when it is made, so one that was deleted and made anew has another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from processors.errors import BrokerUnavailableError, TopicsReplacedError
from schemas.kafka_access import Servers, librdkafka_access


__all__ = ["TopicIds", "watch"]

LOOK_AGAIN_S: Final = 10.0
_TIMEOUT_S: Final = 20.0
_NO_ID: Final = "A" * 22
"""What a broker says that gives topics no ids: sixteen bytes, all zero, in base64."""

Ask = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""Returns the ids of those of the topics that exist and have one."""


class TopicIds:
    """Asks the broker for the ids of topics, by the one client here that can.

    Args:
        bootstrap_servers: the broker.
        client_id: shown in the broker's logs.
    """

    def __init__(self, bootstrap_servers: Servers, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._client: AdminClient | None = None

    async def read(self, topics: Collection[str]) -> Mapping[str, str]:
        """Return the ids of those of the topics that exist and have one.

        Raises:
            BrokerUnavailableError: it does not answer.
        """
        if not topics:
            return {}
        if self._client is None:
            told = {**librdkafka_access(self._bootstrap_servers), "client.id": self._client_id}
            # What becomes of a question is told by its answer.
            self._client = AdminClient({**told, "log_level": 0})
        try:
            asked = self._client.describe_topics(TopicCollection(sorted(topics)), request_timeout=_TIMEOUT_S)
        except KafkaException as error:
            raise self._unavailable(error) from error
        # No thread of ours waits for the answers: one that did would hold up a worker that is told to stop.
        answers = await asyncio.gather(*map(asyncio.wrap_future, asked.values()), return_exceptions=True)
        ids = {name: self._id(answer) for name, answer in zip(asked, answers, strict=True)}
        return {name: topic_id for name, topic_id in ids.items() if topic_id != _NO_ID}

    def _id(self, answer: Any) -> str:
        """Return the id in a topic's description; of one that does not exist none."""
        if not isinstance(answer, BaseException):
            return str(answer.topic_id)
        if not isinstance(answer, KafkaException):
            raise answer
        if answer.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise self._unavailable(answer) from answer
        return _NO_ID

    def _unavailable(self, error: KafkaException) -> BrokerUnavailableError:
        return BrokerUnavailableError(self._bootstrap_servers, str(error.args[0].str()))


async def watch(ask: Ask, topics: Collection[str], *, interval_s: float = LOOK_AGAIN_S) -> None:
    """Return only by an error: when a topic is found to be another than it was.

    A state is of the log that it was made from. What stands at its offsets in another log is not what comes next.

    Args:
        ask: for the ids.
        topics: whose.
        interval_s: between two looks.

    Raises:
        TopicsReplacedError: some were deleted and made anew.
    """
    known: dict[str, str] = {}
    while True:
        try:
            now = await ask(topics)
        except BrokerUnavailableError:
            now = {}  # others notice that; ids do not change by it
        if replaced := sorted(name for name, topic_id in now.items() if known.get(name, topic_id) != topic_id):
            raise TopicsReplacedError(replaced)
        known |= now
        await asyncio.sleep(interval_s)
