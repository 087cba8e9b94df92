"""Words on cameras that are written down as numbers; they need no NumPy, as ``model`` does."""

from enum import IntEnum


class Origin(IntEnum):
    """Where a value comes from."""

    SURVEYED = 0
    DECLARED = 1
    """Read from a source that says so."""
    ASSUMED = 2
    """Set by a stated rule because the source is silent."""
    SYNTHETIC = 3
    """Invented by seed; marked on the map."""
    LEARNED = 4


class CameraKind(IntEnum):
    """How a camera can move."""

    FIXED = 0
    PTZ = 1
