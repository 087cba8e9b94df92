"""Draws ``docs/img/beliefs.png``: what is believed of one camera after each word on its views.

    python tools/figure_beliefs.py

Pure function of ``safetynet.sight.belief``: a camera whose direction no list tells truly looks to the
north-east, 80° wide and 95 m far. Words are drawn where they were said of: a ring for "shows it", a
cross for "does not".
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind, Cameras, Origin
from safetynet.sight.belief import RANGE_STEP_M, Beliefs
from safetynet.sight.model import Witness
from safetynet.sight.mounting import AZIMUTHS

OUT = Path(__file__).resolve().parents[1] / "docs" / "img" / "beliefs.png"
TRUE_DEG, FIELD_DEG, REACH_M = 45.0, 80.0, 95.0
SHOWN_M = 150.0
SIZE, FINE = 300, 3
"""Pixels of one panel, and how much finer it is drawn before it is scaled down."""
GROUND, LOW, HIGH = (15, 22, 30), (23, 33, 44), (99, 201, 146)
LINE, TRUTH, WRONG = (226, 234, 241), (240, 178, 84), (255, 123, 114)


@dataclass(frozen=True)
class Word:
    """What a viewer said of a place at a bearing and distance."""

    bearing_deg: float
    distance_m: float
    shown: bool
    wrong: bool = False


WORDS = (
    Word(60, 40, True),
    Word(200, 30, False),
    Word(320, 45, False),
    Word(30, 80, True),
    Word(250, 60, True, wrong=True),
    Word(80, 55, True),
    Word(130, 25, False),
    Word(240, 35, False),
)
PANELS = (0, 1, 4, 5, 8)
"""After so many words."""


def main() -> None:
    """Draw it."""
    beliefs = Beliefs.fresh(_one_camera(), np.array([True]))
    whole = Image.new("RGB", (SIZE * len(PANELS), SIZE), GROUND)
    said = 0
    for k, count in enumerate(PANELS):
        for word in WORDS[said:count]:
            _say(beliefs, word)
        said = count
        whole.paste(_panel(beliefs, WORDS[:count]), (k * SIZE, 0))
    whole.save(OUT, optimize=True)
    print(f"wrote {OUT.name}: {beliefs.explain(0)}")


def _one_camera() -> Cameras:
    one = np.zeros(1)
    return Cameras(
        id=(CameraId("c"),),
        name=("c",),
        district=np.zeros(1, np.int32),
        x=one,
        y=one,
        height_m=one + 5,
        azimuth_deg=one * np.nan,
        tilt_deg=one + 15,
        hfov_deg=one + 80,
        kind=np.array([CameraKind.FIXED], np.uint8),
        pole=np.zeros(1, np.int32),
        position_origin=np.array([Origin.DECLARED], np.uint8),
        pose_origin=np.array([Origin.ASSUMED], np.uint8),
    )


def _say(beliefs: Beliefs, word: Word) -> None:
    bearing = np.radians([word.bearing_deg])
    distance, weight = np.array([word.distance_m]), np.ones(1)
    beliefs.learn(0, bearing, distance, weight, shown=word.shown, by=Witness.OPERATOR)


def _panel(beliefs: Beliefs, words: tuple[Word, ...]) -> Image.Image:
    side = SIZE * FINE
    image = Image.new("RGB", (side, side), GROUND)
    draw = ImageDraw.Draw(image)
    chance = beliefs.chance[beliefs.row[0]]
    step_deg = 360 / AZIMUTHS
    for r in reversed(range(math.ceil(SHOWN_M / RANGE_STEP_M))):
        for a in range(AZIMUTHS):
            colour = _mix(float(chance[a, r]))
            box = _box((r + 1) * RANGE_STEP_M)
            # Pillow counts clockwise from the east, a compass from the north.
            draw.pieslice(box, a * step_deg - 90, (a + 1) * step_deg - 90, fill=colour)
    first, last = TRUE_DEG - FIELD_DEG / 2 - 90, TRUE_DEG + FIELD_DEG / 2 - 90
    draw.pieslice(_box(REACH_M), first, last, outline=TRUTH, width=2 * FINE)
    for word in words:
        _mark(draw, word)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def _mark(draw: ImageDraw.ImageDraw, word: Word) -> None:
    x, y = _pixel(word.bearing_deg, word.distance_m)
    size, colour = 5 * FINE, WRONG if word.wrong else LINE
    if word.shown:
        draw.ellipse((x - size, y - size, x + size, y + size), outline=colour, width=2 * FINE)
        return
    for way in (1, -1):
        draw.line((x - size, y - way * size, x + size, y + way * size), colour, 2 * FINE)


def _pixel(bearing_deg: float, distance_m: float) -> tuple[float, float]:
    a, scale = math.radians(bearing_deg), SIZE * FINE / 2 / SHOWN_M * 0.95
    middle = SIZE * FINE / 2
    return middle + distance_m * scale * math.sin(a), middle - distance_m * scale * math.cos(a)


def _box(radius_m: float) -> tuple[float, float, float, float]:
    middle, r = SIZE * FINE / 2, min(radius_m, SHOWN_M) * SIZE * FINE / 2 / SHOWN_M * 0.95
    return middle - r, middle - r, middle + r, middle + r


def _mix(share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(LOW, HIGH, strict=True))
    return red, green, blue


if __name__ == "__main__":
    main()
