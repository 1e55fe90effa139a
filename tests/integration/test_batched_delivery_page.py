"""The example of docs/batched-delivery.md, as it is printed there."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.broker_io import Sent, committed, read_all, send
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(120)

PAGE = Path(__file__).parents[2] / "docs" / "batched-delivery.md"


async def test_the_agent_of_the_page_runs_commits_and_stops(kafka: Broker, topic_prefix: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    script = tmp_path / "lengths.py"
    # One broker serves all tests: a group of this test's own.
    script.write_text(code.replace('group="lengths"', f'group="{topic_prefix}"'), "utf-8")
    servers, source, target = kafka.bootstrap_servers, f"{topic_prefix}.in", f"{topic_prefix}.out"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(source, 3, 1), NewTopic(target, 3, 1)])
    finally:
        await admin.close()
    values = [b"x" * (n % 7) for n in range(300)]
    await send(servers, [Sent(source, n % 3, value, b"k%d" % n) for n, value in enumerate(values)])

    process = await asyncio.create_subprocess_exec(sys.executable, str(script), servers, source, target)
    try:

        async def done() -> bool:
            return sum((await committed(servers, topic_prefix)).values()) == len(values)

        await until(done)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    seen = await read_all(servers, target)
    assert {s.key: s.value for s in seen} == {b"k%d" % n: b"%d" % len(value) for n, value in enumerate(values)}
    assert len(seen) == len(values)
