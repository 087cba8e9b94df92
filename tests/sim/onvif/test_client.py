"""The standard client drives the cameras, and the picture shows it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import av
import numpy as np
import pytest
from onvif import ONVIFCamera
from PIL import Image
from zeep.exceptions import Fault as ClientFault

from safetynet.sim.camera import Fault
from safetynet.sim.rtsp.digest import Credentials

Open = Callable[..., AbstractAsyncContextManager[Any]]
SECRET = Credentials(user="op", password="s3cret")


@asynccontextmanager
async def client(site: Any, camera: str, user: str = "", password: str = "") -> AsyncIterator[Any]:
    """The standard client, which takes an address without a path and adds its own."""
    base = f"http://127.0.0.1:{site.port}/onvif/{camera}"
    onvif = ONVIFCamera(base, site.port, user, password, no_cache=True)
    try:
        await onvif.update_xaddrs()
        yield onvif
    finally:
        await onvif.close()


def top_colour(url: str) -> Any:
    """Mean colour of the test picture's band, which says where the camera looks."""
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=15) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24")[20:150].reshape(-1, 3).mean(axis=0)


async def arrived(ptz: Any) -> Any:
    """The status once the head stands still."""
    async with asyncio.timeout(20):
        while True:
            status = await ptz.GetStatus({"ProfileToken": "main"})
            if status.MoveStatus.PanTilt == "IDLE":
                return status
            await asyncio.sleep(0.05)


async def test_the_camera_says_who_it_is_and_where_its_stream_is(open_site: Open) -> None:
    async with open_site() as site, client(site, "mapo-00001") as onvif:
        device = await onvif.create_devicemgmt_service()
        media = await onvif.create_media_service()
        information = await device.GetDeviceInformation()
        time = await device.GetSystemDateAndTime()
        scopes = await device.GetScopes()
        capabilities = await device.GetCapabilities({"Category": "All"})
        profiles = await media.GetProfiles()
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        stream = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": "main"})
        assert information.SerialNumber == "mapo-00001"
        assert time.UTCDateTime.Date.Year >= 2024
        assert any("mapo-00001" in s.ScopeItem for s in scopes)
        assert capabilities.PTZ is None
        assert profiles[0].VideoEncoderConfiguration.Resolution.Width == 1280
        assert profiles[0].PTZConfiguration is None
        colour = await asyncio.to_thread(top_colour, stream.Uri)
        assert colour[2] == pytest.approx(128, abs=10)


async def test_a_move_takes_its_time_and_turns_the_picture(open_site: Open) -> None:
    async with open_site() as site, client(site, "mapo-00002") as onvif:
        ptz = await onvif.create_ptz_service()
        media = await onvif.create_media_service()
        position = {"PanTilt": {"x": 1.0, "y": -0.5}, "Zoom": {"x": 0.25}}
        await ptz.AbsoluteMove({"ProfileToken": "main", "Position": position})
        moving = await ptz.GetStatus({"ProfileToken": "main"})
        assert moving.MoveStatus.PanTilt == "MOVING"
        assert abs(moving.Position.PanTilt.x) < 1
        status = await arrived(ptz)
        assert abs(status.Position.PanTilt.x) == pytest.approx(1.0)
        assert status.Position.PanTilt.y == pytest.approx(-0.5)
        assert status.Position.Zoom.x == pytest.approx(0.25)
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        stream = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": "main"})
        colour = await asyncio.to_thread(top_colour, stream.Uri)
        assert colour[0] == pytest.approx(270 * 255 / 360, abs=10)
        assert colour[1] == pytest.approx(45 * 255 / 90, abs=10)


async def test_presets_home_and_stop(open_site: Open) -> None:
    async with open_site() as site, client(site, "mapo-00002") as onvif:
        ptz = await onvif.create_ptz_service()
        nodes = await ptz.GetNodes()
        assert nodes[0].HomeSupported
        assert await ptz.GetConfigurations()
        token = await ptz.SetPreset({"ProfileToken": "main", "PresetName": "home"})
        near = {"PanTilt": {"x": 0.1, "y": -0.3}}
        await ptz.AbsoluteMove({"ProfileToken": "main", "Position": near})
        assert (await arrived(ptz)).Position.PanTilt.x == pytest.approx(0.1)
        await ptz.SetHomePosition({"ProfileToken": "main"})
        await ptz.GotoPreset({"ProfileToken": "main", "PresetToken": token})
        assert (await arrived(ptz)).Position.PanTilt.y == pytest.approx(-0.2)
        await ptz.GotoHomePosition({"ProfileToken": "main"})
        assert (await arrived(ptz)).Position.PanTilt.x == pytest.approx(0.1)
        assert [p.Name for p in await ptz.GetPresets({"ProfileToken": "main"})] == ["home"]
        far = {"PanTilt": {"x": -0.9, "y": -1.0}}
        await ptz.AbsoluteMove({"ProfileToken": "main", "Position": far})
        await ptz.Stop({"ProfileToken": "main", "PanTilt": True, "Zoom": True})
        assert (await arrived(ptz)).Position.PanTilt.x != pytest.approx(-0.9)


async def test_what_cannot_be_done_is_a_fault_with_its_reason(open_site: Open) -> None:
    async with open_site() as site, client(site, "mapo-00002") as onvif:
        ptz = await onvif.create_ptz_service()
        media = await onvif.create_media_service()
        over = {"PanTilt": {"x": 0.0, "y": 0.9}}
        with pytest.raises(ClientFault, match="out of reach"):
            await ptz.AbsoluteMove({"ProfileToken": "main", "Position": over})
        with pytest.raises(ClientFault, match="profile"):
            await ptz.GetStatus({"ProfileToken": "other"})
        with pytest.raises(ClientFault, match="preset"):
            await ptz.GotoPreset({"ProfileToken": "main", "PresetToken": "p9"})
        with pytest.raises(ClientFault, match="Not implemented"):
            await media.GetVideoSources()


async def test_only_who_knows_the_password_may_ask(open_site: Open) -> None:
    async with open_site(credentials=SECRET) as site:
        async with client(site, "mapo-00002", "op", "s3cret") as onvif:
            ptz = await onvif.create_ptz_service()
            assert (await ptz.GetStatus({"ProfileToken": "main"})).Position.Zoom.x == 0
            picture = await onvif.get_snapshot("main")
            assert Image.open(io.BytesIO(picture)).size == (1280, 720)
        async with client(site, "mapo-00002", "op", "wrong") as onvif:
            ptz = await onvif.create_ptz_service()
            with pytest.raises(ClientFault, match="not authorized"):
                await ptz.GetStatus({"ProfileToken": "main"})


async def test_the_still_shows_the_fault(open_site: Open) -> None:
    async with open_site() as site, client(site, "mapo-00001") as onvif:
        site.park.get("mapo-00001").fault = Fault.BLACK
        black = np.asarray(Image.open(io.BytesIO(await onvif.get_snapshot("main"))))
        assert black.max() < 16
