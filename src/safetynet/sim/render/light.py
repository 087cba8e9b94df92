"""How light the city is, by the clock of Seoul."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from safetynet.base.geo import Floats

SEOUL = ZoneInfo("Asia/Seoul")
_LATITUDE_DEG = 37.55
_LONGITUDE_DEG = 126.99
_STEPS = 24
"""Levels of daylight; within one the picture stands still, so that it can be kept."""


class Light(msgspec.Struct, frozen=True):
    """What falls on the city."""

    level: int
    """0 night … 24 day."""
    sun_azimuth_deg: int
    """Rounded to 15°, so that shadows wander in steps."""
    sun_height_deg: int

    @property
    def day(self) -> float:
        """0 at night, 1 by day, between them at dusk and dawn."""
        return self.level / _STEPS

    @property
    def to_sun(self) -> Floats:
        """Unit vector, east, north, up."""
        a, h = math.radians(self.sun_azimuth_deg), math.radians(self.sun_height_deg)
        return np.array([math.sin(a) * math.cos(h), math.cos(a) * math.cos(h), math.sin(h)])


def light_at(at: datetime) -> Light:
    """Daylight over Seoul at a moment (aware), by the sun's declination and hour angle.

    Source: the low-precision formulas of Cooper (1969); the equation of time is left out.
    """
    local = at.astimezone(SEOUL)
    day = local.timetuple().tm_yday
    hour = local.hour + local.minute / 60 + (_LONGITUDE_DEG - 135) / 15
    declination = math.radians(23.45 * math.sin(2 * math.pi * (284 + day) / 365))
    turn = math.radians((hour - 12) * 15)
    lat = math.radians(_LATITUDE_DEG)
    up = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(
        turn
    )
    north = math.cos(lat) * math.sin(declination) - math.sin(lat) * math.cos(
        declination
    ) * math.cos(turn)
    east = -math.cos(declination) * math.sin(turn)
    height = math.degrees(math.asin(up))
    level = min(max((height + 6) / 12, 0.0), 1.0)
    return Light(
        level=round(level * _STEPS),
        sun_azimuth_deg=round(math.degrees(math.atan2(east, north)) / 15) * 15 % 360,
        sun_height_deg=max(15, round(height / 10) * 10),
    )
