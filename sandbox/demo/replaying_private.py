"""`binance-sandbox replay --private`: what happened to accounts through the whole pipeline, and its verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from sandbox.demo.narrator import Narrator
from sandbox.demo.private_flow import PrivateFlow
from sandbox.demo.subscriptions import AccountOptions, Subscriptions
from sandbox.demo.workspace import Shared, Workspace
from sandbox.recordings.private import PrivateRecording, read_private
from sandbox.stack import PRIVATE, Stack, StackOptions, free_ports
from sandbox.verify.private.outcome import collect_private_outcome
from sandbox.verify.private.report import PrivateReport, print_private_report, write_private_report
from sandbox.verify.private.verification import judge_recording, verify_private
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry


__all__ = ["PrivateReplayRequest", "run_private_replay"]


class PrivateReplayRequest(msgspec.Struct, frozen=True):
    """What is to be replayed, and how."""

    paths: Sequence[Path]
    market: Market | None = None
    """Of the events that do not tell theirs."""
    account: str | None = None
    """The one account that all of it is of; None: each file tells of its own."""
    speed: str = "max"
    report: Path | None = None
    data_dir: Path | None = None


def run_private_replay(request: PrivateReplayRequest, shared: Shared, console: Console) -> int:
    """Replay, verify, report.

    Returns:
        The exit status: 0 where every state and sum holds, 1 where one does not.

    Raises:
        RecordingError: the recording cannot be used.
        SandboxError: something of the stack failed.
    """
    with Narrator(console) as narrator:
        narrator.tell("reading the recording")
        recording = read_private(request.paths, request.market, request.account).receivable()
        narrator.tell(_description(recording))
        if found := [contradiction for of in judge_recording(recording).values() for contradiction in of]:
            narrator.tell(f"the recording contradicts itself, {len(found)} times; first: {found[0]}")
        with Workspace(request.data_dir, console) as workspace:
            options = StackOptions(
                directory=workspace.path,
                subscriptions=Subscriptions((), {}),
                exchange=_exchange(request, workspace.path / "keys"),
                ports=free_ports(),
                prefix=shared.prefix_for(workspace.path),
                bootstrap_servers=shared.bootstrap_servers,
                registry_url=shared.registry_url,
                families=(PRIVATE,),
                dashboard=False,
                accounts=_accounts(recording),
            )
            with Stack(options, narrator.tell) as stack:
                report = _run(stack, recording, narrator)
            workspace.failed = not report.ok
    print_private_report(report, console)
    if request.report is not None:
        write_private_report(report, request.report)
        console.print(f"report: {request.report}", soft_wrap=True, highlight=False)
    return 0 if report.ok else 1


def _run(stack: Stack, recording: PrivateRecording, narrator: Narrator) -> PrivateReport:
    """Let everything flow, wait until it has come to rest, stop the services, and compare."""
    codec = Codec(stack.table, Registry(stack.registry_url))
    flow = PrivateFlow(stack, recording.accounts, codec, len(recording.events))
    stack.start_ingest()
    flow.await_listening()
    narrator.tell("the exchange sends")
    flow.start()
    flow.await_rest(narrator.show)
    narrator.tell("stopping the services")
    problems = [*flow.remarks, *stack.stop_services()]
    narrator.tell("reading what came out of the topics")
    outcome = collect_private_outcome(
        stack.bootstrap_servers,
        stack.table,
        codec,
        sorted({market for market, _ in recording.accounts}),
        tell=lambda count: narrator.count("records read", count),
    )
    narrator.tell("comparing it with the recording")
    report = verify_private(recording, outcome, seconds=flow.seconds)
    report.problems += problems
    return report


def _exchange(request: PrivateReplayRequest, keys_dir: Path) -> list[str]:
    """Return the exchange's arguments."""
    arguments = ["--private", "--start", "manual", "--speed", request.speed, "--keys-dir", str(keys_dir)]
    for path in request.paths:
        arguments += ["--replay", str(path)]
    if request.market is not None:
        arguments += ["--market", str(request.market)]
    if request.account is not None:
        arguments += ["--account", request.account]
    return arguments


def _accounts(recording: PrivateRecording) -> Mapping[str, AccountOptions]:
    markets: dict[str, list[Market]] = {}
    for market, label in recording.accounts:
        markets.setdefault(label, []).append(market)
    return {label: AccountOptions(tuple(of_label)) for label, of_label in markets.items()}


def _description(recording: PrivateRecording) -> str:
    accounts = ", ".join(f"{market}:{label}" for market, label in recording.accounts[:10])
    more = "" if len(recording.accounts) <= 10 else f" and {len(recording.accounts) - 10} more"
    return f"{len(recording.events):,} events of {accounts}{more}"
