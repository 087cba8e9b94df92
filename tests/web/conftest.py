"""The web over a real socket, with a desk that the test can look into."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from litestar import Litestar

from safetynet.web.app import create_app
from tests.support import eventually
from tests.web.desk import FakeDesk


class Web:
    """A running web."""

    def __init__(self, desk: FakeDesk, port: int, http: httpx.AsyncClient) -> None:
        self.desk = desk
        self.http = http
        self.socket_url = f"ws://127.0.0.1:{port}"


@asynccontextmanager
async def serve(desk: FakeDesk, static: Path) -> AsyncIterator[Web]:
    """Serve a desk until the block ends."""
    async with serve_app(create_app(desk, static), desk) as web:
        yield web


@asynccontextmanager
async def serve_app(app: Litestar, desk: FakeDesk) -> AsyncIterator[Web]:
    """Serve an app over a desk until the block ends."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30
        ) as http:
            yield Web(desk, port, http)
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def web(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Web]:
    """The API without the console's files; a traceback in the server's log fails the test."""
    with caplog.at_level(logging.ERROR):
        async with serve(FakeDesk(), tmp_path) as web:
            yield web
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
