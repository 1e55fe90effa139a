"""Waiting for what ingest cannot do without."""

from __future__ import annotations

from collections.abc import Callable

from ingest.config import Settings
from ingest.own_topics import own_topics
from ingest.topic_admin import TopicAdmin, check_topics
from schemas.registry import Registry
from schemas.topics import TopicTable


__all__ = ["wait_for_servers"]


def wait_for_servers(
    settings: Settings,
    table: TopicTable,
    registry: Registry,
    *,
    pause: Callable[[float], bool],
    warn: Callable[..., object],
) -> None:
    """Wait for broker and registry, and check the topics that ingest has to do with; runs in a thread.

    Args:
        settings: where they are, and how long to wait.
        table: the topics.
        registry: one of the two.
        pause: waits so many seconds; true when it was told to stop.
        warn: told what is waited for.
    """

    def sleep(seconds: float) -> None:
        if pause(seconds):
            raise InterruptedError

    admin = TopicAdmin(settings.kafka)
    admin.wait_until_ready(warn, sleep, settings.wait_limit_s)
    check_topics(admin.partition_counts(), own_topics(table, private=settings.private))
    registry.wait_until_ready(warn, sleep, limit_s=settings.wait_limit_s)
