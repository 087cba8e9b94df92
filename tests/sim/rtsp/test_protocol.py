"""RTSP step by step, with a client that speaks it by hand."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safetynet.base.ids import CameraId
from safetynet.sim.camera import Fault
from safetynet.sim.rtsp.feed import Beat
from safetynet.sim.rtsp.session import interleaved_channels

Open = Callable[..., AbstractAsyncContextManager[Any]]
TCP = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
NTP_EPOCH_S = 2_208_988_800


class Client:
    """One connection; requests one after the other, media packets aside."""

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.url, self.reader, self.writer = url, reader, writer
        self.session: dict[str, str] = {}
        self.cseq = 0

    async def ask(self, method: str, path: str = "", **headers: str) -> tuple[int, dict[str, str]]:
        self.cseq += 1
        lines = [f"{method} {self.url}{path} RTSP/1.0", f"CSeq: {self.cseq}"]
        lines += [f"{k}: {v}" for k, v in {**self.session, **headers}.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        while (first := await self.reader.readexactly(1)) == b"$":
            await self._packet()
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        answer = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:])}
        await self.reader.readexactly(int(answer.get("content-length", 0)))
        assert answer["cseq"] == str(self.cseq)
        return int(head[0].split()[1]), answer

    async def watch(self) -> None:
        status, answer = await self.ask("SETUP", "/track1", **TCP)
        assert status == 200
        self.session = {"Session": answer["session"].split(";")[0]}
        status, _ = await self.ask("PLAY")
        assert status == 200

    async def _packet(self) -> tuple[int, bytes]:
        channel, size = struct.unpack(">BH", await self.reader.readexactly(3))
        return channel, await self.reader.readexactly(size)

    async def packet(self) -> tuple[int, bytes]:
        assert await self.reader.readexactly(1) == b"$"
        return await self._packet()

    async def picture(self) -> tuple[int, bool]:
        """RTP time of the next whole picture, and whether it is a key frame."""
        key = False
        while True:
            channel, data = await self.packet()
            if channel == 1:
                continue
            kind = data[12] & 31
            key |= kind == 5 or (kind == 28 and data[13] & 31 == 5)
            if data[1] & 0x80:
                return struct.unpack(">I", data[4:8])[0], key


@asynccontextmanager
async def connect(studio: Any, camera: str = "mapo-00001") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", studio.port)
    try:
        async with asyncio.timeout(30):
            yield Client(studio.url(camera), reader, writer)
    finally:
        writer.close()


@dataclass
class Timed:
    """The wall clock as the sender report ties it to RTP time."""

    ntp_us: int
    rtp: int

    @staticmethod
    async def of(client: Client) -> "Timed":
        channel, data = await client.packet()
        assert (channel, data[1]) == (1, 200), "a sender report comes before the first picture"
        seconds, fraction, rtp = struct.unpack(">III", data[8:20])
        return Timed((seconds - NTP_EPOCH_S) * 1_000_000 + (fraction * 1_000_000 >> 32), rtp)

    def wall_us(self, rtp: int) -> int:
        return self.ntp_us + ((rtp - self.rtp + (1 << 31)) % (1 << 32) - (1 << 31)) * 100 // 9


async def test_key_frames_keep_the_cameras_phase_whenever_a_viewer_arrives(
    open_studio: Open,
) -> None:
    beat = Beat.of(CameraId("mapo-00001"))
    async with open_studio() as studio:
        for wait_for_key in (False, True):
            async with connect(studio) as client:
                await client.watch()
                timed = await Timed.of(client)
                keys: list[int] = []
                while len(keys) < 2:
                    rtp, key = await client.picture()
                    if key:
                        keys.append(timed.wall_us(rtp))
                assert [abs((k - beat.phase_us + 1000) % 2_000_000) < 2000 for k in keys] == [
                    True
                ] * 2
                assert keys[1] - keys[0] == pytest.approx(2_000_000, abs=100)
                assert wait_for_key or abs(timed.ntp_us / 1e6 - time.time()) < 30


async def test_a_synchronization_point_gives_a_key_frame_to_all_at_once(open_studio: Open) -> None:
    beat = Beat.of(CameraId("mapo-00001"))
    async with open_studio() as studio, connect(studio) as one, connect(studio) as two:
        await one.watch()
        await two.watch()
        timed = await Timed.of(one)
        while True:
            rtp, key = await one.picture()
            tick = (timed.wall_us(rtp) + 1000 - beat.phase_us) // 100_000 % 20
            if not key and 2 < tick < 10:
                break
        studio.feeds.want_key(CameraId("mapo-00001"))
        key = False
        while not key:
            rtp, key = await one.picture()
        assert (timed.wall_us(rtp) + 1000 - beat.phase_us) // 100_000 % 20, "not at its own time"
        while not (await two.picture())[1]:
            pass


async def test_two_viewers_share_one_encoder_and_nobody_watching_means_no_rendering(
    open_studio: Open,
) -> None:
    camera = CameraId("mapo-00001")
    async with open_studio() as studio:
        async with connect(studio) as one, connect(studio) as two:
            assert studio.source.rendered == {}
            await one.watch()
            await two.watch()
            start = await Timed.of(one)
            await two.picture()
            before, first = studio.source.rendered[camera], (await one.picture())[0]
            for _ in range(10):
                last = (await one.picture())[0]
            ticks = round((start.wall_us(last) - start.wall_us(first)) / 100_000)
            assert studio.source.rendered[camera] - before <= ticks + 5
            assert studio.feeds.watched == {camera: 2}
            assert (await one.ask("TEARDOWN"))[0] == 200
            await two.picture()
            assert studio.feeds.watched == {camera: 1}
        async with asyncio.timeout(20):
            while studio.feeds.watched:  # noqa: ASYNC110 - the server notices the end by itself
                await asyncio.sleep(0.01)


async def test_each_wrong_step_has_its_own_status(open_studio: Open) -> None:
    async with open_studio() as studio, connect(studio) as client:
        assert (await client.ask("OPTIONS"))[0] == 200
        assert (await client.ask("PLAY"))[0] == 454
        udp = "RTP/AVP;unicast;client_port=5000-5001"
        assert (await client.ask("SETUP", "/track1", Transport=udp))[0] == 461
        assert (await client.ask("SETUP", "/other", **TCP))[0] == 404
        assert (await client.ask("SETUP", "/track1", Session="nope", **TCP))[0] == 454
        assert (await client.ask("ANNOUNCE"))[0] == 501
        assert (await client.ask("OPTIONS", Require="funky"))[0] == 551
        await client.watch()
        assert (await client.ask("PLAY"))[0] == 455
        assert (await client.ask("SETUP", "/track1", **TCP))[0] == 455
        assert (await client.ask("GET_PARAMETER"))[0] == 200
        assert (await client.ask("PAUSE"))[0] == 200
        assert (await client.ask("PLAY"))[0] == 200
        assert (await client.ask("TEARDOWN"))[0] == 200
        assert (await client.ask("PLAY"))[0] == 454
    async with open_studio() as studio, connect(studio, "mapo-99999") as client:
        assert (await client.ask("DESCRIBE"))[0] == 404


async def test_a_silent_viewer_is_let_go_and_a_living_one_stays(open_studio: Open) -> None:
    async with (
        open_studio(session_timeout_s=3.0) as studio,
        connect(studio) as silent,
        connect(studio) as living,
    ):
        await silent.watch()
        await living.watch()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            while True:
                await silent.picture()
                await living.ask("GET_PARAMETER")
        await living.ask("GET_PARAMETER")
        await living.picture()


async def test_a_camera_that_dies_closes_on_its_viewers(open_studio: Open) -> None:
    async with open_studio() as studio, connect(studio) as client:
        await client.watch()
        await client.picture()
        studio.park.get("mapo-00001").fault = Fault.DEAD
        studio.feeds.end(CameraId("mapo-00001"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            while True:
                await client.picture()


async def test_a_frozen_camera_renders_one_picture_and_goes_on_sending_it(
    open_studio: Open,
) -> None:
    async with open_studio() as studio, connect(studio) as client:
        studio.park.get("mapo-00001").fault = Fault.FROZEN
        await client.watch()
        for _ in range(5):
            await client.picture()
        assert studio.source.rendered[CameraId("mapo-00001")] == 1


RTSP_LIKE = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(
            [b"OPTIONS", b"SETUP", b" ", b"rtsp://x/mapo-00001", b"RTSP/1.0", b"\r\n", b"CSeq: 1",
             b"Content-Length: ", b"-1", b"99999999", b"Transport: RTP/AVP/TCP", b"$\x00\x00\x04",
             b"Authorization: Digest ", b":", b"\xff", b"\r\n\r\n"]
        ),
        max_size=25,
    ).map(b"".join),
)  # fmt: skip


async def test_garbage_never_ends_the_server(open_studio: Open) -> None:
    async with open_studio() as studio:
        loop = asyncio.get_running_loop()

        async def throw(data: bytes) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", studio.port)
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(20):
                try:
                    while await reader.read(4096):
                        pass
                except ConnectionError:
                    pass
            writer.close()

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(RTSP_LIKE)
        def try_it(data: bytes) -> None:
            asyncio.run_coroutine_threadsafe(throw(data), loop).result()

        await asyncio.to_thread(try_it)
        async with connect(studio) as client:
            assert (await client.ask("DESCRIBE"))[0] == 200


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", (0, 1)),
        ("RTP/AVP/TCP", (0, 1)),
        ("RTP/AVP;unicast;client_port=1-2,RTP/AVP/TCP;interleaved=4-5", (4, 5)),
        ("RTP/AVP;unicast;client_port=5000-5001", None),
        ("RTP/AVP/TCP;multicast", None),
        ("RTP/AVP/TCP;interleaved=x", None),
        ("", None),
    ],
)
def test_transport_offers(offer: str, expected: tuple[int, int] | None) -> None:
    assert interleaved_channels(offer) == expected
