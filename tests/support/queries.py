"""Queries of dashboards without what Grafana puts into them."""

from __future__ import annotations

import re
from typing import Final


__all__ = ["NAMES", "plain"]

NAMES: Final = re.compile(r"\b(?:ingest|processors|dashboard|process|python)_\w+")
"""Series that a query names."""


def plain(expr: str, interval: str = "5m") -> str:
    """Return a query as Grafana sends it."""
    return expr.replace("$__rate_interval", interval).replace("$market", ".*")
