"""What is believed of cameras whose direction is in no list, and how it is learned.

Bayes' rule over the hypotheses of ``mounting``. What was observed is kept as logarithms of
likelihoods, so one observation weighs as much first as last, but for a slow fading that lets a camera
be turned by its owner. Witnesses err at a known rate: a wrong click costs a bounded factor, which one
or two true ones win back. Mathematics: docs/design/0011-beliefs.md.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from safetynet.base.errors import InvalidError
from safetynet.base.geo import Floats
from safetynet.base.ids import CameraId
from safetynet.city.model import Cameras, Ints
from safetynet.sight.model import Witness
from safetynet.sight.mounting import (
    AXES_RAD,
    AZIMUTHS,
    FIXED,
    MOUNTINGS,
    RANGE_STEP_M,
    RANGES,
    chances,
    share_shown,
)
from safetynet.sight.prior import (
    priors_of,
    said_of,
    start_of,
    turning_of,
)

__all__ = ["AZIMUTHS", "RANGES", "RANGE_STEP_M", "Beliefs", "Learned", "weigh_found"]

Chances = NDArray[np.float32]

ERRORS = {
    Witness.OPERATOR: (0.06, 0.12),
    Witness.SWEEP: (0.05, 0.08),
    Witness.STILL: (0.06, 0.12),
}
"""By witness: how often "shown" is said of what is not shown, and "not shown" of what is.

The second is the larger: passers-by, a lorry or the moment hide what the pose would show.
"""
FADING = 0.99
"""What an observation still weighs after the next one of the same camera."""
FLOOR = 0.02
"""Part of every belief that stays as it was before anything was observed."""
VERSION = 1


def weigh_found(weight: Floats, shown: NDArray[np.floating]) -> Floats:
    """Probabilities (s,) of a place's points once somebody saw the scene on a turned camera, which
    shows each point with the probabilities ``shown`` (s,); by Bayes' rule, with the sum kept."""
    false, missed = ERRORS[Witness.SWEEP]
    found = weight * ((1 - missed) * shown + false * (1 - shown))
    return np.asarray(found * (weight.sum() / found.sum()))


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """The belief over one camera in a few words."""

    azimuth_deg: float
    """The most probable direction of a camera that does not turn, compass."""
    probability: float
    """That it does not turn and looks within 15° of it."""
    turning: float
    """Probability that it turns, and shows any direction that it is asked for."""
    observations: int


class _Evidence(msgspec.Struct, frozen=True):
    """What was observed of one camera."""

    log: Floats
    """(azimuths, mountings) sum of log likelihoods, the older ones faded."""
    count: int


class Beliefs:
    """One belief for every camera with an unknown pose. Deterministic; pure NumPy.

    ``row`` (n,) names each camera's row of ``chance``, -1 where the pose is known. Row 0 is what a
    camera has of which nobody knows anything; cameras share rows until something is learned of them.
    """

    def __init__(self, cameras: Cameras, unknown: NDArray[np.bool_]) -> None:
        self._ids = cameras.id
        self._evidence: dict[int, _Evidence] = {}
        self._turning = turning_of(cameras)
        prior, first = priors_of(cameras, unknown, self._turning)
        self._prior: dict[int, Floats] = dict(enumerate(prior))
        """By row of the table: what cameras start from."""
        self._first_row = first
        self.row: Ints = first.copy()
        """(n,) int32"""
        self._table = np.zeros((len(prior), AZIMUTHS, RANGES), np.float32)
        self._rows = len(prior)
        self._digest: str | None = None
        for k, p in enumerate(prior):
            self._table[k] = chances(p)

    @classmethod
    def fresh(cls, cameras: Cameras, unknown: NDArray[np.bool_]) -> "Beliefs":
        """Beliefs before anything was observed; ``unknown`` (n,) marks the cameras to learn.

        A direction that is declared with a standard deviation below 90° is where a belief starts.
        """
        return cls(cameras, unknown)

    @property
    def chance(self) -> Chances:
        """(rows, azimuths, ranges) probability that a target at that bearing and distance, both as
        bins, is in the picture and large enough, walls apart. Ask anew after learning."""
        return self._table[: self._rows]

    def learn(
        self,
        camera: int,
        bearing: Floats,
        distance_m: Floats,
        weight: Floats,
        *,
        shown: bool,
        by: Witness,
    ) -> None:
        """Take in that a camera, by its row in ``Cameras``, showed a place or did not.

        The place is points (s,) that walls leave in sight: compass bearing from the camera in radians,
        distance as for a person, and probability; what is missing to 1 was hidden. A camera whose
        pose is known learns nothing. Cost: about 0.3 ms.
        """
        if self.row[camera] < 0:
            return
        seen = share_shown(bearing, distance_m, weight)
        false, missed = ERRORS[by]
        says_shown = (1 - missed) * seen + false * (1 - seen)
        told = np.log(says_shown if shown else 1 - says_shown)
        before = self._evidence.get(camera, _Evidence(np.zeros_like(told), 0))
        self._evidence[camera] = _Evidence(FADING * before.log + told, before.count + 1)
        self._refresh(camera)

    def forget(self, camera: int) -> None:
        """Back to what was known of a camera before it was observed: it was moved, or a witness
        thought again and what the others said is to be learned anew."""
        if self._evidence.pop(camera, None) is not None:
            self._refresh(camera)

    def put(self, camera: int, one: Cameras, *, unknown: bool) -> None:
        """A camera is set anew: ``one`` holds it alone, as its owner tells it now. What was learned of
        it is forgotten; where its pose is known now there is no belief any more."""
        self._evidence.pop(camera, None)
        self._digest = None
        self._first_row[camera] = self.row[camera] = -1
        if unknown:
            (azimuth,), (width,) = said_of(one)
            row = self._append_row()
            self._prior[row] = start_of(int(azimuth), int(width), float(self._turning[camera]))
            self._table[row] = chances(self._prior[row])
            self._first_row[camera] = self.row[camera] = row

    def posterior(self, camera: int) -> Floats:
        """(azimuths, mountings) probabilities that sum to 1."""
        prior = self._start_of(camera)
        evidence = self._evidence.get(camera)
        if evidence is None:
            return prior
        log = np.log(prior) + evidence.log
        p = np.exp(log - log.max())
        return np.asarray((1 - FLOOR) * p / p.sum() + FLOOR * prior)

    def explain(self, camera: int) -> Learned | None:
        """The belief over a camera in a few words; None where its pose is known."""
        if self.row[camera] < 0:
            return None
        p = self.posterior(camera)
        around = _AROUND @ p[:, :FIXED].sum(axis=1)
        best = int(np.argmax(around))
        evidence = self._evidence.get(camera)
        return Learned(
            azimuth_deg=float(np.degrees(AXES_RAD[best])),
            probability=min(float(around[best]), 1.0),
            turning=min(float(p[:, FIXED:].sum()), 1.0),
            observations=evidence.count if evidence else 0,
        )

    def save(self) -> bytes:
        """What was learned, by the cameras' ids, as an ``.npz``."""
        known = self._in_order()
        out = io.BytesIO()
        np.savez(
            out,
            version=np.array(VERSION),
            ids=np.array([self._ids[i] for i, _ in known], np.str_),
            count=np.array([e.count for _, e in known], np.int32),
            log=np.array([e.log for _, e in known]).reshape(-1, AZIMUTHS, MOUNTINGS),
        )
        return out.getvalue()

    @classmethod
    def load(cls, data: bytes, cameras: Cameras, unknown: NDArray[np.bool_]) -> "Beliefs":
        """Fresh beliefs with what was saved; cameras that are gone are left out.

        Raises ``InvalidError`` ``sight.beliefs`` for bytes that are not of this version.
        """
        beliefs = cls(cameras, unknown)
        rows = {camera: i for i, camera in enumerate(cameras.id)}
        for camera, evidence in _read(data):
            row = rows.get(camera)
            if row is not None and beliefs.row[row] >= 0:
                beliefs._evidence[row] = evidence
                beliefs._refresh(row)
        return beliefs

    def moved(self, cameras: Cameras, unknown: NDArray[np.bool_]) -> "Beliefs":
        """The same beliefs over another list of cameras, by their ids; those that are gone are left out.

        Cost: some microseconds for a camera of which lists say what they said before.
        """
        beliefs = Beliefs(cameras, unknown)
        rows = {camera: i for i, camera in enumerate(cameras.id)}
        for before, evidence in self._evidence.items():
            row = rows.get(self._ids[before])
            if row is None or beliefs.row[row] < 0:
                continue
            beliefs._evidence[row] = evidence
            beliefs._digest = None
            if np.array_equal(self._start_of(before), beliefs._start_of(row)):
                beliefs.row[row] = beliefs._append_row()
                beliefs._table[beliefs.row[row]] = self._table[self.row[before]]
            else:
                beliefs._refresh(row)
        return beliefs

    def digest(self) -> str:
        """SHA-256 over what was learned; equal for equal beliefs, whatever the order of cameras."""
        if self._digest is None:
            self._digest = self._work_out_digest()
        return self._digest

    def _work_out_digest(self) -> str:
        digest = hashlib.sha256(b"beliefs/%d" % VERSION)
        for row, evidence in self._in_order():
            digest.update(f"{self._ids[row]}\0{evidence.count}\0".encode())
            digest.update(np.ascontiguousarray(evidence.log, "<f8").tobytes())
        return digest.hexdigest()

    def _in_order(self) -> list[tuple[int, _Evidence]]:
        return sorted(self._evidence.items(), key=lambda item: self._ids[item[0]])

    def _refresh(self, camera: int) -> None:
        """Work out the chances of a camera anew."""
        self._digest = None
        if self.row[camera] == self._first_row[camera]:
            self.row[camera] = self._append_row()
        self._table[self.row[camera]] = chances(self.posterior(camera))

    def _start_of(self, camera: int) -> Floats:
        """(azimuths, mountings) what was believed before anything was observed."""
        return self._prior[self._first_row[camera]]

    def _append_row(self) -> int:
        if self._rows == len(self._table):
            longer = np.zeros((2 * self._rows, AZIMUTHS, RANGES), np.float32)
            longer[: self._rows] = self._table
            self._table = longer
        self._rows += 1
        return self._rows - 1


def _read(data: bytes) -> Iterator[tuple[CameraId, _Evidence]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            version, ids, count, log = (file[k] for k in ("version", "ids", "count", "log"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidError("sight.beliefs", "These bytes are no saved beliefs.") from error
    shape = (len(ids), AZIMUTHS, MOUNTINGS)
    if int(version) != VERSION or log.shape != shape or not np.isfinite(log).all():
        raise InvalidError("sight.beliefs", "These beliefs are of another version.")
    for camera, n, one in zip(ids.tolist(), count.tolist(), log, strict=True):
        yield CameraId(camera), _Evidence(one, n)


def _within(away_deg: float) -> Floats:
    """(azimuths, azimuths) 1 where two directions are no farther apart."""
    off = np.degrees(np.abs((AXES_RAD[:, None] - AXES_RAD + np.pi) % (2 * np.pi) - np.pi))
    return np.where(off < away_deg + 1e-6, 1.0, 0.0)


_AROUND = _within(15)
