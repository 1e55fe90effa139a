"""The recordings of the real Binance that tests read; they are no part of this repository."""

from __future__ import annotations

import os
from pathlib import Path


__all__ = ["recordings_dir"]

_BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data"


def recordings_dir() -> Path | None:
    """Return the folder that `BINANCE_RECORDINGS` names, else the one beside the checkout; None if it is not there."""
    folder = Path(os.environ.get("BINANCE_RECORDINGS", _BESIDE_THE_CHECKOUT))
    return folder if folder.is_dir() else None
