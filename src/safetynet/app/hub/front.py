"""What every process of a hub does by itself: take reports, tell how it stands, show the city."""

from safetynet.app.hub.intake import Intake
from safetynet.base.clock import Clock
from safetynet.base.errors import UnavailableError
from safetynet.base.ids import HUB, NodeId, ReportId, new_id
from safetynet.city.model import City, District, Origin
from safetynet.city.near import Surroundings
from safetynet.city.tiles import MapTiles
from safetynet.incident.model import Report
from safetynet.journal.append import Journal
from safetynet.journal.generation import find_answering
from safetynet.links.http import report_from_fields
from safetynet.web.desk import Tile
from safetynet.web.types import (
    CityView,
    DistrictView,
    HealthView,
    ReportAccepted,
    ReportIn,
    SettingsView,
)


class HubFront:
    """Implements ``web.desk.FrontDesk``: needs the store and the city, and nothing in memory."""

    def __init__(
        self,
        *,
        settings: SettingsView,
        journal: Journal,
        intake: Intake,
        city: City,
        tiles: MapTiles,
        clock: Clock,
        reached_at: str | None = None,
    ) -> None:
        """``reached_at``: the base address of a process that does not answer itself."""
        self._settings = settings
        self._journal = journal
        self._intake = intake
        self._tiles = tiles
        self._clock = clock
        self._reached_at = reached_at
        self._city = city_view(city, settings.node)

    def get_settings(self) -> SettingsView:
        """What the console must know about this installation."""
        return self._settings

    def get_city(self) -> CityView:
        """The city for the first screen."""
        return self._city

    def find_tile(self, z: int, x: int, y: int) -> Tile | None:
        """A vector tile of the map; None where the map is empty."""
        data = self._tiles.get_tile(z, x, y)
        return Tile(data) if data else None

    async def accept_report(self, report: ReportIn, raw: bytes) -> ReportAccepted:
        """Take a report by HTTP; returns when it is on disk."""
        accepted = await self._intake.accept(self._read_report(report, raw))
        return ReportAccepted(
            incident=accepted.incident,
            report=accepted.report,
            new=accepted.new,
            state=accepted.state,
        )

    async def get_health(self) -> HealthView:
        """How this process stands; raises ``UnavailableError`` where the store does not answer."""
        found = await find_answering(self._journal.store, self._journal.node)
        return HealthView(
            answers=self._reached_at is None, answering=found.address if found else ""
        )

    async def get_answering(self) -> str:
        """Base address of the process that answers; raises ``UnavailableError`` where that is not another
        one: then nobody does, and this one may be the next."""
        found = await find_answering(self._journal.store, self._journal.node)
        if found is None or found.address == self._reached_at:
            raise UnavailableError("hub.nobody_answers", "nobody answers for this hub now")
        return found.address

    def _read_report(self, report: ReportIn, raw: bytes) -> Report:
        now = self._clock.now()
        return report_from_fields(
            report_id=ReportId(new_id("rep", now)),
            received_at=now,
            raw=raw,
            **{name: getattr(report, name) for name in ReportIn.__struct_fields__},
        )


def city_view(city: City, node: NodeId = HUB) -> CityView:
    """The city for the first screen; at a district's desk its own part of it, with the neighbours."""
    own = shown = list(city.districts)
    if node != HUB:
        beside = Surroundings(city.districts, city.plane).list_neighbours(node)
        own = [d for d in city.districts if d.node == node]
        shown = [*own, *(d for d in city.districts if d.node in beside)]
    lons = [lon for d in own for ring in d.border for lon, _ in ring]
    lats = [lat for d in own for ring in d.border for _, lat in ring]
    return CityView(
        name=city.name,
        title_ko=city.title_ko,
        title_en=city.title_en,
        bounds=(min(lons), min(lats), max(lons), max(lats)),
        cameras=sum(_count_cameras(city, d) for d in shown),
        scaled=city.scaled,
        synthetic=bool((city.streets.origin == Origin.SYNTHETIC).any()),
        districts=tuple(_district_view(city, d) for d in shown),
    )


def _district_view(city: City, district: District) -> DistrictView:
    ring = max(district.border, key=len)
    return DistrictView(
        node=district.node,
        name_ko=district.name_ko,
        name_en=district.name_en,
        centre=(
            sum(lon for lon, _ in ring) / len(ring),
            sum(lat for _, lat in ring) / len(ring),
        ),
        border=district.border,
        quarter=district.quarter,
        cameras=_count_cameras(city, district),
    )


def _count_cameras(city: City, district: District) -> int:
    return int((city.cameras.district == city.districts.index(district)).sum())
