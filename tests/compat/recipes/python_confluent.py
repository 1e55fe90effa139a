"""Minutes of trades and candles with confluent-kafka: Avro by the registry, each trade once, of a candle the newest."""

from collections import defaultdict
from decimal import Decimal, getcontext

from confluent_kafka import DeserializingConsumer, KafkaError, TopicPartition
from confluent_kafka.error import ConsumeError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer


getcontext().prec = 60  # sums have more digits than the default of 28
REGISTRY = SchemaRegistryClient({"url": "http://localhost:8081/apis/ccompat/v7"})


def read(topic):
    """Yield the values of a topic from its beginning to its end."""
    consumer = DeserializingConsumer(
        {
            "bootstrap.servers": "localhost:9092",
            "group.id": "my-candles",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "value.deserializer": AvroDeserializer(REGISTRY),
        }
    )
    running = set(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in running])
    while running:
        try:
            message = consumer.poll(1)
        except ConsumeError as end:
            if end.code != KafkaError._PARTITION_EOF:
                raise
            running.discard(end.kafka_message.partition())
            continue
        if message is not None and message.value() is not None:  # None: a tombstone, its key was deleted
            yield message.value()
    consumer.close()


trades = {}
for value in read("binance.spot.trade.v1"):
    if value["kind"] == "trade":  # the other kind, 'hole', says which ids are missing
        trades[value["symbol"], value["source"], value["epoch"], value["trade_id"]] = value

minutes = defaultdict(list)
for key in sorted(trades):
    trade = trades[key]
    minutes[trade["symbol"], trade["trade_time"].replace(second=0, microsecond=0)].append(trade)

print("source,symbol,open_time,trades,open,high,low,close,base_volume,quote_volume")
for (symbol, minute), its in sorted(minutes.items()):
    prices = [trade["price"] for trade in its]
    base = sum((trade["base_quantity"] for trade in its), Decimal())
    quote = sum((trade["quote_quantity"] for trade in its), Decimal())
    ohlc = f"{prices[0]},{max(prices)},{min(prices)},{prices[-1]}"
    print(f"trade,{symbol},{minute.isoformat()},{len(its)},{ohlc},{base},{quote}")

candles = {}
for value in read("binance.spot.candle-1m.v1"):
    key = (value["symbol"], value["open_time"])
    known = candles.get(key)
    # Not the last record of a key but its newest version: larger input_offset, of two equal ones the final one.
    if known is None or (value["input_offset"], value["final"]) >= (known["input_offset"], known["final"]):
        candles[key] = value

for (symbol, minute), candle in sorted(candles.items()):
    if candle["final"]:
        ohlc = ",".join(str(candle[name]) for name in ("open", "high", "low", "close"))
        volumes = f"{candle['base_volume']},{candle['quote_volume']}"
        print(f"candle,{symbol},{minute.isoformat()},{candle['trade_count']},{ohlc},{volumes}")
