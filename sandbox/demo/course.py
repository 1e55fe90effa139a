"""One course of a source through the whole pipeline, and what came out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sandbox.demo.sources import Source
from sandbox.demo.waiting import Flow, Progress
from sandbox.stack import Stack
from sandbox.verify.report import Report
from sandbox.verify.topics import collect_outcome
from sandbox.verify.verification import verify
from schemas.codec import Codec
from schemas.registry import Registry


__all__ = ["Screen", "run_course"]


class Screen(Protocol):
    """Where a run shows what goes on."""

    def tell(self, text: str) -> None:
        """Show the step that begins."""
        ...

    def show(self, progress: Progress) -> None:
        """Show how far the flow is."""
        ...

    def count(self, what: str, number: int) -> None:
        """Show how many records or the like were worked on."""
        ...


def run_course(stack: Stack, source: Source, screen: Screen, scratch: Path) -> Report:
    """Let everything flow, wait until it has come to rest, stop the services, and compare.

    Args:
        stack: entered; its servers run on.
        source: where the data comes from.
        screen: hears of the progress.
        scratch: an empty directory for files.

    Raises:
        SandboxError: something of the stack failed.
        OSError: the exchange does not answer.
    """
    codec = Codec(stack.table, Registry(stack.registry_url))
    flow = Flow(stack, source.subscriptions, codec)
    stack.start_ingest()
    watched_s = source.watched_s
    if watched_s is None:
        source.begin(stack)
        flow.await_listening(source.books)
        screen.tell("the exchange sends")
        flow.start()
        flow.await_rest(lambda: source.until_ms, screen.show)
    else:
        screen.tell(f"watching for {watched_s:.0f} s")
        flow.watch_for(watched_s, screen.show)
    screen.tell("stopping the services")
    problems = [*flow.remarks, *stack.stop_services()]
    screen.tell("reading what came out of the topics")
    outcome = collect_outcome(
        stack.bootstrap_servers,
        stack.table,
        codec,
        source.subscriptions.markets,
        scratch / "outcome",
        tell=lambda count: screen.count("records read", count),
    )
    screen.tell("reading what the venue sent")
    evidence, given = source.proof(stack, scratch)
    report = verify(evidence, outcome, given, scratch / "comparison", seconds=flow.seconds, tell=screen.tell)
    report.problems += problems
    return report
