"""The console's wall of pictures, as a test reads it."""

import base64
import io
import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import CDPSession, Page

from safetynet.sim.stage import Staged
from tests.browser.hub import Hub
from tests.support import eventually

_PICTURES = """() => [...document.querySelectorAll('[data-camera][data-state]')].map((e) => ({
  camera: e.dataset.camera, state: e.dataset.state, frames: Number(e.dataset.frames),
  way: e.dataset.way ?? '', open: !!e.querySelector('video')?.currentSrc
    && e.querySelector('video').readyState > 0,
  words: e.parentElement.querySelector('.message')?.textContent ?? '' }))"""
_GRAB = """(camera) => {
  const video = document.querySelector(`[data-camera="${camera}"] video`);
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png');
}"""
_WATCH_END = """() => {
  const times = (window.endTimes = { pressed: 0, frame: 0, ended: 0 });
  const note = (records) => {
    for (const { attributeName: name, target } of records) {
      if (name === 'data-frames') times.frame = performance.now();
      if (name === 'data-state' && target.dataset.state === 'ended') times.ended = performance.now();
    }
  };
  const options = { subtree: true, attributeFilter: ['data-frames', 'data-state'] };
  new MutationObserver(note).observe(document.body, options);
  addEventListener('click', (event) => {
    if (event.target.closest('[data-action="confirm-end"]')) times.pressed = performance.now();
  }, true);
}"""


_ABSENCE = """(node) => {
  const item = document.querySelector(`li[data-node="${node}"]`);
  return { state: item.dataset.state, words: item.innerText,
    banner: document.querySelector('[data-away]')?.innerText ?? '' };
}"""


def _mercator(lon: float, lat: float, zoom: float) -> tuple[float, float]:
    """Pixels of the map's world, whose tiles are 512 wide."""
    world = 512 * 2**zoom
    north = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) / (2 * math.pi)
    return (lon / 360 + 0.5) * world, (0.5 - north) * world


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One picture on the wall."""

    camera: str
    state: str
    frames: int
    """Frames that reached the screen."""
    way: str
    """``direct`` or ``relay``."""
    open: bool
    """True while the video element holds a stream."""
    words: str
    """What is written over it."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """What the console says of a district at one moment."""

    state: str
    words: str
    """In the strip of districts."""
    banner: str
    """Of those that are away."""


class EndTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When, in milliseconds of the page's clock, an end was pressed and what followed last."""

    pressed: float
    frame: float
    ended: float


class Wall:
    """Reads a page; changes nothing but by keys and clicks."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def pictures(self) -> list[Shown]:
        """Every picture, in the order of the wall."""
        return msgspec.convert(await self._page.evaluate(_PICTURES), list[Shown])

    async def find_on_map(self, lon: float, lat: float) -> tuple[float, float]:
        """Where a position lies on the page, in pixels, once the map rests."""
        still = self._page.locator("[data-centre]")
        told = await still.get_attribute("data-centre", timeout=60_000)
        box = await still.bounding_box()
        assert told and box
        mid_lon, mid_lat, zoom = map(float, told.split(","))
        (x, y), (mid_x, mid_y) = _mercator(lon, lat, zoom), _mercator(mid_lon, mid_lat, zoom)
        return (
            box["x"] + box["width"] / 2 + x - mid_x,
            box["y"] + box["height"] / 2 + y - mid_y,
        )

    async def wait_playing(self, hub: Hub, staged: Staged, *, within_s: float = 90) -> list[Shown]:
        """Wait until every view that the hub chose for a staged thing plays, and no other."""

        async def playing() -> list[Shown]:
            incident = await hub.find_incident(staged)
            shown = await self.pictures()
            assert incident is not None, "not reported yet"
            assert incident.views, "no views yet"
            assert {s.camera for s in shown} == {v.camera for v in incident.views}, shown
            assert all(s.state == "live" and s.frames for s in shown), shown
            return shown

        return await eventually(playing, within_s=within_s)

    async def wait_state(self, state: str, *, within_s: float = 60) -> list[Shown]:
        """Wait until every picture stands so."""

        async def there() -> list[Shown]:
            shown = await self.pictures()
            assert shown, "no pictures"
            assert all(s.state == state for s in shown), shown
            return shown

        return await eventually(there, within_s=within_s)

    async def wait_more_frames(self, before: list[Shown], more: int) -> None:
        """Wait until each picture has shown so many frames more."""
        had = {s.camera: s.frames for s in before}

        async def advanced() -> bool:
            shown = await self.pictures()
            assert {s.camera for s in shown} == set(had), shown
            assert all(s.frames >= had[s.camera] + more for s in shown), shown
            return True

        await eventually(advanced)

    async def wait_away(self, node: str) -> Absence:
        """Wait until a district is said to be away; a short one may be over in a second."""

        async def away() -> Absence | None:
            found = msgspec.convert(await self._page.evaluate(_ABSENCE, node), Absence)
            return found if found.state == "away" else None

        return await eventually(away, within_s=60)

    async def grab(self, camera: str) -> NDArray[np.uint8]:
        """The frame that a picture shows now, as RGB (rows, columns, 3)."""
        url: str = await self._page.evaluate(_GRAB, camera)
        image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        return np.asarray(image.convert("RGB"))

    async def watch_end(self) -> None:
        """Begin to note the times of ``end_times``."""
        await self._page.evaluate(_WATCH_END)

    async def end_times(self) -> EndTimes:
        """What was noted."""
        return msgspec.convert(await self._page.evaluate("() => window.endTimes"), EndTimes)

    async def fonts_of(self, selector: str) -> dict[str, bool]:
        """Faces that the browser drew an element's text with, and whether the page brought them."""
        session = await self._page.context.new_cdp_session(self._page)
        try:
            return await _fonts(session, selector)
        finally:
            await session.detach()


async def _fonts(session: CDPSession, selector: str) -> dict[str, bool]:
    await session.send("DOM.enable")
    await session.send("CSS.enable")
    document = await session.send("DOM.getDocument", {"depth": 0})
    root = document["root"]["nodeId"]
    found: dict[str, Any] = await session.send(
        "DOM.querySelectorAll", {"nodeId": root, "selector": selector}
    )
    faces: dict[str, bool] = {}
    for node in found["nodeIds"]:
        answer = await session.send("CSS.getPlatformFontsForNode", {"nodeId": node})
        faces |= {f["familyName"]: f["isCustomFont"] for f in answer["fonts"]}
    return faces
