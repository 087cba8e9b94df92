"""Our chooser: ``sight``, told no more than any other."""

from collections.abc import Mapping, Sequence

from bench.eyes_on.ask import MIN_PX_PER_M, Incident, Said, View

from safetynet.base.ids import CameraId
from safetynet.city.model import City
from safetynet.sight.model import HealthState, Observation, Place, Request, Witness
from safetynet.sight.service import Sight


class Ours:
    """Four views by sight, over what may be known of a city."""

    def __init__(self, city: City) -> None:
        self._sight = Sight(city)
        self._heard: Mapping[CameraId, HealthState] = {}

    def hear(self, heard: Mapping[CameraId, HealthState]) -> None:
        """What is known to be out of order from now on."""
        self._heard = heard

    def choose(self, incident: Incident) -> Sequence[View]:
        """The views for one question, best first."""
        place = incident.place
        if not isinstance(place, Place):
            place = Place(at=place.at, error_m=place.error_m)
        request = Request(
            place=place,
            target=incident.target,
            min_px_per_m=MIN_PX_PER_M,
            night=incident.night,
            why_not=0,
        )
        choice = self._sight.choose(request, self._heard, frozenset(incident.away))
        return [View(camera=view.camera, aim=view.aim) for view in choice.views]

    def learn(self, incident: Incident, said: Sequence[Said]) -> None:
        """What a viewer said of the views of an incident."""
        if not hasattr(self._sight, "learn"):
            return
        self._sight.learn(
            [
                Observation(
                    camera=one.camera,
                    place=incident.place,
                    target=incident.target,
                    shown=one.shown,
                    by=Witness.OPERATOR,
                )
                for one in said
            ]
        )
