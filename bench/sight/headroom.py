"""How much of an uncertain place any four views could hold: is there something left to choose better?

Run: ``python -m bench.sight.headroom [--error M] [--places N]``. In the benchmark's synthetic town, with
all poses known, it weighs our four views by the share of 300 points of the place that they show, sweeps
with all their stops; then it lets a hill climber with thousands of tries change aims, zooms and cameras of
four that stand for the better. It knows
the points on which it is judged, which no chooser does: what it reaches flatters it. What it does not
show lies behind walls, or beside four pictures.
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np
from bench.eyes_on.ask import MIN_PX_PER_M
from bench.eyes_on.run import CITIES, DATA
from bench.eyes_on.town import Ground, Town, cut_town, load_ground
from numpy.typing import NDArray

from safetynet.base.geo import LonLat
from safetynet.city.model import City
from safetynet.sight.cameras import CameraTable
from safetynet.sight.kernels.gather import gather
from safetynet.sight.kernels.lens import ALL_ROUND, look_past_walls, show_posed
from safetynet.sight.kernels.points import place_points
from safetynet.sight.kernels.tables import Believed, Eye, Place, Target
from safetynet.sight.model import TARGET_SIZES, ChosenView, Request, TargetKind
from safetynet.sight.model import Place as Where
from safetynet.sight.now import Now, radians_of
from safetynet.sight.place import segments_of
from safetynet.sight.profiles import WallProfiles
from safetynet.sight.service import Sight

POINTS, TRIES, ALONE_M = 300, 4000, 500.0
type Pose = tuple[float, float, float]
type Shown = NDArray[np.bool_]


@dataclass(frozen=True)
class Held:
    """A view in a set: the camera's row, its pose, and the points that it shows."""

    row: int
    pose: Pose
    shown: Shown


class Dense:
    """One place stood for by many points, and what any camera in any pose shows of them."""

    def __init__(self, scene: "Scene", at: LonLat, error_m: float) -> None:
        size = TARGET_SIZES[TargetKind.PERSON]
        self._target = Target(size.height_m, size.width_m, MIN_PX_PER_M, night=False)
        x, y = scene.city.plane.to_xy(at.lon, at.lat)
        out, solids = np.empty((3, 2 * POINTS)), scene.walls.solids
        n = place_points(scene.segments, solids, x, y, error_m, size.width_m, POINTS, out.T)
        px, py, self.weight = out[:, :n].copy()
        spread = float(np.hypot(px - x, py - y).max())
        self._place = Place(px, py, np.zeros(n), self.weight, x, y, spread)
        self._eye = scene.eye()
        self.rows, _ = gather(self._eye, self._place, scene.moment, self._target, ALONE_M)
        self._lowest: dict[int, NDArray[np.float32]] = {}

    def hold(self, row: int, pose: Pose) -> Held:
        """A camera in a pose."""
        if row not in self._lowest:
            self._lowest[row] = np.empty(self.weight.size, np.float32)
            height = self._target.height_m
            look_past_walls(self._eye, row, self._place, height, 0.0, ALL_ROUND, self._lowest[row])
        shown, low = np.empty(self.weight.size, np.float32), self._lowest[row]
        free = np.flatnonzero(low < self._target.height_m).astype(np.int32)
        show_posed(self._eye.lens, row, *pose, self._target, self._place, low, free, 1.0, shown)
        return Held(row, pose, shown > 0)

    def share(self, views: list[Held]) -> float:
        """Weight of the points that at least one view shows."""
        seen = np.zeros(self.weight.size, np.bool_)
        for view in views:
            seen |= view.shown
        return float(self.weight[seen].sum())


class Scene:
    """A town whose poses are known, ready for the loops."""

    def __init__(self, town: Town) -> None:
        self.city: City = town.truth
        self.walls = WallProfiles(self.city)
        owners = tuple(d.node for d in self.city.districts)
        self.table = CameraTable(self.city.cameras, owners, self.walls, assumed=True)
        self.walls.find_all()
        self.segments = segments_of(self.city.streets)
        self.moment = Now(self.table).moment

    def eye(self) -> Eye:
        """All that the loops look at; nothing is only believed here."""
        chance = self.table.beliefs.chance
        believed = Believed(chance, 12.5, chance.max(axis=(1, 2)).astype(np.float64))
        lens, grid = self.table.lens, self.table.grid
        return Eye(lens, grid, self.walls.profiles, self.walls.solids.edge, believed)

    def home(self, row: int) -> Pose:
        """Where a camera looks when nobody turns it."""
        c = self.table.lens.camera[row]
        return float(c["azimuth"]), float(c["tilt"]), float(c["half_w"])

    def poses_of(self, view: ChosenView) -> list[tuple[int, Pose]]:
        """Row and pose of a chosen view; of one that sweeps, at each stop."""
        row = self.table.row[view.camera]
        if view.aim is None:
            return [(row, self.home(row))]
        stops = view.sweep.stops if view.sweep else (view.aim,)
        return [(row, radians_of(stop)) for stop in stops]


def climb(scene: Scene, dense: Dense, views: list[Held], rng: np.random.Generator) -> list[Held]:
    """Better views, by trying: a camera for another, an aim for another, a little aside."""
    best = dense.share(views)
    for _ in range(TRIES if views and dense.rows.size else 0):
        k, kind = int(rng.integers(len(views))), rng.random()
        row = int(rng.choice(dense.rows)) if kind < 0.3 else views[k].row
        if any(row == v.row for j, v in enumerate(views) if j != k):
            continue
        tried = dense.hold(row, _draw_pose(scene, views[k], row, kind, rng))
        changed = [*views[:k], tried, *views[k + 1 :]]
        if (share := dense.share(changed)) > best:
            views, best = changed, share
    return views


def _draw_pose(scene: Scene, old: Held, row: int, kind: float, rng: np.random.Generator) -> Pose:
    c = scene.table.lens.camera[row]
    if not c["turns"]:
        return scene.home(row)
    widest = float(c["half_w"])
    if kind < 0.5:
        return rng.uniform(0, 2 * math.pi), rng.uniform(0.02, 0.5), widest * rng.uniform(0.3, 1)
    azimuth, tilt, tangent = old.pose
    tangent = min(tangent * math.exp(rng.normal(0, 0.25)), widest)
    return azimuth + rng.normal(0, 0.2), tilt + rng.normal(0, 0.05), tangent


def main() -> None:
    """Print the share that our views hold, and that of the climber."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--error", type=float, default=100.0, metavar="M")
    words.add_argument("--places", type=int, default=20, help="per seed")
    words.add_argument("--seeds", type=int, default=3)
    a = words.parse_args()
    ours, climbed = [], []
    for seed in range(1, a.seeds + 1):
        town = cut_town(load_ground(Ground.SYNTHETIC, CITIES, DATA), Ground.SYNTHETIC, seed)
        scene, sight, rng = Scene(town), Sight(town.truth), np.random.default_rng(seed)
        for x, y in town.draw_places(a.places, rng):
            lon, lat = town.truth.plane.to_lonlat(x, y)
            at = LonLat(float(lon), float(lat))
            place = Where(at=at, error_m=a.error)
            request = Request(
                place=place, target=TargetKind.PERSON, min_px_per_m=MIN_PX_PER_M, why_not=0
            )
            dense = Dense(scene, at, a.error)
            poses = [scene.poses_of(v) for v in sight.choose(request).views]
            ours.append(dense.share([dense.hold(*stop) for stops in poses for stop in stops]))
            standing = [dense.hold(*stops[0]) for stops in poses]
            climbed.append(dense.share(climb(scene, dense, standing, rng)))
    print(f"{len(ours)} places, known to ±{a.error:.0f} m, four views of a person")
    print(f"ours, sweeping                  {np.mean(ours):.1%} of the place is shown")
    print(f"standing, after {TRIES} changes    {np.mean(climbed):.1%}")


if __name__ == "__main__":
    main()
