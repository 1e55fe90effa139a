"""Settings as the command line reads them: what is wrong with them is said in the operator's words."""

from __future__ import annotations

import re
from typing import Final

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from processors.config import Settings


__all__ = ["USAGE", "read_settings"]

USAGE: Final = 2
"""Exit status for a wrong command line or setting."""


def read_settings(**given: str) -> Settings:
    """Return the settings of the environment, and those given here.

    Raises:
        typer.Exit: some are wrong; it was said which.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]  # the rest comes from the environment
    except ValidationError as error:
        for wrong in error.errors():
            typer.echo(f"binance-processors: {_describe(wrong)}", err=True)
        raise typer.Exit(USAGE) from error
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        variable = "the environment" if name is None else f"PROCESSORS_{name[1].upper()}"
        typer.echo(f'binance-processors: {variable} is not JSON, such as ["1000","10000"]', err=True)
        raise typer.Exit(USAGE) from error


def _describe(wrong: ErrorDetails) -> str:
    """Return a validation error as the operator knows the setting: by its variable."""
    if not wrong["loc"]:
        return wrong["msg"]
    name = str(wrong["loc"][0])
    variable = name if name.isupper() else f"PROCESSORS_{name.upper()}"
    return f"{variable} is {wrong['input']!r}: {wrong['msg']}"
