"""A place, the views that show it, the walls between, and the cameras passed over, as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from safetynet.app.see.canvas import BOLD, Canvas, Point, colour
from safetynet.app.see.frame import (
    Frame,
    Pole,
    edges_of,
    first_hit,
    frame_of,
    outlines_of,
    poles_of,
    rows_of,
    walls_of,
    way_of,
)
from safetynet.app.see.panel import PANEL, draw_panel, rank_colour
from safetynet.app.see.where import middle_of
from safetynet.app.see.words import LETTER
from safetynet.base.geo import Floats
from safetynet.city.model import City
from safetynet.sight.model import Choice, Moving, PassedOver, ReasonCode, Stretch
from safetynet.sight.service import Sight

WIDTH, HEIGHT = 880.0, 560.0
"""In units; the picture is ``canvas.PX`` times as large."""
GROUND = "#0b1117"
STREETS = ("#27333f", "#222e39", "#1d2832", "#19232c", "#161f27")
"""By ``StreetClass``, widest first."""
LOW, HIGH, EDGE = "#1a2631", "#3a4c5d", "#364757"
"""Buildings of 5 m and of 60 m, and their edges; as the console draws them."""
CUTS, HIDES, HIDES_EDGE = "#51687d", "#4a2a2b", "#d0675f"
ALARM, EYE, QUIET, TEXT = "#ff6b61", "#ffffff", "#8b9aa8", "#d5dee6"
BADGE = 8.5
PITCH = 7.0
"""From letter to letter on a plate."""
type Label = tuple[Point, str]
type Badge = tuple[Point, int]
type Box = tuple[float, float, float, float]

ROUND_M = (10, 20, 50, 100, 200, 500)


def draw_choice(
    choice: Choice, city: City, sight: Sight, font: Path | None, credit: str = ""
) -> Image.Image:
    """The picture of an answer: 1760 by 1120 pixels, equal for equal answers.

    ``font`` is ``canvas.find_font``'s; without one Pillow's own is used, which has no Korean letters.
    ``credit`` names whose data are shown.
    """
    canvas = Canvas(WIDTH, HEIGHT, GROUND, font)
    frame = frame_of(choice, city, WIDTH - PANEL, HEIGHT)
    areas = [_flat(city, sight.visible_area(v.camera, v.aim)) for v in choice.views]
    poles = poles_of(choice.passed_over, city, frame)
    _draw_streets(canvas, frame, city)
    _draw_areas(canvas, frame, areas)
    _draw_buildings(canvas, frame, city, choice, areas)
    _draw_edges(canvas, frame, areas)
    _draw_blocked(canvas, frame, city, choice)
    _draw_place(canvas, frame, city, choice)
    _draw_lines(canvas, frame, city, choice)
    badges = _place_badges(frame, city, choice)
    scale = _scale_box(frame, [p.at for p in poles] + [at for at, _ in badges])
    free_of = [_around(_middle(frame, city, choice), 7), scale, _around(_north(frame), 14)]
    labels = _draw_poles(canvas, frame, city, poles, badges, free_of)
    _draw_leaders(canvas, frame, city, choice, badges)
    for at, rank in reversed(badges):
        canvas.circle(at, BADGE, colour(rank_colour(rank)), colour(GROUND), 1.6)
    _draw_scale(canvas, frame, scale)
    canvas.rectangle((frame.width, 0, WIDTH, HEIGHT), colour("#0d141b"))
    canvas.rectangle((frame.width, 0, frame.width + 0.7, HEIGHT), colour("#24313d"))
    rest = draw_panel(canvas, frame.width + 18, choice, city)
    canvas.settle()
    canvas.text((8, HEIGHT - 8), f"data: {credit}" if credit else "", 7.5, colour(QUIET, 0.9))
    _write_labels(canvas, frame, labels, badges, scale)
    rest()
    return canvas.picture()


def _draw_streets(canvas: Canvas, frame: Frame, city: City) -> None:
    streets = city.streets
    for i in sorted(frame.near(streets.line), key=lambda i: -int(streets.rank[i])):
        width = max(float(streets.width_m[i]) * frame.per_m, 0.8)
        shade = STREETS[min(int(streets.rank[i]), len(STREETS) - 1)]
        points = frame.all(streets.line[i])
        canvas.line(points, colour(shade), width)
        for end in (points[0], points[-1]):
            canvas.circle(end, width / 2, colour(shade))


def _draw_areas(canvas: Canvas, frame: Frame, areas: Sequence[Floats]) -> None:
    """Last first, so that the best view lies on top."""
    for rank, area in reversed(list(enumerate(areas, start=1))):
        canvas.polygon(frame.all(area), colour(rank_colour(rank), 0.24))


def _draw_edges(canvas: Canvas, frame: Frame, areas: Sequence[Floats]) -> None:
    for rank, area in reversed(list(enumerate(areas, start=1))):
        if len(area):
            points = frame.all(np.concatenate([area, area[:1]]))
            canvas.line(points, colour(rank_colour(rank), 0.8), 0.9)


def _draw_buildings(
    canvas: Canvas, frame: Frame, city: City, choice: Choice, areas: Sequence[Floats]
) -> None:
    near = frame.near(city.buildings.ring)
    hides, cuts = walls_of(choice.passed_over, city), edges_of(areas, city, near)
    for i in near:
        points = frame.all(city.buildings.ring[i])
        tall = min(max((float(city.buildings.height_m[i]) - 5) / 55, 0.0), 1.0)
        canvas.polygon(points, colour(_mix(LOW, HIGH, tall)), colour(EDGE, 0.8))
        if i in hides:
            canvas.polygon(points, colour(HIDES, 0.85))
    for i in sorted(cuts - set(hides)):
        ring = frame.all(city.buildings.ring[i])
        canvas.line([*ring, ring[0]], colour(CUTS), 1.2)
    for i in sorted(hides):
        ring = frame.all(city.buildings.ring[i])
        canvas.line([*ring, ring[0]], colour(HIDES_EDGE), 1.4)


def _draw_blocked(canvas: Canvas, frame: Frame, city: City, choice: Choice) -> None:
    """From each camera that looks at a wall to where it does."""
    goal = _middle(frame, city, choice)
    for building, cameras in walls_of(choice.passed_over, city).items():
        ring = np.array(frame.all(city.buildings.ring[building]))
        for row in rows_of(city, cameras):
            start = frame.at(float(city.cameras.x[row]), float(city.cameras.y[row]))
            hit = first_hit(start, goal, ring)
            if hit is not None and frame.holds(start):
                canvas.dashes([start, hit], colour(HIDES_EDGE, 0.5), 0.7, 2.5, 2.5)
                canvas.circle(hit, 1.7, colour(HIDES_EDGE))


def _draw_place(canvas: Canvas, frame: Frame, city: City, choice: Choice) -> None:
    place = choice.request.place
    for outline in outlines_of(place, city):
        points = frame.all(outline)
        if isinstance(place, Stretch):
            canvas.line(points, colour(ALARM, 0.3), max(2 * place.half_width_m * frame.per_m, 3))
        else:
            wide = max(x for x, _ in points) - min(x for x, _ in points) > frame.width / 4
            canvas.polygon(points, colour(ALARM, 0.06 if wide else 0.13))
        canvas.dashes(points, colour(ALARM, 0.9), 1.1, 5, 3.5)
    way = way_of(place, city) if isinstance(place, Moving) else None
    if way is not None:
        canvas.line(frame.all(way), colour(ALARM, 0.9), 1.6)
        canvas.circle(frame.all(way)[1], 2.6, colour(ALARM))


def _draw_lines(canvas: Canvas, frame: Frame, city: City, choice: Choice) -> None:
    goal = _middle(frame, city, choice)
    rows = rows_of(city, [v.camera for v in choice.views])
    for rank, row in enumerate(rows, start=1):
        start = frame.at(float(city.cameras.x[row]), float(city.cameras.y[row]))
        canvas.dashes([start, goal], colour(rank_colour(rank), 0.85), 1.1, 4, 3)
    if isinstance(choice.request.place, Stretch):
        return
    canvas.circle(goal, 4.2, colour(ALARM), colour(EYE), 1.4)


def _place_badges(frame: Frame, city: City, choice: Choice) -> list[Badge]:
    """Where the chosen cameras' badges stand; those at one spot, or at the place, stand side by side."""
    taken: list[Badge] = []
    spots = [_middle(frame, city, choice)]
    rows = rows_of(city, [v.camera for v in choice.views])
    for rank, row in enumerate(rows, start=1):
        x, y = frame.at(float(city.cameras.x[row]), float(city.cameras.y[row]))
        while any(np.hypot(x - a, y - b) < 1.8 * BADGE for a, b in spots):
            x += 2 * BADGE
        spots.append((x, y))
        taken.append(((x, y), rank))
    return taken


def _draw_leaders(
    canvas: Canvas, frame: Frame, city: City, choice: Choice, badges: Sequence[Badge]
) -> None:
    """From a badge that had to give way to the camera that it stands for."""
    rows = rows_of(city, [v.camera for v in choice.views])
    for (badge, rank), row in zip(badges, rows, strict=True):
        at = frame.at(float(city.cameras.x[row]), float(city.cameras.y[row]))
        if at != badge:
            canvas.line([at, badge], colour(rank_colour(rank)), 1.2)
            canvas.circle(at, 2.6, colour(rank_colour(rank)), colour(GROUND), 0.9)


def _draw_poles(
    canvas: Canvas,
    frame: Frame,
    city: City,
    poles: Sequence[Pole],
    badges: Sequence[Badge],
    free_of: Sequence[Box],
) -> list[Label]:
    """Dots of the cameras passed over, with a small plate each for the letters of why."""
    plates = [_around(at, BADGE + 1.5) for at, _ in badges]
    plates += [_around(pole.at, 3) for pole in poles]
    plates += free_of
    labels: list[Label] = []
    for pole in poles:
        for passed in pole.cameras:
            _draw_facing(canvas, city, pole.at, passed)
    for pole in poles:
        canvas.circle(pole.at, 2.2, colour(QUIET), colour(GROUND), 0.9)
        letters = "".join(LETTER.get(p.reasons[0].code, "?") for p in pole.cameras if p.reasons)
        crowded = any(_overlap(_around(pole.at, 3), _around(at, BADGE)) for at, _ in badges)
        box = _free_box(pole.at, BADGE + 3 if crowded else 5, len(letters), plates, frame)
        plates.append(box)
        canvas.rectangle(box, colour("#0a1016", 0.85), 3)
        middle = (box[1] + box[3]) / 2
        labels += [((box[0] + 6.4 + PITCH * k, middle), c) for k, c in enumerate(letters)]
    return labels


def _around(at: Point, reach: float) -> Box:
    return at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach


def _draw_facing(canvas: Canvas, city: City, at: Point, passed: PassedOver) -> None:
    """A faint fan for a camera that looks elsewhere."""
    if passed.reasons and passed.reasons[0].code is ReasonCode.FACES_AWAY:
        (row,) = rows_of(city, [passed.camera])
        pose = city.cameras.azimuth_deg[row], city.cameras.hfov_deg[row] / 2
        if np.isfinite(pose).all():
            canvas.wedge(at, 15, float(pose[0]), float(pose[1]), colour(QUIET, 0.22))


def _free_box(at: Point, gap: float, letters: int, taken: Sequence[Box], frame: Frame) -> Box:
    """A plate beside a dot that covers nothing else, or right of it where there is no such place."""
    (x, y), wide, tall = at, 5.8 + PITCH * letters, 12.0
    side = (x + gap, x - gap - wide, x - wide / 2)
    level = (y - tall / 2, y + gap, y - gap - tall)
    spots = [(a, level[0]) for a in side[:2]] + [(a, b) for b in level[1:] for a in side[::-1]]
    boxes = [(a, b, a + wide, b + tall) for a, b in spots]
    free = (
        b
        for b in boxes
        if frame.holds(b[:2]) and frame.holds(b[2:]) and not any(_overlap(b, t) for t in taken)
    )
    return next(free, boxes[0])


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _draw_scale(canvas: Canvas, frame: Frame, scale: Box) -> None:
    """A bar of a round length, and the arrow to the north."""
    left, top, right, bottom = scale
    canvas.rectangle((left, top, right, bottom), colour(GROUND, 0.8), 4)
    ends = (left + 8, bottom - 7), (right - 8, bottom - 7)
    canvas.line(ends, colour(TEXT), 1)
    for x, y in ends:
        canvas.line([(x, y - 4), (x, y)], colour(TEXT), 1)
    x, y = _north(frame)
    canvas.circle((x, y), 13, colour(GROUND, 0.8))
    canvas.polygon([(x, y - 10), (x + 4.5, y + 3), (x, y), (x - 4.5, y + 3)], colour(TEXT))


def _scale_m(frame: Frame) -> int:
    return max((m for m in ROUND_M if m * frame.per_m <= 130), default=ROUND_M[0])


def _scale_box(frame: Frame, dots: Sequence[Point]) -> Box:
    """At the foot of the map, in the corner where fewer dots are."""
    wide, bottom = 16 + _scale_m(frame) * frame.per_m, frame.height - 8
    boxes = [(x, bottom - 28, x + wide, bottom) for x in (frame.width - 8 - wide, 8)]
    return min(boxes, key=lambda box: sum(_overlap(box, _around(dot, 9)) for dot in dots))


def _north(frame: Frame) -> Point:
    return frame.width - 24, 22.0


def _write_labels(
    canvas: Canvas,
    frame: Frame,
    labels: Sequence[Label],
    badges: Sequence[Badge],
    scale: Box,
) -> None:
    for at, letter in labels:
        canvas.text(at, letter, 9, colour(TEXT), weight=BOLD, anchor="mm")
    for at, rank in badges:
        canvas.text(at, str(rank), 11.5, colour("#080c11"), weight=BOLD, anchor="mm")
    _, top, right, _ = scale
    canvas.text((right - 8, top + 13), f"{_scale_m(frame)} m", 10, colour(TEXT), anchor="rs")
    x, y = _north(frame)
    canvas.text((x, y + 9), "N", 7.5, colour(TEXT), weight=BOLD, anchor="mm")


def _middle(frame: Frame, city: City, choice: Choice) -> Point:
    at = middle_of(choice.request.place)
    return frame.at(*city.plane.to_xy(at.lon, at.lat))


def _flat(city: City, ring: tuple[tuple[float, float], ...]) -> Floats:
    if not ring:
        return np.empty((0, 2))
    lonlat = np.array(ring)
    return np.column_stack(city.plane.to_xy(lonlat[:, 0], lonlat[:, 1]))


def _mix(a: str, b: str, part: float) -> str:
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + (q - p) * part):02x}" for p, q in pairs)
