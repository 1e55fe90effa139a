"""Every error has one shape: RFC 9457's ``application/problem+json``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dashboard.api.guard import SECURITY_HEADERS
from dashboard.errors import BadParameterError, RequestError


__all__ = ["PROBLEM_TYPE", "Problem", "install_problems", "problem_responses"]

PROBLEM_TYPE: Final = "application/problem+json"
_URN: Final = "urn:binance-kafka:problem:"

_log = structlog.get_logger("dashboard.api")


class Problem(BaseModel):
    """Why there is no answer."""

    type: str = Field(description="Names the kind of problem; programs go by this.", examples=[f"{_URN}unknown-symbol"])
    title: str = Field(description="The kind of problem, in words.", examples=["Unknown symbol"])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(description="What it is this time, and what can be done.")
    instance: str = Field(description="What was asked.", examples=["/api/v1/markets/spot/tickers/NOSUCH"])


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's documentation says of its errors."""
    meanings = {
        404: "Nothing was told of the symbol, or not what is asked for.",
        422: "A parameter cannot be.",
        503: "Not now: the topics are not read to their present yet, or the book is not live. `Retry-After` says when.",
    }
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": meanings[status], "content": content} for status in statuses}


def install_problems(app: FastAPI) -> None:
    """Let an app tell all its errors as problems."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError)  # noqa: S101 - registered for nothing else
        headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        return _problem(request, _Kind.of(type(error)), str(error), headers)

    async def refuse_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
        wrong = [f'parameter "{one["loc"][-1]}": {one["msg"]}, was {one["input"]!r:.60}' for one in error.errors()]
        return _problem(request, _Kind.of(BadParameterError), "; ".join(wrong))

    async def refuse_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        title = HTTPStatus(error.status_code).phrase
        kind = _Kind(error.status_code, title.lower().replace(" ", "-"), title)
        return _problem(request, kind, f"{title}: /openapi.json lists what there is", error.headers)

    async def admit(request: Request, error: Exception) -> Response:
        _log.error("request failed", path=request.url.path, exc_info=error)
        # Written outside of all middleware, that of the headers too.
        return _problem(
            request, _Kind(500, "internal", "Internal error"), "the log of the service says why", SECURITY_HEADERS
        )

    app.add_exception_handler(RequestError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_parameters)
    app.add_exception_handler(HTTPException, refuse_route)
    app.add_exception_handler(Exception, admit)


class _Kind(msgspec.Struct, frozen=True):
    """What all problems of a kind have in common."""

    status: int
    code: str
    title: str

    @classmethod
    def of(cls, error: type[RequestError]) -> Self:
        return cls(error.status, error.code, error.title)


def _problem(request: Request, kind: _Kind, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    instance = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    problem = Problem(type=f"{_URN}{kind.code}", title=kind.title, status=kind.status, detail=detail, instance=instance)
    return Response(
        msgspec.json.encode(problem.model_dump()),
        kind.status,
        {**(headers or {}), "Cache-Control": "no-store"},
        PROBLEM_TYPE,
    )
