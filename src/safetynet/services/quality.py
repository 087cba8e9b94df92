"""Picture quality by IEC 62676-4: pixels per metre on the target, as data."""

from enum import StrEnum
from typing import Final

import msgspec


class Quality(StrEnum):
    """What a picture is good for: the classes of the 2025 edition."""

    OVERVIEW = "overview"
    OUTLINE = "outline"
    DISCERN = "discern"
    PERCEIVE = "perceive"
    CHARACTERISE = "characterise"
    VALIDATE = "validate"
    SCRUTINISE = "scrutinise"


PX_PER_M: Final = {
    Quality.OVERVIEW: 20.0,
    Quality.OUTLINE: 40.0,
    Quality.DISCERN: 80.0,
    Quality.PERCEIVE: 125.0,
    Quality.CHARACTERISE: 250.0,
    Quality.VALIDATE: 500.0,
    Quality.SCRUTINISE: 1500.0,
}
"""IEC/EN 62676-4:2025. The plans use these."""


class Class2014(msgspec.Struct, frozen=True, kw_only=True):
    """A class of the edition before, which tenders and older systems still name."""

    name: str
    px_per_m: float


CLASSES_2014: Final = (
    Class2014(name="monitor", px_per_m=12.5),
    Class2014(name="detect", px_per_m=25.0),
    Class2014(name="observe", px_per_m=62.5),
    Class2014(name="recognise", px_per_m=125.0),
    Class2014(name="identify", px_per_m=250.0),
    Class2014(name="inspect", px_per_m=1000.0),
)
"""IEC/EN 62676-4:2014."""


def quality_of(px_per_m: float) -> Quality | None:
    """The best class that this density reaches; None below all of them."""
    reached = [quality for quality, needed in PX_PER_M.items() if px_per_m >= needed]
    return reached[-1] if reached else None


def class_2014_of(px_per_m: float) -> Class2014 | None:
    """The best class of the 2014 edition that this density reaches; None below all of them."""
    reached = [c for c in CLASSES_2014 if px_per_m >= c.px_per_m]
    return reached[-1] if reached else None
