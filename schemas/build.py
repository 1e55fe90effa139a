"""Which build is running."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version


__all__ = ["build"]


def build() -> tuple[str, str]:
    """Return version and revision of what is running; "unknown" where nobody noted them.

    The revision is a stamp that an image bears in `BINANCE_KAFKA_REVISION`, and no setting: it changes nothing.
    """
    try:
        installed = version("binance-kafka")
    except PackageNotFoundError:
        installed = "unknown"
    return installed, os.environ.get("BINANCE_KAFKA_REVISION") or "unknown"
