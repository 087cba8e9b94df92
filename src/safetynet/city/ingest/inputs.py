"""What a folder of open data gave, ready to be joined with what is synthesised."""

from dataclasses import dataclass, field

from shapely.geometry.base import BaseGeometry

from safetynet.city.bundle import Source, Speeds
from safetynet.city.ingest.report import ImportReport
from safetynet.city.model import Buildings, Cameras, Facility, Ground, Streets


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Real things on the city's plane; None where no source gave any."""

    cameras: Cameras | None = None
    arterials: Streets | None = None
    """Streets of a whole city that are only its main ones (TOPIS)."""
    streets: Streets | None = None
    """Complete streets of a part of the city (OpenStreetMap)."""
    buildings: Buildings | None = None
    ground: BaseGeometry | None = None
    """Where streets and buildings are complete."""
    terrain: Ground | None = None
    """Height of the ground everywhere."""
    facilities: tuple[Facility, ...] = ()
    speeds: Speeds | None = None
    """Its ``street`` counts through ``arterials`` and then ``streets``."""
    sources: tuple[Source, ...] = ()
    report: ImportReport = field(default_factory=ImportReport)
