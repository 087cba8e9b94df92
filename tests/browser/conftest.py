"""A real browser, and the real embedded city: small, by day, with every camera rendered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright

from safetynet.app.embedded import EmbeddedCity
from safetynet.base.clock import SystemClock
from safetynet.city.build import BuildOrder, build_city
from safetynet.city.bundle import load_city
from safetynet.sim.world import ThingKind
from safetynet.web.app import STATIC
from tests.browser.hub import Hub, Spot
from tests.browser.wall import Wall

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SCALE = 0.05
NOON = "2026-05-12T12:00:00+09:00"


@dataclass(kw_only=True)
class Tour:
    """A page on the console, and what the browser complained of."""

    page: Page
    wall: Wall
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic Seoul with a twentieth of its cameras."""
    out = tmp_path_factory.mktemp("city") / "seoul"
    build_city(BuildOrder(name="seoul", out=out, scale=SCALE), SystemClock(), lambda step: None)
    return out


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(
    bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedCity]:
    """The city, started, with 마포 in."""
    assert (STATIC / "index.html").exists(), "the console is not built: make setup"
    embedded = EmbeddedCity(
        bundle, tmp_path_factory.mktemp("demo"), http_port=0, ucp_port=0, at=NOON
    )
    try:
        await embedded.start()
        yield embedded
    finally:
        await embedded.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(city: EmbeddedCity) -> AsyncIterator[Hub]:
    """The hub and the stage by HTTP."""
    async with Hub.open(city.addresses.hub_url, city.addresses.sim_url) as hub:
        await hub.wait_showing("mapo")
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spot(hub: Hub, bundle: Path) -> Spot:
    """A place in 마포 for which the hub has four views that show a fire there."""
    return await hub.find_spot("mapo", ThingKind.FIRE, 4, load_city(bundle))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium_path: Path) -> AsyncIterator[Browser]:
    """Headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium_path), args=list(FLAGS)
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tour(browser: Browser) -> AsyncIterator[Tour]:
    """A page that writes down what the browser complains of; nothing is opened yet."""
    page = await browser.new_page(viewport={"width": 1600, "height": 900})
    tour = Tour(page=page, wall=Wall(page))

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            tour.complaints.append(f"error: {message.text}")

    def on_error(error: Error) -> None:
        tour.complaints.append(f"uncaught: {error}")

    page.on("console", on_console)
    page.on("pageerror", on_error)
    yield tour
    await page.close()
