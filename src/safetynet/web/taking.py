"""Turn, still and clip of one open view."""

from collections.abc import Sequence

from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from safetynet.base.ids import CameraId, IncidentId
from safetynet.web.desk import Desk
from safetynet.web.taking_types import ClipIn, ClipMade, ClipView, StillIn, StillView, TurnIn
from safetynet.web.types import ViewView

VIEW = "/incidents/{incident:str}/views/{camera:str}"


def takings(desk: Desk) -> list[ControllerRouterHandler]:
    """Routes for what viewers ask of a view that is open to them."""

    @post(f"{VIEW}/turn", status_code=200)
    async def turn(
        incident: FromPath[str], camera: FromPath[str], data: JSONBody[TurnIn]
    ) -> ViewView:
        """Turn the PTZ camera of an open view; 200 when its owner has begun to."""
        return await desk.turn_view(IncidentId(incident), CameraId(camera), data)

    @post(f"{VIEW}/still")
    async def still(
        incident: FromPath[str], camera: FromPath[str], data: JSONBody[StillIn]
    ) -> StillView:
        """Take a still of an open view; 201 when it is in the owner's journal."""
        return await desk.take_still(IncidentId(incident), CameraId(camera), data)

    @post(f"{VIEW}/export", status_code=202)
    async def export(
        incident: FromPath[str], camera: FromPath[str], data: JSONBody[ClipIn]
    ) -> ClipView:
        """Record an open view into a file at its owner; 202 when the owner has begun to."""
        return await desk.export_clip(IncidentId(incident), CameraId(camera), data)

    @get("/incidents/{incident:str}/exports")
    async def exports(incident: FromPath[str]) -> Sequence[ClipMade]:
        """Clips of an incident that are ready, or failed."""
        return await desk.list_exports(IncidentId(incident))

    return [turn, still, export, exports]
