"""The moment that a choice of views was asked in, as ``choice.made/1`` keeps it: enough to ask again."""

import msgspec

from safetynet.base.ids import CameraId, NodeId


class AimBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where a camera was to look, in thousandths of a degree."""

    azimuth_mdeg: int
    tilt_mdeg: int
    hfov_mdeg: int

    @classmethod
    def of(cls, *, azimuth_deg: float, tilt_deg: float, hfov_deg: float) -> "AimBody":
        """From degrees."""
        return cls(
            azimuth_mdeg=milli(azimuth_deg), tilt_mdeg=milli(tilt_deg), hfov_mdeg=milli(hfov_deg)
        )


class SweepBody(msgspec.Struct, frozen=True, kw_only=True):
    """A PTZ that was to look at parts of the place in turn."""

    stops: tuple[AimBody, ...]
    dwell_ms: int
    round_ms: int


class AskedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The question in full."""

    lon_e7: int
    lat_e7: int
    error_mm: int
    target: str
    min_px_per_m_milli: int
    count: int
    radius_mm: int
    why_not: int
    night: bool


class KnownBody(msgspec.Struct, frozen=True, array_like=True):
    """An owner's cameras as the hub knew them: checksum of the whole catalogue."""

    owner: NodeId
    catalogue: str


class UnwellBody(msgspec.Struct, frozen=True, array_like=True):
    """A camera that was not well."""

    camera: CameraId
    state: str


class HeldBody(msgspec.Struct, frozen=True, array_like=True):
    """A PTZ that another incident had turned, and where to."""

    camera: CameraId
    azimuth_mdeg: int
    tilt_mdeg: int
    hfov_mdeg: int


class MomentBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub knew when it chose. Of cameras only those near enough to matter, and of them only
    what is not plain: all others were well, free and not yet refused for this incident."""

    program: str
    """Version of the program that chose."""
    bundle: str
    """Content version of the city bundle."""
    assumed: bool
    """Whether directions that were assumed by rule counted as true, as in a simulated city."""
    asked: AskedBody
    catalogues: tuple[KnownBody, ...]
    beliefs: str
    """SHA-256 over what had been learned of directions; ``sight.belief`` says of what."""
    away: tuple[NodeId, ...]
    """Owners that could not be asked."""
    unwell: tuple[UnwellBody, ...]
    held: tuple[HeldBody, ...]
    lost: tuple[CameraId, ...]
    """Cameras whose owner had refused or been silent for this incident."""
    left_out: int
    """Cameras that were too many for the entry; above 0 the moment is not whole."""


def milli(value: float) -> int:
    """Thousandths, rounded."""
    return round(value * 1000)
