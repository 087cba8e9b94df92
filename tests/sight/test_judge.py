"""The renderer, which shares no code with sight, judges what was chosen."""

from datetime import UTC, datetime

import numpy as np

from safetynet.base.geo import LonLat
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.model import ChosenView, Place, Request, TargetKind
from safetynet.sight.service import Sight
from safetynet.sim.camera import Pose
from safetynet.sim.judge import Judge
from safetynet.sim.world import Thing, ThingKind


def test_nearly_all_views_chosen_for_an_exact_place_really_show_the_thing() -> None:
    city = small_city(11, cameras=80)
    sight, judge = Sight(city), Judge(city)
    rng = np.random.default_rng(11)
    accepted = []
    for n in range(16):
        kind = list(TargetKind)[n % 4]
        x, y = map(float, city.streets.line[int(rng.integers(len(city.streets)))].mean(axis=0))
        thing = Thing(
            id="t",
            kind=ThingKind(kind.value),
            x=x,
            y=y,
            signature=0,
            since=datetime(2026, 1, 1, tzinfo=UTC),
        )
        place = Place(at=LonLat(*city.plane.to_lonlat(x, y)), error_m=0)
        choice = sight.choose(Request(place=place, target=kind, min_px_per_m=25))
        accepted += [
            judge.look(v.camera, pose_of(city, v), thing).seen.accepted for v in choice.views
        ]
    assert len(accepted) > 16
    assert np.mean(accepted) >= 0.95


def pose_of(city: City, view: ChosenView) -> Pose:
    """The pose in which the view is taken."""
    if view.aim is not None:
        return Pose(
            azimuth_deg=view.aim.azimuth_deg,
            tilt_deg=view.aim.tilt_deg,
            hfov_deg=view.aim.hfov_deg,
        )
    row, cameras = city.cameras.id.index(view.camera), city.cameras
    return Pose(
        azimuth_deg=float(cameras.azimuth_deg[row]),
        tilt_deg=float(cameras.tilt_deg[row]),
        hfov_deg=float(cameras.hfov_deg[row]),
    )
