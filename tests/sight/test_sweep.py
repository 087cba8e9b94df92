"""A PTZ sweeps a place that is larger than its picture, and holds one that is known."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId
from safetynet.city.model import City
from safetynet.city.synth import small_city
from safetynet.sight.check import SWEEP_FROM_M
from safetynet.sight.kernels.sweep import DWELL_S, SOON_S, STOPS
from safetynet.sight.model import (
    Choice,
    ChosenView,
    Disc,
    HealthState,
    Moving,
    Place,
    ReasonCode,
    Request,
    TargetKind,
)
from safetynet.sight.service import Sight

CITY = small_city(3, cameras=160)
SIGHT = Sight(CITY)
SEEDS = st.integers(0, 10**6)


def at(city: City, x: float, y: float) -> LonLat:
    return LonLat(*map(float, city.plane.to_lonlat(x, y)))


def request(place: Any, **changes: Any) -> Request:
    asked = {"place": place, "target": TargetKind.PERSON, "min_px_per_m": 7.1}
    return Request(**{**asked, **changes})


def crossing(town: Any, **changes: Any) -> City:
    """Four streets that meet under one PTZ: no picture holds two of them."""
    streets = [[(0.0, 0.0), end] for end in ((90.0, 0.0), (0.0, 90.0), (-90.0, 0.0), (0.0, -90.0))]
    camera = town.cam(id="p", x=0, y=0, ptz=True, hfov_deg=60, **changes)
    blocks = [town.box(x, y, 40, 40, 30) for x in (-50, 50) for y in (-50, 50)]
    city: City = town.build([camera], blocks, streets)
    return city


def only(choice: Choice) -> ChosenView:
    (view,) = choice.views
    return view


def test_what_one_picture_does_not_hold_is_swept_and_says_so(town: Any) -> None:
    city = crossing(town)
    view = only(Sight(city).choose(request(Place(at=at(city, 0, 0), error_m=80))))
    assert view.sweep is not None
    assert view.sweep.stops[0] == view.aim
    assert 2 <= len(view.sweep.stops) <= STOPS
    assert view.sweep.dwell_s == DWELL_S
    assert view.sweep.round_s > len(view.sweep.stops) * DWELL_S
    azimuths = [stop.azimuth_deg for stop in view.sweep.stops]
    assert all(
        abs((a - b + 180) % 360 - 180) > 45 for i, a in enumerate(azimuths) for b in azimuths[:i]
    )
    (said,) = [r for r in view.reasons if r.code is ReasonCode.SWEEPS]
    assert (said.value, said.what) == (round(view.sweep.round_s, 1), str(len(azimuths)))


def test_a_sweep_shows_more_than_any_of_its_stops(town: Any) -> None:
    city = crossing(town)
    sight, question = Sight(city), request(Place(at=at(city, 0, 0), error_m=80))
    view = only(sight.choose(question))
    assert view.sweep is not None
    looks = [sight.look(question, view.camera, stop) for stop in view.sweep.stops]
    assert view.share_seen > max(float(look.weight[look.shown > 0].sum()) for look in looks) + 0.1
    together = sum(
        float(w)
        for w, *p in zip(looks[0].weight, *(k.shown for k in looks), strict=True)
        if max(p) > 0
    )
    assert view.share_seen == pytest.approx(together, abs=1e-3)


@pytest.mark.parametrize("error_m", [0.0, 20.0, SWEEP_FROM_M])
def test_a_known_place_is_held(town: Any, error_m: float) -> None:
    city = crossing(town)
    view = only(Sight(city).choose(request(Place(at=at(city, 0, 0), error_m=error_m))))
    assert view.sweep is None
    assert ReasonCode.SWEEPS not in [r.code for r in view.reasons]


def test_what_moves_is_held(town: Any) -> None:
    city = crossing(town)
    place = Moving(at=at(city, 20, 0), error_m=60, speed_mps=10.0)
    for view in Sight(city).choose(request(place)).views:
        assert view.sweep is None


def test_only_a_free_ptz_sweeps(town: Any) -> None:
    city = crossing(town, tilt_deg=10)
    busy = Sight(city).choose(
        request(Place(at=at(city, 0, 0), error_m=80)), {CameraId("p"): HealthState.BUSY}
    )
    assert [v.sweep for v in busy.views] == [None]


def test_a_disc_is_swept_too(town: Any) -> None:
    city = crossing(town)
    view = only(Sight(city).choose(request(Disc(at=at(city, 0, 0), radius_m=80))))
    assert view.sweep is not None


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, error_m=st.sampled_from([40.0, 100.0, 300.0]))
def test_every_stop_is_reached_soon_and_lies_within_the_mount(seed: int, error_m: float) -> None:
    line = CITY.streets.line[seed % len(CITY.streets)]
    x, y = (float(v) for v in line[0])
    choice = SIGHT.choose(request(Place(at=at(CITY, x, y), error_m=error_m)))
    for view in choice.views:
        if view.sweep is None:
            continue
        assert view.aim == view.sweep.stops[0]
        assert len(set(view.sweep.stops)) == len(view.sweep.stops)
        # Standing at all stops but the last, and turning between them, after the first slew and the start.
        last_s = view.plays_in_s + DWELL_S * (len(view.sweep.stops) - 1)
        assert last_s <= SOON_S
        assert all(-10 <= stop.tilt_deg <= 90 for stop in view.sweep.stops)
    again = msgspec.json.decode(msgspec.json.encode(choice), type=Choice)
    assert again == choice
