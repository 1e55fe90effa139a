"""Our programs as processes of their own, for as long as a test needs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.project import ROOT


__all__ = ["running_module"]


@asynccontextmanager
async def running_module(
    log: Path, *command: str, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``python -m command``, and kill it at the end if it is still there.

    Args:
        log: what it says is appended there.
        command: a module and its arguments.
        environment: the whole of it.
    """
    with log.open("ab") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *command), cwd=ROOT, env=dict(environment), stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
