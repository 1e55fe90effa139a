"""Refusals of account requests in the venue's words."""

from __future__ import annotations

from sandbox.simulation.rest.requests import RefusedError


__all__ = [
    "filter_failure",
    "illegal",
    "insufficient_balance",
    "insufficient_margin",
    "missing",
    "no_such_order",
    "refused",
    "unknown_order",
]


def refused(code: int, message: str) -> RefusedError:
    """Return any refusal."""
    return RefusedError(code, message)


def missing(name: str) -> RefusedError:
    """A parameter is not there."""
    return RefusedError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> RefusedError:
    """A parameter has characters that it must not have."""
    return RefusedError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def filter_failure(name: str) -> RefusedError:
    """An order breaks one of the symbol's rules."""
    return RefusedError(-1013, f"Filter failure: {name}")


def insufficient_balance() -> RefusedError:
    """Spot: there is too little free."""
    return RefusedError(-2010, "Account has insufficient balance for requested action.")


def insufficient_margin() -> RefusedError:
    """Futures: there is too little margin."""
    return RefusedError(-2019, "Margin is insufficient.")


def unknown_order() -> RefusedError:
    """There is no such open order to cancel."""
    return RefusedError(-2011, "Unknown order sent.")


def no_such_order() -> RefusedError:
    """There is no such order to tell of."""
    return RefusedError(-2013, "Order does not exist.")
