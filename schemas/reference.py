"""The topic reference, written from the topic table and the Avro schemas.

``python -m schemas.reference > docs/topics.md``; a test fails while the two differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from schemas.avro import load_schema
from schemas.codec import TYPES
from schemas.headers import ANSWER_HEADERS, RAW_HEADERS
from schemas.markets import Market
from schemas.topics import PARTITIONS, Layer, Topic, TopicTable


__all__ = ["topic_reference"]

_TITLES = {
    Layer.RAW: "What Binance sent, verbatim: `<prefix>.<market>.raw.<type>`",
    Layer.CONTROL: "What is known about the flow, over all markets: `<prefix>.control.<type>`",
    Layer.DERIVED: "What the processors made of it: `<prefix>.<market>.<type>.v1`",
}
_DAY_MS = 86_400_000


def topic_reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    table = TopicTable()
    yield "# Topics"
    yield ""
    yield "<!-- written by `python -m schemas.reference`; do not edit -->"
    yield ""
    yield (
        f"{len(table)} topics of {PARTITIONS} partitions each, so that everything about a symbol is in partitions of "
        "one number: murmur2 of the symbol (of what is private: of the account's label), as Kafka's Java client "
        "computes it (librdkafka: `partitioner=murmur2_random`). Keys are plain UTF-8. Markets are `spot`, `usdm` and "
        "`coinm`; the prefix is `binance` unless `TOPIC_PREFIX` says otherwise."
    )
    for layer, title in _TITLES.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| type | key | identity | version | cleanup | kept | what |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for topic in table:
            if topic.layer is layer and _is_first(topic):
                yield _row(topic)
        if layer is Layer.RAW:
            yield from _raw_headers()
    yield ""
    yield "## Avro values"
    yield ""
    yield (
        "Confluent wire format, subject `<topic>-value`, FULL_TRANSITIVE. Two records of one identity are the same "
        "thing; of one identity, an older version is to be ignored."
    )
    for name in sorted(TYPES):
        yield from _schema(name)


def _is_first(topic: Topic) -> bool:
    """Whether it stands for its type: markets have the same topics, but for those that only futures have."""
    return topic.market in {None, Market.SPOT} or (topic.market is Market.USDM and topic.type in _FUTURES_ONLY)


_FUTURES_ONLY = {topic.type for topic in TopicTable() if topic.market is Market.USDM} - {
    topic.type for topic in TopicTable() if topic.market is Market.SPOT
}


def _row(topic: Topic) -> str:
    kept = "by compaction" if topic.retention_ms is None else f"{topic.retention_ms // _DAY_MS} d"
    marks = ["futures"] * (topic.market is Market.USDM) + ["private"] * topic.private
    name = f"`{topic.type}`" + (f" ({', '.join(marks)})" if marks else "")
    cells = (name, topic.key, topic.identity, topic.version, str(topic.cleanup), kept, topic.about)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _raw_headers() -> Iterator[str]:
    yield ""
    yield "Headers of raw records, UTF-8 text:"
    yield ""
    yield "| header | what |"
    yield "| --- | --- |"
    for header in RAW_HEADERS:
        yield f"| `{header.name}` | {header.about} |"
    for header in ANSWER_HEADERS:
        yield f"| `{header.name}` | `order-snapshot`, `account-snapshot`: {header.about} |"


def _schema(name: str) -> Iterator[str]:
    schema = load_schema(name)
    yield ""
    yield f"### `{name}`"
    yield ""
    yield schema["doc"]
    yield ""
    yield "| field | type | what |"
    yield "| --- | --- | --- |"
    for field in schema["fields"]:
        yield f"| `{field['name']}` | {_type(field['type'])} | {field['doc']} |"


def _type(avro: Any) -> str:
    if isinstance(avro, list):
        return f"{_type(next(branch for branch in avro if branch != 'null'))}, nullable"
    if isinstance(avro, str):
        return avro
    if avro.get("logicalType") == "decimal":
        return f"decimal({avro['precision']},{avro['scale']})"
    if avro["type"] == "array":
        items = avro["items"]
        return f"array of nullable {items[1]}" if isinstance(items, list) else f"array of {items}"
    return str(avro.get("logicalType", avro["type"]))


if __name__ == "__main__":
    sys.stdout.write(topic_reference())
