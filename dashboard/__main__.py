"""The command ``binance-dashboard``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dashboard.api.app import create_app
from dashboard.config import Settings
from dashboard.logs import configure_logs
from dashboard.service import reader_of, run


__all__ = ["app", "main"]

_USAGE = 2

app = typer.Typer(
    help="The read service: what the derived topics say now, as JSON over HTTP.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.command(
    epilog="""
**Examples**

`binance-dashboard serve` — on http://127.0.0.1:8080

`curl -s localhost:8080/api/v1/books` — how every book stands

`curl -s 'localhost:8080/api/v1/markets/spot/books/BTCUSDT/slippage?side=BUY&quantity=1.5'` — what an order would cost

`DASHBOARD_MARKETS='["spot"]' binance-dashboard serve --port 0` — spot alone, on any free port, which is logged

**Environment**: `KAFKA_BOOTSTRAP_SERVERS`, `SCHEMA_REGISTRY_URL`, `TOPIC_PREFIX`, and `DASHBOARD_…` as in
docs/read-service-reference.md.

**Exit status**: 0 after SIGTERM or Ctrl-C, 1 after a failure, 2 for a wrong command line or setting.
"""
)
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (DASHBOARD_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: any that is free (DASHBOARD_PORT).")] = None,
) -> None:
    """Serve until told to stop.

    Answers at once, with 503 and the reason until the topics are read to their present. Topics and schemas must exist:
    `binance-ingest setup` creates them. Reads without a consumer group: as many may run as are wanted.
    """
    configure_logs()
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    raise typer.Exit(run(_settings(**given)))


@app.command(
    epilog="""
**Examples**

`binance-dashboard openapi > openapi.json`

**Exit status**: 0.
"""
)
def openapi() -> None:
    """Print the OpenAPI document; needs no broker."""
    typer.echo(json.dumps(create_app(reader_of(_settings())).openapi(), indent=2))


def _settings(**given: str | int) -> Settings:
    try:
        return Settings(**given)  # type: ignore[arg-type]  # the rest comes from the environment
    except ValidationError as error:
        for wrong in error.errors():
            typer.echo(f"binance-dashboard: {_describe(wrong)}", err=True)
        raise typer.Exit(_USAGE) from error


def _describe(wrong: ErrorDetails) -> str:
    """Return a validation error as the operator knows the setting: by its variable."""
    if not wrong["loc"]:
        return wrong["msg"]
    name = str(wrong["loc"][0])
    variable = name if name.isupper() else f"DASHBOARD_{name.upper()}"
    return f"{variable} is {wrong['input']!r}: {wrong['msg']}"


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
