"""A picture to draw on: shapes with soft edges, then text that stays crisp."""

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

type Point = tuple[float, float]
type Colour = tuple[int, int, int, int]

PX = 2
"""Pixels of the picture for each unit that is drawn in: it is sharp at twice its size."""
SMOOTH = 2
"""Shapes are drawn so much larger and then reduced."""
BOLD, REGULAR = 700, 430


def find_font() -> Path | None:
    """The console's typeface, which has Korean letters; None where the console is not built."""
    assets = files("safetynet.web") / "static" / "assets"
    if not assets.is_dir():
        return None
    found = sorted(p.name for p in assets.iterdir() if p.name.startswith("PretendardVariable"))
    return Path(str(assets / found[0])) if found else None


def colour(hexed: str, opacity: float = 1.0) -> Colour:
    """``#rrggbb`` and an opacity from 0 to 1."""
    r, g, b = (int(hexed[i : i + 2], 16) for i in (1, 3, 5))
    return r, g, b, round(255 * opacity)


class Canvas:
    """Draws in units; everything is ``PX`` times as large in the picture. Text comes last."""

    def __init__(self, width: float, height: float, ground: str, font: Path | None) -> None:
        self.width, self.height = width, height
        size = (round(width * PX * SMOOTH), round(height * PX * SMOOTH))
        self._image = Image.new("RGB", size, ground)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._scale = PX * SMOOTH
        self._font_file = font

    @property
    def speaks_korean(self) -> bool:
        """True where the typeface has Korean letters."""
        return self._font_file is not None

    def polygon(self, points: Sequence[Point], fill: Colour, edge: Colour | None = None) -> None:
        """A filled ring."""
        if len(points) > 2:
            self._draw.polygon(self._at(points), fill=fill)
            if edge is not None:
                self.line([*points, points[0]], edge, 0.7)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A line with round joints."""
        self._draw.line(self._at(points), fill=fill, width=self._wide(width), joint="curve")

    def dashes(
        self, points: Sequence[Point], fill: Colour, width: float, on: float, off: float
    ) -> None:
        """A broken line along the points."""
        phase = 0.0
        for a, b in pairwise(points):
            length = math.dist(a, b)
            at = -phase
            while at < length:
                first, last = max(at, 0.0), min(at + on, length)
                if last > first:
                    ends = [_between(a, b, first / length), _between(a, b, last / length)]
                    self._draw.line(self._at(ends), fill=fill, width=self._wide(width))
                at += on + off
            phase = (phase + length) % (on + off)

    def circle(
        self, at: Point, radius: float, fill: Colour, edge: Colour | None = None, width: float = 1.0
    ) -> None:
        """A disc, with an edge of its own colour."""
        if edge is not None:
            self._draw.ellipse(self._box(at, radius + width), fill=edge)
        self._draw.ellipse(self._box(at, radius), fill=fill)

    def wedge(
        self, at: Point, radius: float, middle_deg: float, half_deg: float, fill: Colour
    ) -> None:
        """A piece of a disc around a compass direction."""
        first, last = middle_deg - half_deg - 90, middle_deg + half_deg - 90
        self._draw.pieslice(self._box(at, radius), first, last, fill=fill)

    def rectangle(
        self, box: tuple[float, float, float, float], fill: Colour, radius: float = 0.0
    ) -> None:
        """A box (left, top, right, bottom) with round corners."""
        left, top, right, bottom = (v * self._scale for v in box)
        self._draw.rounded_rectangle((left, top, right, bottom), radius * self._scale, fill=fill)

    def settle(self) -> None:
        """End of the shapes: what is drawn from now on is text, at the picture's own size."""
        self._image = self._image.reduce(SMOOTH)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._scale = PX

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        fill: Colour,
        *,
        weight: int = REGULAR,
        anchor: str = "ls",
    ) -> None:
        """One line of text; the anchor is Pillow's: ``ls`` left on the baseline, ``mm`` the middle."""
        x, y = at
        font = self._font(size, weight)
        self._draw.text((x * self._scale, y * self._scale), text, fill, font, anchor=anchor)

    def text_width(self, text: str, size: float, weight: int = REGULAR) -> float:
        """Length of a line of text."""
        return float(self._font(size, weight).getlength(text)) / PX

    def wrap(self, text: str, size: float, width: float, most: int) -> list[str]:
        """The text in at most so many lines; what does not fit ends in an ellipsis."""
        lines: list[str] = [""]
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            if not lines[-1] or self.text_width(longer, size) <= width:
                lines[-1] = longer
            else:
                lines[-1] = lines[-1].removesuffix(" ·")
                lines.append(word)
        if len(lines) > most:
            lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
        return lines

    def picture(self) -> Image.Image:
        """What was drawn."""
        return self._image

    def _font(self, size: float, weight: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _open_font(self._font_file, size * PX, weight)

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def _box(self, at: Point, radius: float) -> tuple[float, float, float, float]:
        x, y, r = at[0] * self._scale, at[1] * self._scale, radius * self._scale
        return x - r, y - r, x + r, y + r

    def _wide(self, width: float) -> int:
        return max(1, round(width * self._scale))


@cache
def _open_font(
    file: Path | None, size_px: float, weight: int
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Unpacking the typeface takes a tenth of a second; nobody changes what is returned."""
    if file is None:
        return ImageFont.load_default(size_px)
    font = ImageFont.truetype(str(file), size_px)
    font.set_variation_by_axes([weight])
    return font


def _between(a: Point, b: Point, part: float) -> Point:
    return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part
