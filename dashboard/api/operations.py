"""The route for operators."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from dashboard.api.asking import documented, json_answer, reader_of
from dashboard.api.operations_documents import OperationsAnswer


__all__ = ["router"]

router = APIRouter(prefix="/api/v1")


@router.get("/operations", **documented("operations", OperationsAnswer, tag="operations"))
async def operations(request: Request) -> Response:
    """Tell how everything stands: streams, connections, books, topics, consumer groups, dead letters.

    Answers from the first moment on; what is not known yet is null.
    """
    return json_answer(reader_of(request).operations_document())
