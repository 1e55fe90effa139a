"""What commands of ``binance-sandbox`` share: options, the reading of their values, ends."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, NoReturn

import typer

from sandbox.exchange.command import parse_contract_size, parse_speed
from schemas.markets import Market


__all__ = ["FAILED", "USAGE", "MarketOption", "Sizes", "fail", "parsed_contract_sizes", "parsed_speed", "refuse"]

FAILED = 1
USAGE = 2

Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--contract-size",
        metavar="SYMBOL=N",
        help="COIN-M: quote asset per contract, where the recording does not tell it. May be repeated.",
    ),
]
MarketOption = Annotated[
    Market | None, typer.Option(help="The market of the recording, where its payloads do not tell it.")
]


def refuse(message: str) -> NoReturn:
    """End a command whose command line, or a file named in it, cannot be used."""
    typer.echo(f"binance-sandbox: {message}", err=True)
    raise typer.Exit(USAGE)


def fail(error: Exception) -> NoReturn:
    """End a command that could not do its work."""
    typer.echo(f"binance-sandbox: {error}", err=True)
    raise typer.Exit(FAILED)


def parsed_speed(text: str) -> float | None:
    """Return the speed that ``--speed`` means, None for ``max``, or end the command."""
    try:
        return parse_speed(text)
    except ValueError:
        refuse(f'--speed: "{text}" is neither a positive number nor "max"')


def parsed_contract_sizes(texts: Iterable[str] | None) -> list[tuple[str, Decimal]]:
    """Return the contract sizes that ``--contract-size`` means, or end the command."""
    try:
        return [parse_contract_size(text) for text in texts or ()]
    except ValueError as error:
        refuse(f"--contract-size: {error}")
