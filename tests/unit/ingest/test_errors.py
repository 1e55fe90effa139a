from __future__ import annotations

import aiohttp
import pytest
from aiokafka.errors import NotLeaderForPartitionError, TopicAuthorizationFailedError

from ingest.errors import (
    ConfigError,
    IngestError,
    KafkaUnavailableError,
    PartitionCountError,
    RecordRefusedError,
    RestRefusedError,
    RestUnreachableError,
    TopicsMissingError,
    UndeliveredError,
    is_transient,
)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (RestRefusedError("u", 429, -1003, "m"), True),
        (RestRefusedError("u", 418, -1003, "m"), True),
        (RestRefusedError("u", 503, None, "m"), True),
        (RestRefusedError("u", 400, -1121, "m"), False),
        (RestRefusedError("u", 403, None, "m"), False),
        (RestUnreachableError("u", "m"), True),
        (KafkaUnavailableError("b", 1, "m"), True),
        (NotLeaderForPartitionError(), True),
        (TopicAuthorizationFailedError("t"), False),
        (aiohttp.ClientConnectionError(), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (ConfigError([("a", "b")]), False),
        (PartitionCountError({"t": 3}, 12), False),
        (ValueError("any"), False),
    ],
)
def test_what_passes_by_itself_is_decided_in_one_place(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            ConfigError([("a.b", "is wrong"), ("c", "too")], '"f.yaml"'),
            'configuration "f.yaml":\n  a.b: is wrong\n  c: too',
        ),
        (
            TopicsMissingError(["x", "y"]),
            'topics missing: x, y; run "binance-ingest setup", or look at TOPIC_PREFIX',
        ),
        (
            TopicsMissingError(list("abcdefg")),
            'topics missing: a, b, c, d, e and 2 more; run "binance-ingest setup", or look at TOPIC_PREFIX',
        ),
        (UndeliveredError(7), "7 records are unacknowledged: the broker did not take them in time"),
        (RestRefusedError("u", 400, -1121, "Invalid symbol."), 'request "u": status 400, code -1121: Invalid symbol.'),
        (RecordRefusedError("t", 3, "why"), 'topic "t", partition 3: record refused by the broker: why'),
    ],
)
def test_an_error_is_a_sentence_made_of_its_fields(error: IngestError, says: str) -> None:
    assert str(error) == says


def test_another_partition_count_names_the_topics_and_says_what_to_do() -> None:
    text = str(PartitionCountError({"binance.spot.raw.trade": 3}, 12))

    assert '"binance.spot.raw.trade" has 3' in text
    assert "delete these topics, or choose another TOPIC_PREFIX" in text
