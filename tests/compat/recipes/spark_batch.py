"""Minutes in Spark, as a batch: raw JSON, and Avro whose schema the registry tells."""

import json
import urllib.request

from pyspark.sql import SparkSession
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.functions import col, count, expr, from_json, lit, max, min, sum, timestamp_millis, window


PACKAGES = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1,org.apache.spark:spark-avro_2.13:4.1.1"
REGISTRY = "http://localhost:8081/apis/ccompat/v7"

spark = (
    SparkSession.builder.appName("minutes")
    .config("spark.jars.packages", PACKAGES)
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.caseSensitive", "true")  # a raw trade has t and T, e and E, m and M
    .getOrCreate()
)


def topic(name):
    """Return a topic as a table: key, value, partition, offset, timestamp, headers."""
    return (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", "localhost:9092")
        .option("subscribe", name)
        .option("includeHeaders", "true")  # without it there are none
        .load()
    )


def avro(name):
    """Return the values of an Avro topic: five bytes of framing, then the record; a tombstone has none."""
    with urllib.request.urlopen(f"{REGISTRY}/subjects/{name}-value/versions/latest") as answer:
        schema = json.load(answer)["schema"]
    value = from_avro(expr("substring(value, 6)"), schema).alias("value")
    return topic(name).where("value is not null").select(value).select("value.*")


def show(source, table):
    """Print a table of minutes as lines."""
    names = ["symbol", "open_time", "trades", "open", "high", "low", "close", "base_volume", "quote_volume"]
    print(",".join(["source", *names]))
    for row in table.select(*(col(name).cast("string") for name in names)).collect():
        print(",".join([source, *row]))


def minutes(trades):
    """Add trades up by minute: columns symbol, id, time, price, base and quote."""
    return trades.groupBy("symbol", window("time", "1 minute").start.alias("open_time")).agg(
        count(lit(1)).alias("trades"),
        expr("min_by(price, id)").alias("open"),
        max("price").alias("high"),
        min("price").alias("low"),
        expr("max_by(price, id)").alias("close"),
        sum("base").alias("base_volume"),
        sum("quote").alias("quote_volume"),
    )


# Text becomes a decimal by a cast. The product of two (18,8) keeps all its places; of wider ones Spark cuts some.
raw = (
    topic("binance.spot.raw.trade")
    .select(from_json(col("value").cast("string"), "s string, t bigint, p string, q string, T bigint").alias("v"))
    .select("v.*")
    .dropDuplicates(["s", "t"])
    .select(
        col("s").alias("symbol"),
        col("t").alias("id"),
        timestamp_millis(col("T")).alias("time"),
        expr("cast(p as decimal(18, 8))").alias("price"),
        expr("cast(q as decimal(18, 8))").alias("base"),
    )
    .withColumn("quote", col("price") * col("base"))
)
show("raw", minutes(raw))

trades = (
    avro("binance.spot.trade.v1")
    .where("kind = 'trade'")
    .dropDuplicates(["symbol", "source", "epoch", "trade_id"])
    .selectExpr("symbol", "trade_id id", "trade_time time", "price", "base_quantity base", "quote_quantity quote")
)
show("trade", minutes(trades))

# Of each key the newest version, which need not be its last record.
candles = (
    avro("binance.spot.candle-1m.v1")
    .groupBy("symbol", "open_time")
    .agg(expr("max_by(struct(*), struct(input_offset, final))").alias("c"))
    .selectExpr("c.*")
    .where("final")
    .withColumnRenamed("trade_count", "trades")
)
show("candle", candles)
