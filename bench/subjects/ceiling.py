"""The ceiling: what the two libraries can do if nobody does anything in between.

Frames from websockets, appended whole to one aiokafka batch at a time, sent to one partition after the other. No key,
no header, no look at the payload, no partition by symbol, nothing kept to be sent again, nothing counted.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
import uvloop
from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import connect

from bench.frames import SYMBOLS, stream_name
from bench.sightings import Sightings


__all__ = ["main"]

_PARTITIONS: Final = 12
_BATCH_BYTES: Final = 262_144


async def _run(url: str, servers: str, topic: str, count: int) -> Sightings:
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        compression_type="lz4",
        max_batch_size=_BATCH_BYTES,
    )
    await producer.start()
    sent: list[asyncio.Future[Any]] = []
    names = "/".join(stream_name(symbol) for symbol in SYMBOLS)
    async with connect(
        f"{url}/spot/stream?streams={names}", compression=None, ping_interval=None, proxy=None
    ) as socket:
        receive = socket.recv
        frame = await receive(decode=False)
        began_ns, began_cpu_ns = time.time_ns(), time.process_time_ns()
        batch = producer.create_batch()
        for left in range(count - 1, -1, -1):
            if batch.append(key=None, value=frame, timestamp=None) is None:
                batch.close()
                sent.append(await producer.send_batch(batch, topic, partition=len(sent) % _PARTITIONS))
                batch = producer.create_batch()
                batch.append(key=None, value=frame, timestamp=None)
            if left:
                frame = await receive(decode=False)
        batch.close()
        sent.append(await producer.send_batch(batch, topic, partition=len(sent) % _PARTITIONS))
        await asyncio.gather(*sent)
        ended_ns, ended_cpu_ns = time.time_ns(), time.process_time_ns()
    await producer.stop()
    return Sightings(began_ns, ended_ns, ended_cpu_ns - began_cpu_ns, count, [])


def main(  # noqa: PLR0917 - a command line
    url: Annotated[str, typer.Option(help="Where the feeder is, ws://.")],
    servers: Annotated[str, typer.Option(help="Kafka.")],
    topic: Annotated[str, typer.Option()],
    count: Annotated[int, typer.Option(help="Events to expect.")],
    core: Annotated[int, typer.Option(help="The core to stay on.")],
    out: Annotated[Path, typer.Option(help="Where to write what was seen.")],
) -> None:
    """Measure once."""
    os.sched_setaffinity(0, {core})
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    out.write_bytes(msgspec.json.encode(uvloop.run(_run(url, servers, topic, count))))


if __name__ == "__main__":
    typer.run(main)
