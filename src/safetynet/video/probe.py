"""Is the camera alive, and does its picture move? Decodes for about a second; runs in a thread."""

from typing import TYPE_CHECKING

import av

from safetynet.base.clock import Clock
from safetynet.video.ipc import Source
from safetynet.video.pull import open_source

if TYPE_CHECKING:  # NumPy comes with the first probe: an idle worker does without
    import numpy as np
    from numpy.typing import NDArray

WATCH_S = 1.5
"""A clock in the picture ticks within this time."""
_SMALL = (320, 180)
_CHANGED_LEVELS = 12
_CHANGED_PX = 3


def probe(source: Source, budget_s: float, clock: Clock) -> tuple[str, str]:
    """State in the words of ``sight.HealthState`` (ok, dead, frozen) and a detail."""
    deadline_s = clock.monotonic_s() + budget_s
    first: NDArray[np.int16] | None = None
    try:
        with open_source(source, budget_s / 2) as container:
            until_s = deadline_s
            for frame in container.decode(video=0):
                picture = _small(frame)
                now_s = clock.monotonic_s()
                if first is None:
                    first, until_s = picture, min(now_s + WATCH_S, deadline_s)
                elif _differs(first, picture):
                    return "ok", ""
                if now_s >= until_s:
                    return "frozen", "the picture does not change"
    except (av.FFmpegError, IndexError) as error:
        if first is None:
            return "dead", getattr(error, "strerror", None) or type(error).__name__
    if first is None:
        return "dead", "no picture"
    return "frozen", "the pictures stopped"


def _small(frame: av.VideoFrame) -> "NDArray[np.int16]":
    width, height = _SMALL
    small = frame.reformat(width=width, height=height, format="gray")
    return small.to_ndarray().astype("int16")


def _differs(one: "NDArray[np.int16]", other: "NDArray[np.int16]") -> bool:
    """True where enough pixels changed by more than encoding alone would change them."""
    return int((abs(one - other) > _CHANGED_LEVELS).sum()) >= _CHANGED_PX
