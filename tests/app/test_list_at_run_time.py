"""A district process follows its list: its cameras are at the hub, and outlive a list that cannot be."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from safetynet.access.keys import open_node_key
from safetynet.app.settings import (
    CameraAccess,
    DistrictProcessSettings,
    DistrictSettings,
    save_settings,
)
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, CameraId
from safetynet.federation.bus import Bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.sync import sync_catalogue
from tests.federation.conftest import MAPO, Buses, Servers, buses, servers
from tests.support import eventually

__all__ = ["buses", "servers"]  # fixtures: the federation's two servers

HEAD = "id,lon,lat,azimuth_deg\n"


def write(path: Path, text: str) -> None:
    """Replace a list at once."""
    new = path.with_suffix(".new")
    new.write_text(HEAD + text, encoding="utf-8")
    new.replace(path)


@asynccontextmanager
async def district(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, killed in the end."""
    command = [sys.executable, "-m", "safetynet.app.cli", "district", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def settings(servers: Servers, folder: Path, cameras: Path) -> Path:
    path = folder / "mapo.json"
    save_settings(
        path,
        DistrictProcessSettings(
            bundle=str(folder / "none"),
            districts=(
                DistrictSettings(
                    node=MAPO,
                    data=str(folder / "mapo"),
                    nats_url=servers.url[MAPO],
                    keys=str(servers.folder / MAPO),
                    cameras_file=str(cameras),
                ),
            ),
            cameras=CameraAccess(rtsp_url="rtsp://127.0.0.1:9/{camera}"),
            issuers=(open_node_key(folder / "hub", HUB).jwk(),),
        ),
    )
    return path


async def has(hub: Bus, **azimuths: float) -> Catalogue:
    """The district's catalogue as soon as it is these cameras."""

    async def look() -> Catalogue | None:
        try:
            found = await sync_catalogue(hub, MAPO)
        except UnavailableError:
            return None
        return found if {c.id: c.azimuth_deg for c in found.cameras} == azimuths else None

    return await eventually(look)


async def test_a_list_is_followed_while_the_district_serves(
    servers: Servers,
    buses: Buses,
    tmp_path: Path,
) -> None:
    cameras = tmp_path / "cameras.csv"
    write(cameras, "a,126.9,37.5,10\nb,126.9,37.5,20\n")
    config = settings(servers, tmp_path, cameras)
    async with district(config):
        await has(buses.hub, a=10.0, b=20.0)
        write(cameras, "a,126.9,37.5,90\nc,126.9,37.5,30\n")
        changed = await has(buses.hub, a=90.0, c=30.0)
    write(cameras, "a,126.9\n")
    async with district(config):
        again = await has(buses.hub, a=90.0, c=30.0)
        assert again.checksum == changed.checksum
        assert again.find(CameraId("b")) is None
