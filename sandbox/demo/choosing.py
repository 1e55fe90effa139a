"""Which source `up` takes where none was asked for: Binance, or a simulated exchange where that is out of reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sandbox.demo.reachability import Unreachable


__all__ = ["LIVE", "SIMULATED", "SOURCE_VARIABLE", "Choice", "choose_source"]

LIVE: Final = "live"
"""The source that is Binance itself."""
SIMULATED: Final = "simulated"
"""The source that is a simulated exchange."""
SOURCE_VARIABLE: Final = "BINANCE_SANDBOX_SOURCE"
"""The environment's word for where `up` takes its data from."""


class Choice(msgspec.Struct, frozen=True):
    """A source, and why it is this one."""

    sources: tuple[str, ...]
    """As `--source` names them."""
    told: tuple[str, ...]
    """Lines for the user."""


def choose_source(
    asked: Sequence[str], preferred: str | None, *, simulation_only: bool, unreachable: Callable[[], Unreachable | None]
) -> Choice:
    """Return what is taken.

    Args:
        asked: by the command line.
        preferred: by the environment.
        simulation_only: something was asked for that only a simulated market has.
        unreachable: says what of Binance does not answer; asked only where nothing else decides.
    """
    if asked:
        return Choice(tuple(asked), ())
    if preferred:
        return Choice((preferred,), (f"{SOURCE_VARIABLE}={preferred} decides where the data comes from",))
    if simulation_only:
        return Choice((SIMULATED,), ("a simulated exchange: --speed and --seed are of a simulated market",))
    failure = unreachable()
    if failure is None:
        return Choice((LIVE,), ("Binance answers: live market data (SOURCE=simulated takes a simulated exchange)",))
    return Choice(
        (SIMULATED,),
        (
            f"Binance cannot be reached ({failure.url}: {failure.reason}): a simulated exchange stands in",
            "its prices are made up; SOURCE=live insists on Binance, SOURCE=simulated asks no more",
        ),
    )
