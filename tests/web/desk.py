"""A small real desk behind the web: it keeps what it is told and says what it was given."""

from collections.abc import Sequence
from datetime import UTC, datetime

from safetynet.base.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    SafetyNetError,
)
from safetynet.base.geo import LonLat
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.incident.model import IncidentState
from safetynet.sight.model import Reason, ReasonCode, Request, Stretch
from safetynet.web.desk import Feed, Tile
from safetynet.web.taking_types import ClipIn, ClipMade, ClipView, StillIn, StillView, TurnIn
from safetynet.web.types import (
    CameraPoint,
    CityView,
    DestroyedView,
    DestroyIn,
    FromConsole,
    HealthView,
    Hello,
    IncidentView,
    JournalLine,
    NodeView,
    ReportAccepted,
    ReportIn,
    SettingsView,
    Snapshot,
    ViewsAnswer,
    ViewView,
    WhyAnswer,
)

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
EMPTY = Snapshot(now=NOW, viewer=ViewerId("view_1"), incidents=(), nodes=())
CAMERA = CameraId("mapo-00001")
ADDRESS = "충정로 10~36"
STREET = Stretch(line=(LonLat(126.9, 37.5), LonLat(126.91, 37.5)), half_width_m=9.0)
WHY = WhyAnswer(
    camera=CAMERA,
    camera_name="마포구 00001",
    owner=NodeId("mapo"),
    at=(126.9, 37.5),
    place=(126.9, 37.501),
    distance_m=111.0,
    rank=None,
    reasons=(Reason(ReasonCode.BEHIND_BUILDING, what="12"),),
    area=(),
    wall=(),
)


class FakeDesk:
    """Implements ``web.desk.Desk`` in memory."""

    def __init__(self) -> None:
        self.error: SafetyNetError | None = None
        """Raised by whatever is asked next and from then on."""
        self.reports: list[tuple[ReportIn, bytes]] = []
        self.answers = True
        self.tiles: dict[tuple[int, int, int], bytes] = {}
        self.gateways: dict[str, str] = {}
        self.feeds: list[Feed] = []
        self.left: list[Feed] = []
        self.heard: list[FromConsole] = []
        self.asked: list[Request] = []
        """Questions to sight."""
        self.taken: list[TurnIn | StillIn | ClipIn] = []
        """What was asked of open views."""
        self.districts: list[NodeId | None] = []
        """Where addresses were looked for."""

    def _try(self) -> None:
        if self.error is not None:
            raise self.error

    def get_settings(self) -> SettingsView:
        self._try()
        return SettingsView(version="0", demo=False, staging=None)

    async def get_health(self) -> HealthView:
        self._try()
        return HealthView(answers=self.answers, answering="http://127.0.0.1:1")

    def get_city(self) -> CityView:
        return CityView(
            name="small",
            title_ko="작은 도시",
            title_en="Small city",
            bounds=(126.9, 37.5, 127.0, 37.6),
            cameras=0,
            scaled=False,
            synthetic=True,
            districts=(),
        )

    def find_tile(self, z: int, x: int, y: int) -> Tile | None:
        found = self.tiles.get((z, x, y))
        return Tile(found) if found is not None else None

    def list_cameras(self, owner: NodeId | None) -> Sequence[CameraPoint]:
        return []

    def list_nodes(self) -> Sequence[NodeView]:
        return []

    async def accept_report(self, report: ReportIn, raw: bytes) -> ReportAccepted:
        self._try()
        self.reports.append((report, raw))
        return ReportAccepted(
            incident=IncidentId("inc_1"), report="rep_1", new=True, state=IncidentState.OPEN
        )

    def list_incidents(self) -> Sequence[IncidentView]:
        return []

    def get_incident(self, incident: IncidentId) -> IncidentView:
        raise NotFoundError("incident.unknown", "no such incident", incident=incident)

    async def close_incident(self, incident: IncidentId) -> IncidentView:
        self._try()
        return self.get_incident(incident)

    async def destroy(self, asked: DestroyIn) -> DestroyedView:
        self._try()
        return DestroyedView(
            subject=asked.subject,
            because=asked.because,
            basis="개인정보 보호법 제21조제1항",
            by=asked.by,
            destroyed_at=NOW,
            number="hub-1-7",
            key_destroyed=True,
            reports=2,
        )

    async def turn_view(self, incident: IncidentId, camera: CameraId, asked: TurnIn) -> ViewView:
        self.taken.append(asked)
        raise RefusedError("view.locked", "another incident turned it", camera=camera)

    async def take_still(self, incident: IncidentId, camera: CameraId, asked: StillIn) -> StillView:
        self.taken.append(asked)
        return StillView(
            id="still_1",
            camera=camera,
            owner=NodeId("mapo"),
            captured_at=NOW,
            octets=2,
            sha256="ab",
            jpeg=b"\xff\xd8",
        )

    async def export_clip(self, incident: IncidentId, camera: CameraId, asked: ClipIn) -> ClipView:
        self.taken.append(asked)
        return ClipView(id="clip_1", camera=camera, owner=NodeId("mapo"), seconds=asked.seconds)

    async def list_exports(self, incident: IncidentId) -> Sequence[ClipMade]:
        return []

    async def list_journal(
        self, node: NodeId, after: int, incident: IncidentId | None, limit: int
    ) -> Sequence[JournalLine]:
        return [JournalLine(seq=after + 1, leaf="0" * 64, entry="{}")][:limit]

    async def find_address(self, address: str, district: NodeId | None) -> Stretch:
        if address != ADDRESS:
            raise InvalidError("city.address", "no street with numbers")
        self.districts.append(district)
        return STREET

    async def choose_views(self, asked: Request) -> ViewsAnswer:
        self.asked.append(asked)
        return ViewsAnswer(views=(), passed_over=(), chance=0.0, took_ms=0.0)

    async def explain_view(self, camera: CameraId, asked: Request) -> WhyAnswer:
        self.asked.append(asked)
        if camera != CAMERA:
            raise NotFoundError("views.no_camera", "there is no such camera", camera=camera)
        return WHY

    async def explain_for(self, camera: CameraId, incident: IncidentId) -> WhyAnswer:
        raise ConflictError("views.not_chosen", "no views were chosen", incident=incident)

    def find_gateway(self, owner: NodeId) -> str | None:
        return self.gateways.get(owner)

    async def open_console(self, hello: Hello) -> tuple[Feed, Snapshot]:
        if hello.agency == "nobody":
            raise InvalidError("viewer.agency", "unknown agency", agency=hello.agency)
        self.feeds.append(Feed(EMPTY.viewer))
        return self.feeds[-1], EMPTY

    async def close_console(self, feed: Feed) -> None:
        self.left.append(feed)

    async def hear_console(self, feed: Feed, message: FromConsole) -> None:
        self._try()
        self.heard.append(message)
