"""All comparisons together: the evidence against the outcome, symbol by symbol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.verify.evidence import Evidence
from sandbox.verify.outcome import Outcome
from sandbox.verify.report import Report, SymbolReport
from sandbox.verify.symbol_verification import Given, SymbolVerification


__all__ = ["Given", "verify"]


def verify(
    evidence: Evidence,
    outcome: Outcome,
    given: Given,
    directory: Path,
    *,
    seconds: float,
    tell: Callable[[str], object] = lambda _: None,
) -> Report:
    """Compare everything that came out with everything that the venue sent.

    Args:
        evidence: from the recording.
        outcome: from the topics.
        given: what else is known.
        directory: an empty directory for files.
        seconds: how long the pipeline took, for the report.
        tell: called with a line of progress before each symbol.
    """
    directory.mkdir(parents=True, exist_ok=True)
    symbols: dict[str, SymbolReport] = {}
    for number, symbol_id in enumerate(sorted({*evidence.symbols, *outcome.symbols})):
        tell(f"comparing {symbol_id}")
        comparison = SymbolVerification(symbol_id, evidence, outcome, given, directory / str(number))
        symbols[str(symbol_id)] = comparison.report()
    return Report(
        symbols=symbols,
        problems=_problems(evidence, outcome, symbols),
        not_compared=_not_compared(evidence, given),
        dead_letters=dict(outcome.dead_letters),
        dead_letter_examples=outcome.dead_letter_examples,
        events=evidence.frames,
        seconds=seconds,
    )


def _problems(evidence: Evidence, outcome: Outcome, symbols: Mapping[str, SymbolReport]) -> list[str]:
    problems = [f"record that cannot be decoded: {text}" for text in outcome.undecodable]
    problems += [f"raw record outside its symbol's partition: {text}" for text in outcome.misplaced]
    dead, unreadable = outcome.dead_letters.total(), evidence.unreadable.total()
    if dead > unreadable:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(outcome.dead_letters.items()))
        problems.append(f"{dead} dead letters, {unreadable} unreadable payloads in the recording ({reasons})")
    compared = sum(
        s.book.compared + s.trades.recorded + sum(c.compared for c in s.candles.values()) + _raw_total(s)
        for s in symbols.values()
    )
    if not compared:
        problems.append("nothing could be compared")
    return problems


def _raw_total(symbol: SymbolReport) -> int:
    return sum(counts.recorded or 0 for counts in symbol.raw.values())


def _not_compared(evidence: Evidence, given: Given) -> list[str]:
    texts = [f"{what} ({count} frames)" for what, count in sorted(evidence.left_out.items())]
    texts += evidence.remarks
    texts += [f"{reason}: {count} payloads" for reason, count in sorted(evidence.unreadable.items())]
    if given.raw_is_evidence:
        texts.append("raw topics: what the venue sent is known from them alone")
    for symbol_id, file in given.klines:
        if symbol_id not in evidence.symbols:
            texts.append(f"{file.path.name}: {symbol_id} is not in the recording")
    return texts
