"""Minutes in Spark Structured Streaming: windows by trade time, each trade once, with a checkpoint."""

import json
import sys
import urllib.request

from pyspark.sql import SparkSession
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.functions import count, expr, lit, max, min, sum, window


PACKAGES = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1,org.apache.spark:spark-avro_2.13:4.1.1"
REGISTRY = "http://localhost:8081/apis/ccompat/v7"
TOPIC = "binance.spot.trade.v1"
FOLDER = sys.argv[1] if len(sys.argv) > 1 else "."

spark = (
    SparkSession.builder.appName("minutes")
    .config("spark.jars.packages", PACKAGES)
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "4")
    .getOrCreate()
)
with urllib.request.urlopen(f"{REGISTRY}/subjects/{TOPIC}-value/versions/latest") as answer:
    schema = json.load(answer)["schema"]

minutes = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", "localhost:9092")
    .option("subscribe", TOPIC)
    .option("startingOffsets", "earliest")
    .load()
    .select(from_avro(expr("substring(value, 6)"), schema).alias("value"))
    .select("value.*")
    .where("kind = 'trade'")
    .withWatermark("trade_time", "1 minute")
    .dropDuplicatesWithinWatermark(["symbol", "source", "epoch", "trade_id"])
    .groupBy("symbol", window("trade_time", "1 minute").start.alias("open_time"))
    .agg(
        count(lit(1)).alias("trades"),
        max("price").alias("high"),
        min("price").alias("low"),
        sum("base_quantity").alias("base_volume"),
        sum("quote_quantity").alias("quote_volume"),
    )
)
# availableNow: all that is there now, then stop. `append` instead of `complete` tells a window once, when the watermark
# has passed it.
query = (
    minutes.writeStream.outputMode("complete")
    .format("memory")
    .queryName("minutes")
    .option("checkpointLocation", f"{FOLDER}/checkpoint")
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()

names = ["symbol", "open_time", "trades", "high", "low", "base_volume", "quote_volume"]
print(",".join(["source", *names]))
for row in spark.table("minutes").selectExpr(*(f"cast({name} as string)" for name in names)).collect():
    print(",".join(["trade", *row]))
