"""What a real client gets: PyAV over TCP."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import av
import pytest

from safetynet.sim.rtsp.digest import Credentials

Open = Callable[..., AbstractAsyncContextManager[Any]]
TCP = {"rtsp_transport": "tcp", "fflags": "nobuffer"}


def frames(url: str, count: int) -> list[Any]:
    """Decode so many frames from the stream."""
    got = []
    with av.open(url, options=TCP, timeout=15) as container:
        for frame in container.decode(video=0):
            got.append(frame)
            if len(got) == count:
                break
    return got


async def test_a_standard_client_decodes_pictures_of_the_promised_size(open_studio: Open) -> None:
    async with open_studio() as studio:
        got = await asyncio.to_thread(frames, studio.url("mapo-00001"), 5)
    assert [(f.width, f.height) for f in got] == [(1280, 720)] * 5
    red, green, blue = got[-1].to_ndarray(format="rgb24")[:100].reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(64, abs=8)
    assert green == pytest.approx(57, abs=8)
    assert blue == pytest.approx(128, abs=8)


async def test_digest_lets_in_who_knows_the_password_only(open_studio: Open) -> None:
    async with open_studio(credentials=Credentials(user="op", password="s3cret")) as studio:
        got = await asyncio.to_thread(frames, studio.url("mapo-00001", "op:s3cret@"), 1)
        assert len(got) == 1
        with pytest.raises(av.error.HTTPUnauthorizedError):
            await asyncio.to_thread(frames, studio.url("mapo-00001", "op:wrong@"), 1)


async def test_an_unknown_camera_is_not_found(open_studio: Open) -> None:
    async with open_studio() as studio:
        with pytest.raises(av.error.HTTPNotFoundError):
            await asyncio.to_thread(frames, studio.url("mapo-99999"), 1)
