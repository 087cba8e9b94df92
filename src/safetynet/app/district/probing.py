"""Which cameras to look at next, within a stated budget. Pure; time comes in as monotonic seconds."""

from bisect import bisect_right
from collections.abc import Container, Sequence

from safetynet.base.ids import CameraId

AT_ONCE = 4
"""Probes under way at once, of one district."""
ILL_AGAIN_S = 10.0
ILL_AGAIN_MOST_S = 320.0
"""An ill camera is looked at again after the first, then after twice as long each time, up to the second."""
ANSWER_S = 30.0
"""A probe that was not answered by then is given up: its worker is gone."""


class Probing:
    """Ill cameras are looked at again until they are well; of the others each gets its turn.

    ``per_minute`` is for the turns and may be 0; ill cameras are looked at in any case. Both share
    ``AT_ONCE``.
    """

    def __init__(self, per_minute: float, now_s: float) -> None:
        self._every_s = 60.0 / per_minute if per_minute > 0 else None
        self._turn_s = now_s
        self._last = CameraId("")
        self._ill_at_s: dict[CameraId, tuple[float, float]] = {}
        """When to look again, and how long after that the next time."""
        self._asked_s: dict[CameraId, float] = {}

    def plan(
        self, now_s: float, cameras: Sequence[CameraId], watched: Container[CameraId]
    ) -> list[CameraId]:
        """Cameras to probe now; ``cameras`` are all of them in order, ``watched`` tell of themselves."""
        for camera in [c for c, s in self._asked_s.items() if now_s - s > ANSWER_S]:
            del self._asked_s[camera]
        plan: list[CameraId] = []
        while len(self._asked_s) < AT_ONCE:
            ill = self._next_ill(now_s, watched)
            probed = ill if ill is not None else self._next_turn(now_s, cameras, watched)
            if probed is None:
                break
            self._asked_s[probed] = now_s
            plan.append(probed)
        return plan

    def note(self, camera: CameraId, now_s: float, *, well: bool) -> None:
        """What a camera's stream or a probe said."""
        self._asked_s.pop(camera, None)
        if well:
            self._ill_at_s.pop(camera, None)
            return
        _, pause_s = self._ill_at_s.get(camera, (0.0, ILL_AGAIN_S))
        self._ill_at_s[camera] = now_s + pause_s, min(2 * pause_s, ILL_AGAIN_MOST_S)

    def forget(self, camera: CameraId) -> None:
        """A camera that this district has no more."""
        self._asked_s.pop(camera, None)
        self._ill_at_s.pop(camera, None)

    def _next_ill(self, now_s: float, watched: Container[CameraId]) -> CameraId | None:
        due = (
            (at_s, camera)
            for camera, (at_s, _) in self._ill_at_s.items()
            if at_s <= now_s and camera not in self._asked_s and camera not in watched
        )
        return min(due, default=(0.0, None))[1]

    def _next_turn(
        self, now_s: float, cameras: Sequence[CameraId], watched: Container[CameraId]
    ) -> CameraId | None:
        """The next in order that is due, well and not watched; turns that were missed are not made up."""
        if self._every_s is None or now_s < self._turn_s or not cameras:
            return None
        first = bisect_right(cameras, self._last)
        self._turn_s = max(self._turn_s, now_s - self._every_s) + self._every_s
        for k in range(len(cameras)):
            camera = cameras[(first + k) % len(cameras)]
            if not (camera in watched or camera in self._ill_at_s or camera in self._asked_s):
                self._last = camera
                return camera
        return None
