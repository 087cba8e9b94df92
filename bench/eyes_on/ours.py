"""Our chooser: ``sight``, told no more than any other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from bench.eyes_on.ask import MIN_PX_PER_M, Incident, Said, View

from safetynet.base.ids import CameraId
from safetynet.city.model import CameraKind, City
from safetynet.city.poles import PTZ_HFOV_DEG
from safetynet.city.tables import take_cameras
from safetynet.sight.model import CameraNow, HealthState, Observation, Request, Witness
from safetynet.sight.service import Sight

TURNS = 0.8
"""Belief from which on a camera counts as one that turns."""


class Ours:
    """Four views by sight, over what may be known of a city."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._sight = Sight(city, assumed=False)
        self._owners = tuple(d.node for d in city.districts)
        self._now = self._sight.now()

    def hear(self, heard: Mapping[CameraId, HealthState]) -> None:
        """What is known to be out of order from now on."""
        self._now = self._sight.now()
        for camera, state in heard.items():
            self._now.set(camera, CameraNow(state=state))

    def choose(self, incident: Incident) -> Sequence[View]:
        """The views for one question, best first."""
        for owner in self._owners:
            self._now.set_owner(owner, away=owner in incident.away)
        request = Request(
            place=incident.place,
            target=incident.target,
            min_px_per_m=MIN_PX_PER_M,
            night=incident.night,
            why_not=0,
        )
        choice = self._sight.choose(request, self._now)
        return [
            View(camera=view.camera, aim=view.aim, sweep=view.sweep.stops if view.sweep else ())
            for view in choice.views
        ]

    def learn(self, incident: Incident, said: Sequence[Said]) -> None:
        """What a viewer said of the views of an incident."""
        self._sight.learn(
            Observation(
                camera=one.camera,
                place=incident.place,
                target=incident.target,
                shown=one.shown,
                by=Witness.OPERATOR,
            )
            for one in said
        )

    def settle(self) -> int:
        """Take for a PTZ from now on what most probably turns, by what was learned; says how many.

        A believed camera is shown as it stands; one that turns is to be aimed, which matters where the
        place is not sure.
        """
        cameras, found = self._city.cameras, 0
        for row, camera in enumerate(cameras.id):
            believed = self._sight.believed(camera)
            if believed and believed.turning >= TURNS and cameras.kind[row] != CameraKind.PTZ:
                one = take_cameras(cameras, np.arange(len(cameras)) == row)
                turns = np.full(1, CameraKind.PTZ, np.uint8)
                wide = np.full(1, PTZ_HFOV_DEG)
                self._sight.update(camera, replace(one, kind=turns, hfov_deg=wide))
                found += 1
        return found
