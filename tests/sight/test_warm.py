"""What set-up compiles ahead is all that is ever compiled: a hub never compiles while it serves."""

import subprocess
import sys

ASK = """
import importlib
import pkgutil
from dataclasses import replace

import numpy as np
from numba.core.dispatcher import Dispatcher

from safetynet.base.geo import LonLat
from safetynet.city.model import Zones
from safetynet.city.synth import small_city
from safetynet.city.tables import take_cameras
from safetynet.sight import kernels, warm
from safetynet.sight.model import Area, CameraNow, HealthState, Place, Request, TargetKind
from safetynet.sight.service import Sight

modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}.")]
loops = {(m.__name__, name): loop for m in modules for name, loop in vars(m).items()
         if isinstance(loop, Dispatcher) and loop.__module__ == m.__name__}


def compiled():
    return {name: len(loop.signatures) for name, loop in loops.items()}


def ask(city):
    sight = Sight(city, assumed=False)
    now = sight.now()
    lon, lat = city.plane.to_lonlat(np.array([-50.0, 50, 50, -50]), np.array([-50.0, -50, 50, 50]))
    ring = tuple(LonLat(float(a), float(b)) for a, b in zip(lon, lat))
    for camera in city.cameras.id[:3]:
        now.set(camera, CameraNow(state=HealthState.BUSY))
    for place in (Place(at=ring[0], error_m=0), Place(at=ring[0], error_m=20), Place(at=ring[0], error_m=200.0), Area(ring=ring)):
        for kind in TargetKind:
            request = Request(place=place, target=kind, min_px_per_m=20, why_not=20, night=kind is TargetKind.CROWD)
            sight.choose(request, now)
            for camera in city.cameras.id[:5]:
                sight.why_not(request, camera, now)


warm.warm()
before = compiled()
assert any(before.values())
city = small_city(7, cameras=60)
keep = np.arange(60)
for count in (0, 1, 2, 60):
    ask(replace(city, cameras=take_cameras(city.cameras, keep < count)))
    assert compiled() == before, {n: c for n, c in compiled().items() if c != before[n]}
print("nothing compiled")
"""


def test_any_number_of_cameras_is_asked_with_what_was_compiled_ahead() -> None:
    ran = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    assert ran.stdout == "nothing compiled\n", ran.stderr
