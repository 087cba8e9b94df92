"""What a viewer asks for of one open view: a turn, a still, a clip. The owner has the last word."""

from collections.abc import Sequence
from datetime import UTC, datetime

from safetynet.access.takings import EXPORT_FAILED, EXPORT_MADE, FailedBody, MadeBody
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import IssuedGrant, Response
from safetynet.base.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from safetynet.base.ids import CameraId, IncidentId, NodeId, ViewerId
from safetynet.federation.messages import Answer, Right, WantedTurn
from safetynet.journal.entry import Entry
from safetynet.journal.read import read_incident
from safetynet.sight.model import Aim
from safetynet.store.store import Store
from safetynet.web.taking_types import ClipIn, ClipMade, ClipView, StillIn, StillView, TurnIn
from safetynet.web.types import ViewView


class Takings:
    """Asks owners for what viewers want, each with the viewer's own grant."""

    def __init__(self, responder: Responder, owners: Owners, store: Store) -> None:
        self._responder = responder
        self._owners = owners
        self._store = store

    async def turn(self, incident: IncidentId, camera: CameraId, asked: TurnIn) -> ViewView:
        """Have the camera turned; the view as it is then."""
        response, view, issued = self._find(incident, camera, asked.viewer)
        aim = Aim(azimuth_deg=asked.azimuth_deg, tilt_deg=asked.tilt_deg, hfov_deg=asked.hfov_deg)
        turn = WantedTurn(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)
        right = _right_of(response, issued)
        answer = await self._owners.turn_view(view.owner, incident, camera, right, turn)
        _check(answer, view.owner)
        await self._responder.note_turn(response, camera, aim)
        return response.views.get(camera, view)

    async def still(self, incident: IncidentId, camera: CameraId, asked: StillIn) -> StillView:
        """Have a still taken."""
        response, view, issued = self._find(incident, camera, asked.viewer)
        answer = await self._owners.take_still(
            view.owner, incident, camera, _right_of(response, issued), _key(asked.viewer, asked.key)
        )
        still = _check(answer, view.owner).still
        if still is None:
            raise UnavailableError("owner.older", "the owner's node takes no stills")
        return StillView(
            id=still.id,
            camera=camera,
            owner=view.owner,
            captured_at=datetime.fromtimestamp(still.captured_ms / 1000, UTC),
            octets=still.octets,
            sha256=still.sha256,
            jpeg=still.jpeg or None,
        )

    async def export(self, incident: IncidentId, camera: CameraId, asked: ClipIn) -> ClipView:
        """Have a clip recorded; it is there when the owner's journal says so."""
        response, view, issued = self._find(incident, camera, asked.viewer)
        answer = await self._owners.export_clip(
            view.owner,
            incident,
            camera,
            _right_of(response, issued),
            seconds=asked.seconds,
            approved_by=asked.approved_by,
            key=_key(asked.viewer, asked.key),
        )
        clip = _check(answer, view.owner).clip
        if clip is None:
            raise UnavailableError("owner.older", "the owner's node exports no clips")
        return ClipView(id=clip.id, camera=camera, owner=view.owner, seconds=clip.seconds)

    async def list_exports(self, incident: IncidentId) -> Sequence[ClipMade]:
        """Clips of an incident that are ready or failed, by the owners' journals."""
        return [
            _made(entry)
            for entry in await read_incident(self._store, incident)
            if entry.kind in (EXPORT_MADE, EXPORT_FAILED)
        ]

    def _find(
        self, incident: IncidentId, camera: CameraId, viewer: ViewerId
    ) -> tuple[Response, ViewView, IssuedGrant]:
        response = self._responder.responses.get(incident)
        if response is None:
            raise NotFoundError("incident.unknown", "no such incident", incident=incident)
        if not response.incident.state.is_open:
            raise ConflictError("incident.over", "the incident is over", incident=incident)
        view = response.views.get(camera)
        if view is None:
            raise NotFoundError("view.unknown", "no view of this incident", camera=camera)
        for issued in response.grants.values():
            if (issued.grant.viewer, issued.grant.camera) == (viewer, camera):
                return response, view, issued
        raise RefusedError("view.no_grant", "this viewer has no grant for this view", camera=camera)


def _right_of(response: Response, issued: IssuedGrant) -> Right:
    grant = issued.grant
    return Right(
        grant=grant.id,
        viewer=grant.viewer,
        agency=grant.agency,
        service=grant.service,
        purpose=grant.purpose,
        basis=grant.basis,
        drill=grant.drill,
    )


def _key(viewer: ViewerId, key: str) -> str:
    """A viewer's own key, so that no two viewers' keys are the same command; empty stays empty."""
    return f"{viewer}.{key}" if key else ""


def _check(answer: Answer | None, owner: NodeId) -> Answer:
    if answer is None:
        raise UnavailableError("owner.silent", "the owner does not answer", owner=owner)
    if answer.again:
        raise UnavailableError(answer.code, answer.message, owner=owner)
    if not answer.ok:
        raise RefusedError(answer.code, answer.message, owner=owner)
    return answer


def _made(entry: Entry) -> ClipMade:
    if entry.kind == EXPORT_FAILED:
        failed = entry.read(FailedBody)
        return ClipMade(id=failed.id, camera=failed.camera, owner=entry.node, failed=failed.code)
    made = entry.read(MadeBody)
    return ClipMade(
        id=made.id,
        camera=made.camera,
        owner=entry.node,
        first_at=made.first_at,
        last_at=made.last_at,
        frames=made.frames,
        skipped=made.skipped,
        octets=made.octets,
        sha256=made.sha256,
    )
