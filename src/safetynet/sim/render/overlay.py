"""Name and clock in the corners of the picture."""

from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from safetynet.sim.render.light import SEOUL

Picture = NDArray[np.uint8]
_SIZE_PX = 26
_MARGIN_PX = 18


def put_overlay(picture: Picture, name: str, at: datetime, scale: int) -> None:
    """Write the name at the top left and Seoul's clock at the top right, both with a dark rim."""
    clock = at.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S")
    margin = _MARGIN_PX // scale
    for text, at_right in ((name, False), (clock, True)):
        ink, rim = _text(text, _SIZE_PX // scale)
        height, width = ink.shape
        left = picture.shape[1] - margin - width if at_right else margin
        part = picture[margin : margin + height, left : left + width]
        ink, rim = ink[:, : part.shape[1], None], rim[:, : part.shape[1], None]
        dark = part * (256 - rim) >> 8
        part[:] = (dark * (256 - ink) + 236 * ink) >> 8


@lru_cache(maxsize=4)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    path = files("safetynet.sim.render").joinpath("font/overlay-kr-medium.otf")
    return ImageFont.truetype(BytesIO(path.read_bytes()), size_px)


@lru_cache(maxsize=256)
def _text(text: str, size_px: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Cover of the letters and of the rim around them, 0…255."""
    font = _font(size_px)
    _, _, right, bottom = font.getbbox(text, stroke_width=2)
    size = (int(right) + 4, int(bottom) + 4)
    covers = []
    for stroke in (0, 2):
        image = Image.new("L", size, 0)
        ImageDraw.Draw(image).text((2, 2), text, font=font, fill=255, stroke_width=stroke)
        covers.append(np.asarray(image).astype(np.uint16))
    return covers[0], covers[1]
