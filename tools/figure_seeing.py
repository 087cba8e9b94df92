"""Draws the figures of docs/design/0013-seeing.md: ``docs/img/sight-{walls,ray,greedy}.png``.

    python tools/figure_seeing.py

All that is drawn is worked out by ``safetynet.sight``: the walls kept around a position, what they leave in
sight, and the gains of a choice. Equal code gives equal pictures.
"""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from safetynet.app.see.canvas import BOLD, Canvas, Point, colour, find_font
from safetynet.base.geo import Floats
from safetynet.city.model import Buildings, City, Shapes
from safetynet.city.synth import small_city
from safetynet.sight.boxes import Index
from safetynet.sight.cameras import CameraTable
from safetynet.sight.kernels.choose import choose
from safetynet.sight.kernels.gather import gather
from safetynet.sight.kernels.lens import ALL_ROUND, look_past_walls
from safetynet.sight.kernels.points import place_points
from safetynet.sight.kernels.tables import VIEW, Believed, Eye, Place, Records, Target
from safetynet.sight.kernels.walls import BUCKETS, DIRECTIONS, PER_BUCKET, SHORT_M, TALLEST_M, Edges
from safetynet.sight.model import TARGET_SIZES, TargetKind
from safetynet.sight.now import Now
from safetynet.sight.place import segments_of
from safetynet.sight.profiles import WallProfiles

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "img"
GROUND, HOUSE, EDGE, TEXT, QUIET = "#0b1117", "#1a2631", "#3d5062", "#d5dee6", "#8b9aa8"
KEPT, END, EYE, SHADE = "#6cb6ff", "#1d3346", "#ffffff", "#ff6b61"
SEEN = ("#1b3b33", "#23584a", "#2d7a63", "#3ba17f", "#57d1a3")
"""A little of a person in sight, to all of it."""
GAINS = ("#6cb6ff", "#5bd1a5", "#e3b85c")
PERSON_M = TARGET_SIZES[TargetKind.PERSON].height_m
HALF, CAPTION = 440.0, 64.0
"""Side of a square panel and height of the words below, in units."""
LENS, SHOWN_M = 149, 110.0
"""The camera of the small city around which walls are drawn, and how far."""


@dataclass(frozen=True)
class Scene:
    """A city ready to be asked by the loops."""

    city: City
    walls: WallProfiles
    table: CameraTable

    def camera(self, number: int) -> Records:
        """A camera of the city's list as the loops read it, with its walls found: one row."""
        row = self.table.row[self.city.cameras.id[number]]
        mine = self.table.lens.camera[row : row + 1]
        self.walls.find(self.walls.missing(mine["place"]))
        return mine

    def eye(self) -> Eye:
        """All that the loops look at."""
        chance = self.table.beliefs.chance
        most = chance.max(axis=(1, 2)).astype(float)
        tables = Believed(chance=chance, step_m=12.5, most=most)
        lens, grid = self.table.lens, self.table.grid
        return Eye(lens, grid, self.walls.profiles, self.walls.solids.edge, tables)

    def lowest_m(self, number: int, x: Floats, y: Floats, height_m: float) -> Floats:
        """Lowest height that a camera sees over each place; ``height_m`` and more where nothing."""
        self.camera(number)
        row = self.table.row[self.city.cameras.id[number]]
        low, none = np.empty(x.size, np.float32), np.zeros(x.size)
        place = Place(x, y, none, none, 0.0, 0.0, 0.0)
        look_past_walls(self.eye(), row, place, height_m, 0.0, ALL_ROUND, low)
        return low.astype(np.float64)


def main() -> None:
    """Draw all of them."""
    font = find_font()
    town = _scene(_with_sheds(small_city(7, cameras=400)))
    _save("walls", _beside(_draw_kept(town, font), _draw_seen(town, font)))
    _save("ray", _draw_ray(font))
    _save("greedy", _draw_greedy(town, font))


def _with_sheds(city: City) -> City:
    """Every fifth house is low, so that there is something to look over."""
    height = city.buildings.height_m.copy()
    height[::5] = 2.8
    return replace(city, buildings=replace(city.buildings, height_m=height))


def _scene(city: City) -> Scene:
    walls = WallProfiles(city)
    owners = tuple(d.node for d in city.districts)
    return Scene(city, walls, CameraTable(city.cameras, owners, walls, assumed=True))


def _save(name: str, image: Image.Image) -> None:
    path = IMAGES / f"sight-{name}.png"
    image.quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path.name}")


def _beside(*panels: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (sum(p.width for p in panels), panels[0].height), GROUND)
    at = 0
    for panel in panels:
        whole.paste(panel, (at, 0))
        at += panel.width
    return whole


# the walls around one position


def _draw_kept(town: Scene, font: Path | None) -> Image.Image:
    canvas = Canvas(HALF, HALF + CAPTION, GROUND, font)
    x, y, place = _lens_of(town)
    profiles, edge = town.walls.profiles, town.walls.solids.edge
    _draw_houses(canvas, town)
    for b in range(BUCKETS):
        a, c = DIRECTIONS[b * PER_BUCKET], DIRECTIONS[(b + 1) * PER_BUCKET]
        far = float(profiles.tall_cm[place, b]) / 100
        ring = [(x, y), (x + a[0] * far, y + a[1] * far), (x + c[0] * far, y + c[1] * far)]
        canvas.polygon(_on_panel(ring, x, y), colour(KEPT, 0.10 if b % 2 else 0.17))
    first, last = profiles.span[place, 0], profiles.span[place, BUCKETS]
    kept = np.unique(profiles.wall[first:last])
    near = np.hypot(edge[:, 0] - x, edge[:, 1] - y) < SHOWN_M * 1.6
    dropped = np.setdiff1d(np.flatnonzero(near), kept)
    for rows, tone, width in ((dropped, EDGE, 0.6), (kept, KEPT, 1.5)):
        for ax, ay, wx, wy, _ in edge[rows]:
            canvas.line(_on_panel([(ax, ay), (ax + wx, ay + wy)], x, y), colour(tone), width)
    close = _within(edge, x, y)
    said = (
        f"{len(np.intersect1d(kept, close))} of {close.size} walls within {SHOWN_M:.0f} m are kept"
    )
    return _finish_panel(canvas, said, "blue: kept · fans: where the sight of 15 m ends, by bucket")


def _draw_seen(town: Scene, font: Path | None) -> Image.Image:
    canvas = Canvas(HALF, HALF + CAPTION, GROUND, font)
    x, y, _ = _lens_of(town)
    step = 0.5
    across = (np.arange(round(HALF / step), dtype=np.float64) + 0.5) * step
    for down in across.tolist():
        px: Floats = x + (across - HALF / 2) * _m_per_unit()
        py = np.full(px.size, y + (HALF / 2 - down) * _m_per_unit())
        seen = np.clip(1 - town.lowest_m(LENS, px, py, PERSON_M) / PERSON_M, 0, 1)
        tone = np.where(seen > 0, np.minimum((seen * 5).astype(int), 4), -1)
        cuts = np.flatnonzero(np.diff(tone)) + 1
        for one, other in zip([0, *cuts], [*cuts, tone.size], strict=True):
            if tone[one] >= 0:
                box = (one * step, down - step / 2, other * step, down + step / 2)
                canvas.rectangle(box, colour(SEEN[tone[one]]))
    _draw_houses(canvas, town)
    for a, b in _edges_near(town, x, y):
        canvas.line(_on_panel([a, b], x, y), colour(EDGE), 0.6)
    return _finish_panel(
        canvas, "What they leave in sight of a person", "dark to light: how much of the 1.7 m"
    )


def _lens_of(town: Scene) -> tuple[float, float, int]:
    mine = town.camera(LENS)
    return float(mine["x"][0]), float(mine["y"][0]), int(mine["place"][0])


def _m_per_unit() -> float:
    return 2 * SHOWN_M / HALF


def _on_panel(points: list[Point], x: float, y: float) -> list[Point]:
    scale = 1 / _m_per_unit()
    return [(HALF / 2 + (px - x) * scale, HALF / 2 - (py - y) * scale) for px, py in points]


def _draw_houses(canvas: Canvas, town: Scene) -> None:
    x, y, _ = _lens_of(town)
    rings = town.city.buildings.ring
    for k in range(len(town.city.buildings.height_m)):
        ring = rings[k]
        canvas.polygon(_on_panel([(float(a), float(b)) for a, b in ring], x, y), colour(HOUSE))


def _edges_near(town: Scene, x: float, y: float) -> list[tuple[Point, Point]]:
    edge = town.walls.solids.edge.astype(np.float64)
    near = np.hypot(edge[:, 0] - x, edge[:, 1] - y) < SHOWN_M * 1.6
    return [((a, b), (a + c, b + d)) for a, b, c, d, _ in edge[near].tolist()]


def _within(edge: Edges, x: float, y: float) -> Index:
    """Rows of the walls that come nearer than what is drawn."""
    along = np.maximum((edge[:, 2:4] ** 2).sum(axis=1), 1e-9)
    away = np.array([x, y]) - edge[:, :2]
    t = np.clip((away * edge[:, 2:4]).sum(axis=1) / along, 0, 1)
    return np.flatnonzero(np.hypot(*(away - t[:, None] * edge[:, 2:4]).T) <= SHOWN_M)


def _finish_panel(canvas: Canvas, title: str, words: str) -> Image.Image:
    canvas.circle((HALF / 2, HALF / 2), 4.5, colour(EYE), colour(GROUND), 1.6)
    canvas.rectangle((0, HALF, HALF, HALF + CAPTION), colour(GROUND))
    canvas.rectangle((HALF - 1, 0, HALF, HALF), colour(GROUND))
    canvas.settle()
    canvas.text((14, HALF + 27), title, 14, colour(TEXT), weight=BOLD)
    canvas.text((14, HALF + 48), words, 12, colour(QUIET))
    return canvas.picture()


# along one sight line

HOUSES = ((24.0, 29.0, 2.6), (84.0, 98.0, 8.0), (128.0, 152.0, 6.0), (214.0, 226.0, 14.0))
"""Near and far wall, and roof, of the houses along the line."""
LENS_M, FIRE_M, FAR_M, HIGH_M = 6.0, 12.0, 260.0, 22.0
WIDE, TALL, LEFT, FOOT = 880.0, 330.0, 52.0, 250.0


def _draw_ray(font: Path | None) -> Image.Image:
    canvas = Canvas(WIDE, TALL, GROUND, font)
    scene = _street_scene()
    away = np.arange(0.5, FAR_M, 0.5)
    low = scene.lowest_m(0, np.zeros(away.size), away, 1000.0)
    low = np.where(low > 500, TALLEST_M, low)
    for d, m in zip(away.tolist(), low.tolist(), strict=True):
        if m > 0:
            box = (_at(d - 0.25, 0)[0], _at(d, min(m, HIGH_M))[1], _at(d + 0.3, 0)[0], FOOT)
            canvas.rectangle(box, colour("#2a1d22"))
    outside = ~np.any([(away > a) & (away < b) for a, b, _ in HOUSES], axis=0)
    curve = zip(away[outside].tolist(), low[outside].tolist(), strict=True)
    line = [_at(d, m) for d, m in curve if 0 < m < HIGH_M]
    for a, b in itertools.pairwise(line):
        if b[0] - a[0] < 3 and abs(b[1] - a[1]) < 12:
            canvas.line([a, b], colour(SHADE), 1.2)
    for near, far, roof in HOUSES:
        canvas.polygon(
            [_at(near, 0), _at(near, roof), _at(far, roof), _at(far, 0)],
            colour("#26333f"),
            colour("#51687d"),
        )
    targets = [(d, PERSON_M) for d in (12, 36, 47, 62, 74, 112, 186)] + [(180, FIRE_M)]
    for d, height in targets:
        _draw_target(canvas, scene, float(d), height)
    canvas.line([_at(0, 0), _at(FAR_M, 0)], colour(EDGE), 1.0)
    canvas.line([_at(0, 0), _at(0, LENS_M)], colour(QUIET), 1.4)
    canvas.circle(_at(0, LENS_M), 4.0, colour(EYE), colour(GROUND), 1.4)
    ends = _ends_of(scene)
    for far, height in ends:
        canvas.dashes([_at(far, 0), _at(far, height)], colour(KEPT), 1.1, 4, 3)
        canvas.dashes([_at(far, height), _at(FAR_M, height)], colour(KEPT), 1.1, 4, 3)
    canvas.settle()
    _write_ray(canvas)
    for far, height in ends:
        words = f"nothing up to {height:.0f} m is seen beyond {far:.0f} m"
        x, y = _at(FAR_M, height)
        canvas.text((x, y - 5), words, 11, colour(KEPT), anchor="rs")
    return canvas.picture()


def _ends_of(scene: Scene) -> list[tuple[float, float]]:
    """Where the sight to the north ends, for what height."""
    place, bucket = int(scene.camera(0)["place"][0]), _bucket_of_north()
    profiles = scene.walls.profiles
    ends = ((profiles.short_cm, SHORT_M), (profiles.tall_cm, TALLEST_M))
    return [(float(of[place, bucket]) / 100, height) for of, height in ends]


def _bucket_of_north() -> int:
    """The bucket that begins in the north."""
    return int(np.argmax(DIRECTIONS[::PER_BUCKET, 1]))


def _street_scene() -> Scene:
    corners = [[(-40, a), (40, a), (40, b), (-40, b)] for a, b, _ in HOUSES]
    town, count = small_city(7, cameras=2), len(HOUSES)
    houses = Buildings(
        ring=Shapes(
            xy=np.array(corners, np.float64).reshape(-1, 2),
            offset=np.arange(0, 4 * count + 1, 4, dtype=np.int32),
        ),
        height_m=np.array([h for _, _, h in HOUSES]),
        height_origin=np.zeros(count, np.uint8),
        origin=np.zeros(count, np.uint8),
    )
    cameras = replace(
        town.cameras,
        x=np.zeros(len(town.cameras)),
        y=np.zeros(len(town.cameras)),
        height_m=np.full(len(town.cameras), LENS_M),
    )
    return _scene(replace(town, buildings=houses, cameras=cameras))


def _at(away_m: float, height_m: float) -> Point:
    return LEFT + away_m / FAR_M * (WIDE - LEFT - 24), FOOT - height_m / HIGH_M * (FOOT - 40)


def _draw_target(canvas: Canvas, scene: Scene, away: float, height: float) -> None:
    low = scene.lowest_m(0, np.zeros(1), np.array([away]), height)[0]
    cut = min(max(float(low), 0.0), height)
    width = 3.2 if height < 5 else 9.0
    for a, b, tone in ((0.0, cut, "#6b3b40"), (cut, height, SEEN[4])):
        if b > a:
            canvas.line([_at(away, a), _at(away, b)], colour(tone), width)


def _write_ray(canvas: Canvas) -> None:
    for d in range(0, 261, 20):
        canvas.text((_at(d, 0)[0], FOOT + 17), f"{d}", 11, colour(QUIET), anchor="ms")
    for h in (0, 6, 12, 18):
        canvas.text((LEFT - 12, _at(0, h)[1] + 4), f"{h}", 11, colour(QUIET), anchor="rs")
    canvas.text((LEFT - 12, 30), "m", 11, colour(QUIET), anchor="rs")
    title = "The lowest height in sight along one line"
    canvas.text((14, FOOT + 45), title, 14, colour(TEXT), weight=BOLD)
    said = "red: what the roofs hide · people and a fire: green in sight, brown hidden"
    canvas.text((14, FOOT + 65), f"{said} · heights are drawn larger", 12, colour(QUIET))


# the choice

ERRORS_M, VIEWS, RADIUS_M = (20.0, 100.0, 300.0), 8, 500.0
ASKED = 4
"""Views for which cameras are counted."""
STEPS = ("in reach", "worth a look")
MIDDLE = (40.0, 10.0)


@dataclass(frozen=True)
class Picked:
    """What one greedy choice was made of."""

    gains: Floats
    near: int
    """Cameras in reach of the place."""
    looked: int
    """Cameras that distance, direction and the ends of sight leave: walls are looked past for no other."""


def _draw_greedy(town: Scene, font: Path | None) -> Image.Image:
    found = [_choose(town, error) for error in ERRORS_M]
    left = Canvas(HALF, 330, GROUND, font)
    right = Canvas(HALF, 330, GROUND, font)
    _draw_gains(left, found)
    _draw_funnel(right, found)
    return _beside(left.picture(), right.picture())


def _draw_gains(canvas: Canvas, found: list[Picked]) -> None:
    def top(gain: float) -> float:
        return 250 - gain / 1.0 * 200

    for g in (0.25, 0.5, 0.75, 1.0):
        canvas.line([(46, top(g)), (HALF - 20, top(g))], colour(END), 0.7)
    for n, one in enumerate(found):
        for k, gain in enumerate(one.gains.tolist()):
            at = 54 + k * 46 + n * 11
            canvas.rectangle((at, top(gain), at + 9, 250), colour(GAINS[n]), 1.5)
    canvas.line([(46, 250), (HALF - 20, 250)], colour(EDGE), 1.0)
    canvas.settle()
    for g in (0.0, 0.5, 1.0):
        canvas.text((38, top(g) + 4), f"{g:g}", 11, colour(QUIET), anchor="rs")
    for k in range(VIEWS):
        canvas.text((70 + k * 46, 267), f"{k + 1}", 11, colour(QUIET), anchor="ms")
    for n, error in enumerate(ERRORS_M):
        words = f"place error {error:.0f} m"
        canvas.text((HALF - 24, 62 + n * 18), words, 12, colour(GAINS[n]), anchor="rs")
    canvas.text((14, 295), "What each next view adds", 14, colour(TEXT), weight=BOLD)
    canvas.text((14, 315), "gain of the set, view by view, best first", 12, colour(QUIET))


def _draw_funnel(canvas: Canvas, found: list[Picked]) -> None:
    most = max(one.near for one in found)
    rows: list[tuple[float, float, str]] = []
    for n, one in enumerate(found):
        for k, count in enumerate((one.near, one.looked)):
            top, wide = 62 + n * 66 + k * 22, 260 * count / most
            canvas.rectangle((46, top, 46 + wide, top + 16), colour(GAINS[n], (0.3, 1.0)[k]), 1.5)
            rows.append((46 + wide + 7, top + 12, f"{count} {STEPS[k]}"))
    canvas.settle()
    for x, y, words in rows:
        canvas.text((x, y), words, 11, colour(QUIET))
    canvas.text((14, 295), "Who is worth a look", 14, colour(TEXT), weight=BOLD)
    said = "distance, direction and the ends of sight leave out the others"
    canvas.text((14, 315), said, 12, colour(QUIET))


def _choose(town: Scene, error_m: float) -> Picked:
    table, size = town.table, TARGET_SIZES[TargetKind.PERSON]
    town.walls.find_all()
    eye = town.eye()
    out, (x, y) = np.empty((3, 192)), MIDDLE
    streets, solids = segments_of(town.city.streets), town.walls.solids
    n = place_points(streets, solids, x, y, error_m, size.width_m, 96, out.T)
    px, py, weight = out[:, :n]
    spread = float(np.hypot(px - x, py - y).max())
    place = Place(px, py, np.zeros(n), weight, x, y, spread)
    target, moment = Target(size.height_m, size.width_m, 40.0, False), Now(table).moment
    picked = np.empty(VIEWS, VIEW)
    count, _ = choose(eye, place, moment, target, RADIUS_M, VIEWS, picked)
    cameras, _ = gather(eye, place, moment, target, RADIUS_M)
    away = np.hypot(table.lens.camera["x"] - x, table.lens.camera["y"] - y)
    near = int((away <= RADIUS_M + spread).sum())
    return Picked(picked["gain"][:count].copy(), near, cameras.size)


if __name__ == "__main__":
    main()
