"""What holds for all answers, and the files of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from dashboard.api.app import create_app
from dashboard.api.guard import SECURITY_HEADERS
from dashboard.api.pages import PAGE_FOLDER
from tests.unit.dashboard.test_api import SPOT, World, client_of, is_problem


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    world = World()
    world.begin()
    world.fill()
    async with client_of(create_app(world.reader)) as one:
        yield one


@pytest.mark.parametrize(
    "path",
    ["/", "/operations", "/static/index.html", "/api/v1/books", f"{SPOT}/candles/NOSUCH", "/nowhere", "/metrics"],
)
async def test_every_answer_forbids_what_the_pages_do_not_need(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    assert "access-control-allow-origin" not in answer.headers


def test_nothing_may_come_from_elsewhere_nor_be_written_into_the_page() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(("path", "file"), [("/", "index.html"), ("/operations", "operations.html")])
async def test_a_page_is_its_file_and_is_not_sent_again_while_it_is_the_same(
    client: httpx2.AsyncClient, path: str, file: str
) -> None:
    answer = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})

    assert answer.content == (PAGE_FOLDER / file).read_bytes()
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


async def test_every_file_of_the_pages_is_served_and_nothing_else(client: httpx2.AsyncClient) -> None:
    for file in PAGE_FOLDER.rglob("*"):
        if file.is_file():
            answer = await client.get(f"/static/{file.relative_to(PAGE_FOLDER).as_posix()}")
            assert answer.content == file.read_bytes()
    for path in ("/static/nosuch.js", "/static/", "/static/..%2fconfig.py", "/static/%2e%2e/config.py"):
        is_problem(await client.get(path), 404, "not-found")


async def test_head_is_get_without_a_body(client: httpx2.AsyncClient) -> None:
    for path in ("/", "/api/v1/books", "/live", "/metrics", "/openapi.json"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]
        assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/api/v1/books", "/api/v1/stream", "/static/index.html"])
async def test_nothing_can_be_written(client: httpx2.AsyncClient, method: str, path: str) -> None:
    is_problem(await client.request(method, path), 405, "method-not-allowed")
