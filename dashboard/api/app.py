"""The application: routes, problems, health, and the document that describes them."""

from __future__ import annotations

from importlib.metadata import version
from time import perf_counter
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import metrics
from dashboard.api import accounts, health, operations, pages, routes, streams
from dashboard.api.examples import example_answers
from dashboard.api.guard import Guard
from dashboard.api.problems import Problem, install_problems
from dashboard.api.pushing import PAGES, Pusher
from dashboard.core.views import EVENTS
from dashboard.reader import Reader


__all__ = ["create_app"]

_DESCRIPTION: Final = """What the derived topics say now.

Prices, quantities and sums are text, exact to the last digit. Times are milliseconds since the epoch, UTC. Errors are
`application/problem+json` (RFC 9457). Fields mean what docs/semantics.md says of the topics.
"""
_TAGS: Final = [
    {"name": "books", "description": "Order books, which are right or say that they are not."},
    {"name": "trades", "description": "What was traded: candles, flow, tickers."},
    {"name": "alerts", "description": "What to look at."},
    {"name": "symbols", "description": "Of what anything is known."},
    {"name": "accounts", "description": "Orders, balances, positions; only where `DASHBOARD_PRIVATE` is set."},
    {"name": "operations", "description": "How everything stands."},
    {"name": "push", "description": "Server-sent events: what changes, ten times a second at most."},
    {"name": "health", "description": "For whoever runs it."},
]


def create_app(reader: Reader, *, pages_limit: int = 50) -> FastAPI:
    """Return the application that answers from a reader.

    Args:
        reader: what is known.
        pages_limit: pages that are pushed to at once.
    """
    app = FastAPI(
        title="binance-kafka read service",
        version=version("binance-kafka"),
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.reader = reader
    app.state.pusher = Pusher(reader, pages_limit)
    for router in (routes.router, accounts.router, operations.router, streams.router, health.router, pages.router):
        app.include_router(router)
    install_problems(app)
    app.add_middleware(_Stopwatch)
    app.add_middleware(Guard)
    routes_known = (path for route in app.routes if (path := getattr(route, "path", None)) is not None)
    metrics.show_at_zero((topic.name for topic in reader.topics), routes_known, PAGES, EVENTS)
    _complete_document(app)
    return app


class _Stopwatch:
    """Measures how long answers take, by route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at = perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Of what no route takes, the path is anything.
                route = getattr(scope.get("route"), "path", "other")
                metrics.REQUEST_SECONDS.labels(route, message["status"]).observe(perf_counter() - began_at)
            await send(message)

        await self._app(scope, receive, noted)


def _operation_id(route: APIRoute) -> str:
    """Name an operation as its function is named: what generated clients call it."""
    return route.name


def _complete_document(app: FastAPI) -> None:
    """Add to the document the shape of errors and the examples, and leave out the errors of FastAPI's own."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            for unsent in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unsent, None)
            for path in document["paths"].values():
                for operation in path.values():
                    # FastAPI would drop the nulls in them.
                    if (example := example_answers().get(operation["operationId"])) is not None:
                        operation["responses"]["200"]["content"]["application/json"]["example"] = example
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
