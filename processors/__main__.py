"""The command ``binance-processors``."""

from __future__ import annotations

from typing import Annotated

import typer

from processors.account_commands import add_account_commands
from processors.flows import Family
from processors.logs import configure_logs
from processors.replay_command import EPILOG, replay, replay_worker
from processors.usage import read_settings
from processors.worker import run


__all__ = ["app", "main"]

app = typer.Typer(
    help="Faust workers: books, trades, candles, tickers and accounts out of the raw topics.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


app.command("replay", epilog=EPILOG)(replay)
app.command("replay-worker", hidden=True)(replay_worker)
add_account_commands(app)


@app.command(
    epilog="""
**Examples**

`binance-processors worker books` — order books, top of book, book snapshots, liquidity

`binance-processors worker trades` — trades, candles, tickers

`binance-processors worker private` — orders, balances and positions of accounts

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
    settings = read_settings(**({} if instance_id is None else {"instance_id": instance_id}))
    raise typer.Exit(run(family, settings))


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
