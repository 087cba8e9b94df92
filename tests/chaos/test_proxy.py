"""The link that faults touch: it passes, delays, stalls and cuts real TCP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from chaos.proxy import Link, Mood

from tests.support import eventually


@asynccontextmanager
async def echo_behind_link() -> AsyncIterator[Link]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(lambda: port)
    await link.open()
    try:
        yield link
    finally:
        await link.close()
        server.close()


async def test_bytes_pass_in_order() -> None:
    async with echo_behind_link() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        for mood in (Mood.PASS, Mood.DELAY, Mood.PASS):
            link.set(mood)
            writer.write(mood.encode())
            assert await reader.readexactly(len(mood)) == mood.encode()
        writer.close()


async def test_a_stalled_link_keeps_what_it_has_and_passes_it_later() -> None:
    async with echo_behind_link() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.set(Mood.STALL)
        writer.write(b"later")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        link.set(Mood.PASS)
        assert await reader.readexactly(5) == b"later"
        writer.close()


async def test_a_cut_link_resets_and_refuses_until_it_is_whole() -> None:
    async with echo_behind_link() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.set(Mood.CUT)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        link.set(Mood.PASS)

        async def answers() -> bool:
            again, back = await asyncio.open_connection("127.0.0.1", link.port)
            back.write(b"x")
            try:
                return await again.readexactly(1) == b"x"
            finally:
                back.close()

        await eventually(answers)
