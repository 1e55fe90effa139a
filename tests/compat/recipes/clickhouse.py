"""Minutes in ClickHouse, here in the process (chdb): its own formats JSONEachRow and AvroConfluent on the bytes."""

import sys
from pathlib import Path

from chdb.session import Session
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition


def dump(topic, path, *, separator=b""):
    """Write the values of a topic, one behind the other, as the table engine Kafka would hand them to the format."""
    consumer = Consumer({"bootstrap.servers": "localhost:9092", "group.id": "dump", "enable.partition.eof": True})
    running = set(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in running])
    with path.open("wb") as file:
        while running:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error() is None:
                file.write((message.value() or b"") + separator)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                running.discard(message.partition())
            else:
                raise KafkaException(message.error())
    consumer.close()


folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
dump("binance.spot.raw.trade", folder / "raw-trade.jsonl", separator=b"\n")
dump("binance.spot.trade.v1", folder / "trade.avro")
dump("binance.spot.candle-1m.v1", folder / "candle-1m.avro")

statements = Path(__file__).with_name("clickhouse.sql").read_text()
session = Session()
for statement in statements.replace("{folder}", str(folder)).split(";\n"):
    if statement.strip():
        print(session.query(statement, "CSVWithNames"), end="")
