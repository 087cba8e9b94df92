"""The simulation as a process of its own: ``python -m safetynet.sim.process --city BUNDLE``.

When everything serves, one JSON line with the ports stands on standard output.
"""

import argparse
import asyncio
import ctypes
import os
import random
import signal
import stat
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import InvalidError, SafetyNetError
from safetynet.base.ids import CameraId
from safetynet.base.log import configure_logging
from safetynet.base.settling import share_time
from safetynet.city.bundle import load_city
from safetynet.city.model import City
from safetynet.sim.asgi import serve_asgi
from safetynet.sim.callers import Callers, Hub
from safetynet.sim.camera import CameraPark, Pose
from safetynet.sim.control import ControlApp, checked_hub
from safetynet.sim.onvif.server import OnvifApp
from safetynet.sim.render.scene import Scene
from safetynet.sim.rtsp.digest import Credentials
from safetynet.sim.rtsp.feed import Feeds
from safetynet.sim.rtsp.lens import FrameSource, Picture
from safetynet.sim.rtsp.server import RtspServer
from safetynet.sim.stage import Stage
from safetynet.sim.world import World

_log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The line on standard output."""

    host: str
    rtsp_port: int
    onvif_port: int
    control_port: int
    cameras: int
    city: str


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run."""

    host: str = "127.0.0.1"
    rtsp_port: int = 0
    onvif_port: int = 0
    control_port: int = 0
    hub: Hub = Hub()
    seed: int = 0
    credentials: Credentials | None = None
    at: datetime | None = None
    """Time of day in the living city when it starts; None where it is now."""


class ShiftedSource:
    """A source in which it is another time of day; streams keep the true clock."""

    def __init__(self, source: FrameSource, shift: timedelta) -> None:
        self._source = source
        self._shift = shift

    def render(self, camera: CameraId, pose: Pose, at: datetime, scale: int = 1) -> Picture:
        """The picture, as at the shifted time."""
        return self._source.render(camera, pose, at + self._shift, scale)


@asynccontextmanager
async def open_simulation(city: City, options: Options, clock: Clock) -> AsyncIterator[Ready]:
    """The whole living city, serving while entered."""
    world, park, rng = World(), CameraPark(city), random.Random(options.seed)
    scene = Scene(city, world)
    await asyncio.to_thread(scene.warm_up, clock.now())
    source: FrameSource = scene
    if options.at is not None:
        source = ShiftedSource(source, options.at - clock.now())
    async with (
        Callers(clock, options.hub) as callers,
        Feeds(source, clock) as feeds,
        RtspServer(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=rng,
            credentials=options.credentials,
            host=options.host,
            port=options.rtsp_port,
        ) as rtsp,
    ):
        stream_base = f"rtsp://{options.host}:{rtsp.port}"
        onvif = OnvifApp(
            park=park,
            feeds=feeds,
            clock=clock,
            rng=rng,
            stream_base=stream_base,
            credentials=options.credentials,
        )
        async with serve_asgi(onvif, options.host, options.onvif_port) as onvif_port:
            control = ControlApp(
                stage=Stage(city=city, world=world, callers=callers, clock=clock),
                world=world,
                plane=city.plane,
                park=park,
                feeds=feeds,
                callers=callers,
                clock=clock,
                rtsp=stream_base,
                onvif=f"http://{options.host}:{onvif_port}",
            )
            async with serve_asgi(control, options.host, options.control_port) as control_port:
                yield Ready(
                    host=options.host,
                    rtsp_port=rtsp.port,
                    onvif_port=onvif_port,
                    control_port=control_port,
                    cameras=len(city.cameras),
                    city=city.name,
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or the end of the parent; returns the exit status."""
    given = _parser().parse_args(arguments)
    configure_logging(node="sim")
    share_time()
    try:
        options = _options(given)
        city = load_city(given.city)
    except SafetyNetError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 2
    asyncio.run(_run(city, options))
    return 0


async def _run(city: City, options: Options) -> None:
    end = _asked_to_end()
    async with open_simulation(city, options, SystemClock()) as ready:
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        _log.info("sim.serving", **msgspec.to_builtins(ready))
        await end.wait()
    _log.info("sim.ended")


def _asked_to_end() -> asyncio.Event:
    """Set by SIGTERM, SIGINT, the death of the parent, or the end of a pipe on standard input."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        end.set()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, _watch_pipe, loop, end)
    return end


def _watch_pipe(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    if not os.read(0, 4096):
        loop.remove_reader(0)
        end.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="safetynet.sim.process", description=__doc__)
    parser.add_argument("--city", type=Path, required=True, help="folder of a city bundle")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rtsp-port", type=int, default=0)
    parser.add_argument("--onvif-port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--http-report-url", help="where callers report by HTTP")
    parser.add_argument("--ucp", metavar="HOST:PORT", help="where callers send frames")
    parser.add_argument(
        "--desk",
        action="append",
        default=[],
        metavar="CODE=HOST:PORT",
        help="a district's own desk, by the district's code: for frames that the hub does not take",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digest", metavar="USER:PASSWORD", help="cameras ask for a log-in")
    parser.add_argument("--at", metavar="ISO-TIME", help="time of day in the living city")
    return parser


def _options(given: argparse.Namespace) -> Options:
    credentials = None
    if given.digest is not None:
        user, colon, password = given.digest.partition(":")
        if not (user and colon):
            raise InvalidError("sim.digest", "--digest wants user:password")
        credentials = Credentials(user=user, password=password)
    return Options(
        host=given.host,
        rtsp_port=given.rtsp_port,
        onvif_port=given.onvif_port,
        control_port=given.control_port,
        hub=checked_hub(
            Hub(http_report_url=given.http_report_url, ucp=given.ucp, desks=_desks(given.desk))
        ),
        seed=given.seed,
        credentials=credentials,
        at=_time(given.at),
    )


def _desks(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        code, equals, address = text.partition("=")
        if not (code and equals):
            raise InvalidError("sim.desk", "--desk wants code=host:port")
        found[code] = address
    return found


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError("sim.at", "--at wants an ISO 8601 time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
