"""Takes the pictures of the console that the documents show: a live incident, drawn by seed.

    python tools/screenshots.py [--city BUNDLE] [--hub URL] [--seed 7] [--out docs/img]

Without ``--hub`` it starts the embedded city by day, waits until every district is in, and ends it
again; a night picture follows from a second city by night. Of the places drawn in the wanted district
the one is taken whose least sharp view is the sharpest. Needs Chromium and Playwright.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from playwright.async_api import Browser, async_playwright

from safetynet.app.embedded import EmbeddedCity
from safetynet.city.bundle import load_city
from safetynet.sim.rehearsal.scenario import Planned, plan_incidents

ROOT = Path(__file__).resolve().parent.parent
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
DAY = "2026-05-12T14:20:00+09:00"
NIGHT = "2026-05-12T22:10:00+09:00"
SIZE = {"width": 1600, "height": 900}
MAX_BYTES = 700_000
COLOURS = 256
DRAWN = 1000
SEES_WELL = 0.85
LIVE_WITHIN_MS = 90_000
MORE_FRAMES = 30
LIVE = f"""() => {{
  const all = [...document.querySelectorAll('[data-camera][data-state]')];
  return all.length === 4 && all.every((e) =>
    e.dataset.state === 'live' && Number(e.dataset.frames) > {MORE_FRAMES});
}}"""


def main() -> int:
    """Take every picture; 0 when all are written."""
    parser = argparse.ArgumentParser(description="Takes the console's pictures.")
    parser.add_argument("--city", type=Path, help="bundle of the city (default: built, scale 0.1)")
    parser.add_argument("--hub", help="address of a running hub; only its light is shown then")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--district", default="mapo", help="node to stage the incident in")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    return asyncio.run(_take(parser.parse_args()))


async def _take(asked: argparse.Namespace) -> int:
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="safetynet-") as folder:
        bundle = asked.city or _build(Path(folder) / "city")
        draw = plan_incidents(load_city(bundle), DRAWN, asked.seed)
        places = [p for p in draw if p.district == asked.district]
        async with _browser() as browser:
            if asked.hub:
                await _shoot(browser, asked.hub, places, asked.out, ("ko", "en"), "")
                return 0
            async with _city(bundle, Path(folder) / "day", DAY) as hub:
                await _shoot(browser, hub, places, asked.out, ("ko", "en"), "")
            async with _city(bundle, Path(folder) / "night", NIGHT) as hub:
                await _shoot(browser, hub, places, asked.out, ("ko",), "night-")
    return 0


def _build(out: Path) -> Path:
    from safetynet.base.clock import SystemClock
    from safetynet.city.build import BuildOrder, build_city

    print("screenshots: building a synthetic Seoul at scale 0.1")
    build_city(BuildOrder(name="seoul", out=out, scale=0.1), SystemClock(), lambda step: None)
    return out


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    program = os.environ.get("SAFETYNET_CHROMIUM") or shutil.which("chromium")
    if program is None:
        sys.exit("screenshots: needs Chromium (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def _city(bundle: Path, data: Path, at: str) -> AsyncIterator[str]:
    print(f"screenshots: starting the city at {at}")
    embedded = EmbeddedCity(bundle, data, http_port=0, ucp_port=0, at=at, join_every_s=0.5)
    try:
        await embedded.start()
        await embedded.wait_joined(120)
        yield embedded.addresses.hub_url
    finally:
        await embedded.stop()


async def _shoot(
    browser: Browser,
    hub: str,
    places: list[Planned],
    out: Path,
    languages: tuple[str, ...],
    light: str,
) -> None:
    async with httpx.AsyncClient(base_url=hub, timeout=30) as client:
        place = await _find_place(client, places)
        print(f"screenshots: a fire at {place.lon:.5f}, {place.lat:.5f}")
        staging = (await client.get("/api/settings")).json()["staging"]
        order = {"kind": "fire", "lon": place.lon, "lat": place.lat}
        staged = (await client.post(f"{staging}/stage", json=order)).json()
        try:
            for language in languages:
                await _picture(browser, hub, language, out / f"console-{light}{language}.png")
        finally:
            await client.delete(f"{staging}/stage/{staged['id']}")


async def _find_place(client: httpx.AsyncClient, places: list[Planned]) -> Planned:
    found: list[tuple[float, Planned]] = []
    for place in places:
        query: dict[str, str | float] = {
            "lon": place.lon,
            "lat": place.lat,
            "error_m": 20,
            "target": "fire",
        }
        answer = (await client.get("/api/views", params=query)).json()
        views = [view["chosen"] for view in answer["views"]]
        if len(views) == 4 and all(view["share_seen"] > SEES_WELL for view in views):
            found.append((min(view["px_per_m"] for view in views), place))
    if not found:
        raise SystemExit("screenshots: no place of the draw has four good views; try another seed")
    return max(found, key=lambda one: one[0])[1]


async def _picture(browser: Browser, hub: str, language: str, path: Path) -> None:
    page = await browser.new_page(viewport=SIZE)  # type: ignore[arg-type] # its own TypedDict
    await page.add_init_script(f"localStorage.setItem('safetynet.language', '{language}')")
    await page.goto(hub)
    await page.wait_for_function(LIVE, timeout=LIVE_WITHIN_MS)
    _save(await page.screenshot(), path)
    await page.close()


def _save(png: bytes, path: Path) -> None:
    image = Image.open(BytesIO(png)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"screenshots: {path} ({path.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    sys.exit(main())
