"""Queries of dashboards without what Grafana puts into them."""

from __future__ import annotations


__all__ = ["plain"]


def plain(expr: str, interval: str = "5m") -> str:
    """Return a query as Grafana sends it."""
    return expr.replace("$__rate_interval", interval).replace("$market", ".*")
