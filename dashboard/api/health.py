"""Health over HTTP: ``/live``, ``/ready``, ``/metrics``.

Alive is a process whose event loop answers. Ready is one whose answers are of the present: every topic was read to the
end that it had at the start, and the broker answers.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dashboard import metrics
from dashboard.reader import Reader


__all__ = ["router"]

_UNAVAILABLE: Final = 503

router = APIRouter(tags=["health"], default_response_class=JSONResponse)


@router.get("/live", responses={200: {"description": "The process turns its event loop."}})
async def live() -> JSONResponse:
    """Say that the process is alive: a broker that is away is no reason to restart it."""
    return JSONResponse({"status": "live"})


@router.get(
    "/ready",
    responses={
        200: {"description": "Answers are of the present."},
        503: {"description": "They are not, or not yet; `because` says why."},
    },
)
async def ready(request: Request) -> JSONResponse:
    """Say whether answers are of the present, and what stands in the way."""
    obstacles = _reader(request).obstacles()
    if obstacles:
        return JSONResponse({"status": "not ready", "because": obstacles}, _UNAVAILABLE, {"Retry-After": "2"})
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response, responses={200: {"description": "Prometheus text."}})
async def exposition(request: Request) -> Response:
    """Give the metrics."""
    reader = _reader(request)
    if (age_s := reader.contact.age_s(reader.clock_s())) is not None:
        metrics.CONTACT_AGE.set(age_s)
    for market in reader.markets:
        metrics.SYMBOLS.labels(market).set(len(reader.store.symbols(market)))
    return Response(
        generate_latest(metrics.REGISTRY) + generate_latest(metrics.PROCESS), media_type=CONTENT_TYPE_LATEST
    )


def _reader(request: Request) -> Reader:
    reader = request.app.state.reader
    assert isinstance(reader, Reader)  # noqa: S101 - create_app puts nothing else there
    return reader
