"""The pages, and the files that they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles


__all__ = ["PAGE_FOLDER", "router"]

PAGE_FOLDER: Final = Path(__file__).parent.parent / "page"

_files: Final = StaticFiles(directory=PAGE_FOLDER)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def market_page(request: Request) -> Response:
    """Give the page of a symbol."""
    return await _file(request, "index.html")


@router.get("/operations")
async def operations_page(request: Request) -> Response:
    """Give the operators' page."""
    return await _file(request, "operations.html")


@router.get("/static/{path:path}")
async def static_file(request: Request, path: str) -> Response:
    """Give a file of the pages."""
    return await _file(request, path)


async def _file(request: Request, path: str) -> Response:
    answer = await _files.get_response(path, request.scope)
    # Asked for again each time, and answered with 304 while its ETag is the same: a new version is seen at once.
    answer.headers["Cache-Control"] = "no-cache"
    return answer
