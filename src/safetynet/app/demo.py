"""``safetynet demo``: the living city on one machine."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from safetynet.app.embedded import PILOTS, EmbeddedCity
from safetynet.app.orphan import bound_to_parent, wait_for_end
from safetynet.base.errors import UnavailableError
from safetynet.base.log import configure_logging
from safetynet.city.bundle import MANIFEST, read_manifest

RESTART_PAUSE_S = 6.0
"""Whoever pulls the plug on a district wants to see the console say so before it is back."""

QUICK_S = 3.0
"""Waiting for longer than this is worth a word."""

log = structlog.get_logger()


def default_data() -> Path:
    """Where state lives unless it is said: the user's state folder (XDG Base Directory)."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "safetynet" / "demo"


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def run_demo(
    *, city: Path | None, data: Path | None, scale: float, port: int, ucp_port: int, at: str | None
) -> int:
    """Run until Ctrl-C or SIGTERM; 0 after a clean end."""
    configure_logging(node="demo", level="warning")
    return asyncio.run(_demo(city, data or default_data(), scale, port, ucp_port, at))


async def _demo(
    city: Path | None, data: Path, scale: float, port: int, ucp_port: int, at: str | None
) -> int:
    ending = asyncio.create_task(wait_for_end())
    warming = asyncio.create_task(warm_sight())
    bundle = await unless_ended(ending, find_bundle(city, data, scale))
    if bundle is None:
        warming.cancel()
        return 130
    await unless_ended(ending, _wait_for(warming))
    embedded = EmbeddedCity(
        bundle,
        data,
        http_port=port,
        ucp_port=ucp_port,
        at=at,
        restart_pause_s=RESTART_PAUSE_S,
        on_change=_on_change,
    )
    try:
        say("demo: starting hub, districts, their message servers and the simulated city")
        await unless_ended(ending, embedded.start())
        if not ending.done():
            _announce(embedded)
            await ending
    finally:
        say("demo: ending everything")
        await embedded.stop()
    return 0


def _announce(embedded: EmbeddedCity) -> None:
    addresses = embedded.addresses
    say(f"demo: {' and '.join(PILOTS)} are in; the other districts join within a minute")
    say(f"demo: TCP frames of 119 and 112 go to {addresses.host}:{addresses.ucp}")
    for pilot in PILOTS:
        if (desk := embedded.find_desk(pilot)) is not None:
            say(
                f"demo: {pilot} has a desk of its own, with the hub or without: http://{desk.host}:{desk.http_port}/"
            )
    say("demo: click on the map to stage an incident; Ctrl-C ends everything")
    print(f"\n  Console: {addresses.hub_url}/\n", flush=True)


def _on_change(name: str, up: bool) -> None:
    if not up:
        say(f"demo: {name} ended; starting it again")


async def unless_ended[T](ending: "asyncio.Task[str]", work: Coroutine[Any, Any, T]) -> T | None:
    """The work's result; None where the end was asked for first."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


async def warm_sight() -> None:
    """Have the loops that choose views compiled, where they are not yet; best done beforehand,
    so that the first incident does not wait for it."""
    command = bound_to_parent([sys.executable, "-m", "safetynet.sight.warm"])
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise


async def _wait_for(warming: "asyncio.Task[None]") -> None:
    if not warming.done():
        await asyncio.wait({warming}, timeout=QUICK_S)
    if not warming.done():
        say("demo: compiling the loops that choose views (once)")
        await warming


async def find_bundle(city: Path | None, data: Path, scale: float) -> Path:
    """The bundle to use: the given one, or a synthetic Seoul that is built once and kept.

    Building runs in a process of its own: it needs geometry libraries that this one does without.
    """
    if city is not None:
        read_manifest(city)
        return city
    bundle = data / "city" / f"seoul-{scale:g}"
    if (bundle / MANIFEST).exists():
        return bundle
    say(f"demo: building a synthetic Seoul at scale {scale:g} (once)")
    command = [sys.executable, "-m", "safetynet.app.cli", "city", "build", "seoul"]
    process = await asyncio.create_subprocess_exec(
        *bound_to_parent([*command, "--scale", str(scale), "-o", str(bundle)])
    )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if code != 0:
        raise UnavailableError("demo.no_city", "the city could not be built", status=code)
    return bundle
