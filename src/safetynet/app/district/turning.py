"""What an incident has a camera do: stand, turn, or sweep; and which stop of a sweep a viewer just saw."""

from dataclasses import dataclass, field

from safetynet.access.entries import PtzBody, PtzMove
from safetynet.base.ids import CameraId, IncidentId
from safetynet.federation.messages import WantedTurn, WantedView
from safetynet.video.ipc import Prepare, Source, Turn, Turned

REACTION_S = 0.6
"""From what a viewer sees to the word about it: so much earlier it was shown. A stop that the camera
reached later than that is not what is meant."""


@dataclass
class Turning:
    """One camera under an incident's lock."""

    turn: Turn | None = None
    """Where it was turned; None for one that stands as it stands."""
    sweep: tuple[Turn, ...] = ()
    dwell_s: float = 0.0
    _reached: list[tuple[float, Turn]] = field(default_factory=list)
    """The last two stops, and when they were reached."""

    @classmethod
    def of(cls, wanted: WantedView) -> "Turning":
        """As it was asked for."""
        sweep = tuple(read_turn(t) for t in wanted.sweep)
        turn = read_turn(wanted.turn) if wanted.turn else None
        return cls(
            turn=turn, sweep=sweep if turn and len(sweep) > 1 else (), dwell_s=wanted.dwell_s
        )

    def prepare(self, camera: CameraId, source: Source, lock: str) -> Prepare:
        """What the worker is told."""
        return Prepare(
            camera=camera,
            source=source,
            turn=self.turn,
            lock=lock,
            sweep=self.sweep,
            dwell_s=self.dwell_s,
        )

    def note(self, message: Turned, now_s: float) -> None:
        """A stop of the sweep was reached."""
        if 0 < message.stop <= len(self.sweep):
            self._reached = [*self._reached[-1:], (now_s, self.sweep[message.stop - 1])]

    def held(self, now_s: float) -> "Turning":
        """The same without the sweep: at the stop that somebody saw who acts now."""
        if not self.sweep:
            return self
        seen = [stop for since_s, stop in self._reached if since_s <= now_s - REACTION_S]
        return Turning(turn=seen[-1] if seen else self.turn)


def body_of_move(
    camera: CameraId,
    move: PtzMove,
    to: Turn,
    *,
    incident: IncidentId | None,
    purpose: str,
    by: str,
    took_ms: int,
    stop: int,
) -> PtzBody:
    """A move as the journal keeps it."""
    return PtzBody(
        camera=camera,
        move=move,
        incident=incident,
        purpose=purpose,
        azimuth_mdeg=round(to.azimuth_deg * 1000),
        tilt_mdeg=round(to.tilt_deg * 1000),
        hfov_mdeg=round(to.hfov_deg * 1000),
        took_ms=took_ms,
        by=by,
        stop=stop,
    )


def read_turn(t: WantedTurn) -> Turn:
    """As the worker says it."""
    return Turn(azimuth_deg=t.azimuth_deg, tilt_deg=t.tilt_deg, hfov_deg=t.hfov_deg)


def said_turn(t: Turn) -> WantedTurn:
    """The inverse of ``read_turn``."""
    return WantedTurn(azimuth_deg=t.azimuth_deg, tilt_deg=t.tilt_deg, hfov_deg=t.hfov_deg)
