"""What viewers said of views: each one's last word, and which cameras are to be learned anew."""

from collections.abc import Collection, Mapping

import msgspec

from safetynet.app.hub.judging import read_observation
from safetynet.base.ids import CameraId, IncidentId, ViewerId
from safetynet.incident.showing import JudgedBody
from safetynet.sight.model import Observation


class Words:
    """Observations by camera, in the order in which they were said. Of a viewer's words on one view of
    an incident the last counts."""

    def __init__(self) -> None:
        self._said: dict[CameraId, dict[tuple[IncidentId, ViewerId], Observation]] = {}
        self._helped: dict[CameraId, set[CameraId]] = {}
        """By camera on which the scene was found: the cameras of which words say so."""

    def say(self, word: JudgedBody) -> None:
        """Take a word; what its viewer said before counts no more, also where this one teaches nothing."""
        mine = self._said.setdefault(word.camera, {})
        mine.pop((word.incident, word.viewer), None)
        observation = read_observation(word)
        if observation is not None:
            mine[word.incident, word.viewer] = observation
            for one in observation.found:
                self._helped.setdefault(one.camera, set()).add(word.camera)

    def of(self, camera: CameraId) -> list[Observation]:
        """What is to be learned of a camera."""
        return list(self._said.get(camera, {}).values())

    def drop(self, camera: CameraId) -> None:
        """A camera was moved: what it showed before says nothing of what it shows now."""
        self._said.pop(camera, None)
        for other in self._helped.pop(camera, ()):
            mine = self._said.get(other, {})
            for key, one in mine.items():
                found = tuple(f for f in one.found if f.camera != camera)
                mine[key] = msgspec.structs.replace(one, found=found)

    def list_touched(self, cameras: Collection[CameraId]) -> set[CameraId]:
        """Cameras whose words say something else where these come, go, or are moved."""
        mine = {camera for camera in cameras if camera in self._said}
        return mine.union(*(self._helped.get(camera, ()) for camera in cameras))


def named_in(word: JudgedBody) -> set[CameraId]:
    """The judged camera, and those on which the scene had been found."""
    return {word.camera, *(one.camera for one in word.found)}


def as_it_stands(word: JudgedBody, moved: Mapping[CameraId, str]) -> JudgedBody | None:
    """What still counts of a word, by when cameras were last moved; None: nothing."""
    if word.at <= moved.get(word.camera, ""):
        return None
    found = tuple(one for one in word.found if word.at > moved.get(one.camera, ""))
    return msgspec.structs.replace(word, found=found)
