"""The command ``binance-processors``."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from processors.config import Settings
from processors.flows import Family
from processors.logs import configure_logs
from processors.worker import run


__all__ = ["app", "main"]

_USAGE = 2

app = typer.Typer(
    help="Faust workers: books, trades, candles and tickers out of the raw topics.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _root() -> None:
    """Keep `worker` a command of its own, though it is the only one."""


@app.command(
    epilog="""
**Examples**

`binance-processors worker books` — order books, top of book, book snapshots, liquidity

`binance-processors worker trades` — trades, candles, tickers

`binance-processors worker books --instance-id books-0` — static membership: a restart causes no rebalance

`PROCESSORS_METRICS_PORT=0 binance-processors worker books` — a second worker on the same machine

**Environment**: `KAFKA_BOOTSTRAP_SERVERS`, `SCHEMA_REGISTRY_URL`, `TOPIC_PREFIX`, and `PROCESSORS_…` as in
processors/config.py.

**Exit status**: 0 after SIGTERM or Ctrl-C, 1 after a failure (what was not committed is done again by the next worker),
2 for a wrong command line or setting.
"""
)
def worker(
    family: Annotated[Family, typer.Argument(help="What to run. Workers of one family share its partitions.")],
    instance_id: Annotated[
        str | None,
        typer.Option(help="Static membership: this worker's own name in its group (PROCESSORS_INSTANCE_ID)."),
    ] = None,
) -> None:
    """Run one worker until it is told to stop.

    Waits for the broker and the registry, and says so. Topics and schemas must exist: `binance-ingest setup`
    creates them. Start as many workers of a family as there are cores to spare, up to 12.
    """
    configure_logs()
    given = {} if instance_id is None else {"instance_id": instance_id}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # the rest comes from the environment
    except ValidationError as error:
        for wrong in error.errors():
            typer.echo(f"binance-processors: {_describe(wrong)}", err=True)
        raise typer.Exit(_USAGE) from error
    raise typer.Exit(run(family, settings))


def _describe(wrong: ErrorDetails) -> str:
    """Return a validation error as the operator knows the setting: by its variable."""
    if not wrong["loc"]:
        return wrong["msg"]
    name = str(wrong["loc"][0])
    variable = name if name.isupper() else f"PROCESSORS_{name.upper()}"
    return f"{variable} is {wrong['input']!r}: {wrong['msg']}"


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
