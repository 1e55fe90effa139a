"""Which topics ingest has to do with."""

from __future__ import annotations

from typing import Final

from schemas.topics import ControlType, Topic, TopicTable


__all__ = ["own_topics"]

_NOT_ITS_OWN: Final = (ControlType.SNAPSHOT_REQUEST,)
"""What it reads, and where repair asks too, of what others own."""


def own_topics(table: TopicTable, *, private: bool) -> tuple[Topic, ...]:
    """Return the topics that ingest writes or reads.

    There is to be no more for it to start: a broker with an authorizer shows nobody the topics of others.

    Args:
        table: the topics.
        private: whether those that tell of accounts are among them.
    """
    others = {table.control(one).name for one in _NOT_ITS_OWN}
    return tuple(
        topic for topic in table.topics(private=private) if "ingest" in topic.owner.split(", ") or topic.name in others
    )
