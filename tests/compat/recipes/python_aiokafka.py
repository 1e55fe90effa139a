"""Minutes of raw trades with aiokafka and nothing else: JSON as Binance sent it."""

import asyncio
import json
from collections import defaultdict
from decimal import Decimal, getcontext

from aiokafka import AIOKafkaConsumer


TOPIC = "binance.spot.raw.trade"
getcontext().prec = 60  # sums have more digits than the default of 28


async def read():
    """Return each trade once, from the beginning of the topic to what is its end now."""
    trades = {}
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers="localhost:9092", auto_offset_reset="earliest")
    await consumer.start()
    try:
        left = {partition: end for partition, end in (await consumer.end_offsets(consumer.assignment())).items() if end}
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    trade = json.loads(record.value)
                    trades[trade["s"], trade["t"]] = trade  # at least once: a repeat has the same id
                if await consumer.position(partition) >= left.get(partition, 0):
                    left.pop(partition, None)
    finally:
        await consumer.stop()
    return [trades[key] for key in sorted(trades)]


minutes = defaultdict(list)
for trade in asyncio.run(read()):
    minutes[trade["s"], trade["T"] // 60_000 * 60_000].append((Decimal(trade["p"]), Decimal(trade["q"])))

print("source,symbol,open_time,trades,open,high,low,close,base_volume,quote_volume")
for (symbol, minute), its in sorted(minutes.items()):
    prices = [price for price, _ in its]
    base = sum((quantity for _, quantity in its), Decimal())
    quote = sum((price * quantity for price, quantity in its), Decimal())
    print(f"raw,{symbol},{minute},{len(its)},{prices[0]},{max(prices)},{min(prices)},{prices[-1]},{base},{quote}")
