"""Minutes in DuckDB: raw trades from lines as kcat writes them, derived trades and candles as Arrow tables."""

import io
import subprocess
import sys
import urllib.request
from decimal import Decimal
from functools import cache
from json import loads
from pathlib import Path

import duckdb
import pyarrow
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from fastavro import parse_schema, schemaless_reader


REGISTRY = "http://localhost:8081/apis/ccompat/v7"


@cache
def schema(number):
    """Return the schema that a record's four bytes name."""
    with urllib.request.urlopen(f"{REGISTRY}/schemas/ids/{number}") as answer:
        return parse_schema(loads(loads(answer.read())["schema"]))


def rows(topic):
    """Yield the decoded Avro values of a topic, from its beginning to its end."""
    consumer = Consumer({"bootstrap.servers": "localhost:9092", "group.id": "duckdb", "enable.partition.eof": True})
    running = set(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in running])
    while running:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() is not None:
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            running.discard(message.partition())
        elif message.value() is not None:  # None: a tombstone, its key was deleted
            value = message.value()
            yield schemaless_reader(io.BytesIO(value[5:]), schema(int.from_bytes(value[1:5], "big")), None)
    consumer.close()


PRICE, BASE, QUOTE = pyarrow.decimal128(20, 8), pyarrow.decimal128(28, 8), pyarrow.decimal128(38, 16)
TIME, TEXT, LONG = pyarrow.timestamp("ms", "UTC"), pyarrow.string(), pyarrow.int64()
TRADE = {
    **{"symbol": TEXT, "source": TEXT, "epoch": LONG, "kind": TEXT, "trade_id": LONG, "trade_time": TIME},
    **{"price": PRICE, "base_quantity": PRICE, "quote_quantity": QUOTE},
}
CANDLE = {
    **{"symbol": TEXT, "open_time": TIME, "open": PRICE, "high": PRICE, "low": PRICE, "close": PRICE},
    **{"base_volume": BASE, "quote_volume": QUOTE, "trade_count": LONG, "final": pyarrow.bool_()},
    "input_offset": LONG,
}


def table(topic, columns):
    """Return a topic as an Arrow table with exact decimals."""
    records = [{name: record[name] for name in columns} for record in rows(topic)]
    return pyarrow.Table.from_pylist(records, schema=pyarrow.schema(columns.items()))


lines = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "duckdb-raw-trade.jsonl"
with lines.open("wb") as file:
    dump = ["kcat", "-b", "localhost:9092", "-C", "-e", "-q", "-t", "binance.spot.raw.trade", "-f", "%s\n"]
    subprocess.run(dump, stdout=file, check=True)
trade, candle = table("binance.spot.trade.v1", TRADE), table("binance.spot.candle-1m.v1", CANDLE)

for statement in Path(__file__).with_name("duckdb.sql").read_text().replace("{lines}", str(lines)).split(";\n"):
    if statement.strip():
        relation = duckdb.sql(statement)
        if relation is not None:
            print(",".join(relation.columns))
            for row in relation.fetchall():
                print(",".join(f"{cell:f}" if isinstance(cell, Decimal) else str(cell) for cell in row))
