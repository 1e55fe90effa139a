"""What all routes share: parameters, documentation, access to the reader, the shape of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from fastapi import Path, Request, Response

from dashboard.api.problems import problem_responses
from dashboard.core.answers import Document
from dashboard.reader import Reader
from schemas.markets import Market


__all__ = [
    "MOST_LEVELS",
    "Interval",
    "MarketPath",
    "SymbolPath",
    "documented",
    "json_answer",
    "reader_for",
    "reader_of",
]

MOST_LEVELS: Final = 1_000

MarketPath: TypeAlias = Annotated[Market, Path(description="`spot`, `usdm` or `coinm`.")]
SymbolPath: TypeAlias = Annotated[
    str, Path(description="The venue's name, in capitals.", examples=["BTCUSDT"], max_length=64)
]
Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]


def documented(name: str, model: Any, *problems: int, tag: str) -> dict[str, Any]:
    """Return what a route's documentation says of its answers."""
    return {
        "name": name,
        "tags": [tag],
        "response_class": Response,
        "responses": {200: {"model": model}, **problem_responses(*problems)},
    }


def reader_of(request: Request) -> Reader:
    """Return the reader."""
    reader = request.app.state.reader
    assert isinstance(reader, Reader)  # noqa: S101 - create_app puts nothing else there
    return reader


def reader_for(request: Request, markets: Sequence[Market], schemas: Sequence[str]) -> Reader:
    """Return the reader, where it has read to their present what an answer is made of.

    Raises:
        NotSynchronisedError: it has not.
    """
    reader = reader_of(request)
    reader.require(markets, schemas)
    return reader


def json_answer(document: Document) -> Response:
    """Return an answer."""
    return Response(msgspec.json.encode(document), headers={"Cache-Control": "no-store"}, media_type="application/json")
