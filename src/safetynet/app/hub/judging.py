"""What viewers say of views: whether they show the scene, and what sight may learn from it."""

from datetime import datetime

from safetynet.access.model import Viewer
from safetynet.app.hub.moment import read_aim
from safetynet.app.hub.response import Response
from safetynet.base.errors import RefusedError
from safetynet.incident.entries import PlaceBody
from safetynet.incident.moment import AimBody
from safetynet.incident.showing import JudgedBody, Picture
from safetynet.journal.entry import time_text
from safetynet.sight.model import Found, Observation, Place, TargetKind, Witness
from safetynet.web.types import ViewJudged


def plan_judgement(
    response: Response, viewer: Viewer, word: ViewJudged, now: datetime
) -> JudgedBody | None:
    """What is to be written down of a viewer's word on a view; None where it was said before.

    Raises ``RefusedError`` ``view.no_grant`` where this viewer may not see the view.
    """
    view, plan = response.views.get(word.camera), response.plan
    granted = {g.grant.camera for g in response.grants_of(viewer)}
    if view is None or plan is None or word.camera not in granted:
        raise RefusedError(
            "view.no_grant", "this viewer has no grant for this view", camera=word.camera
        )
    if response.find_word(word.camera, viewer.id) is word.shown:
        return None
    aim = view.chosen.aim
    return JudgedBody(
        incident=response.incident.id,
        camera=word.camera,
        viewer=viewer.id,
        at=time_text(now),
        shown=word.shown,
        place=PlaceBody.of(response.incident.place),
        target=plan.target.value,
        aim=AimBody.of(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)
        if aim
        else None,
        drill=response.incident.drill,
        picture=word.picture,
        found=tuple(f for f in response.list_found() if f.camera != word.camera),
    )


def read_observation(body: JudgedBody) -> Observation | None:
    """What can be learned of the camera's pose; None where nothing can.

    A camera that was turned showed what it was turned to: it tells where the scene is, for the words on
    others. In a drill nothing may have been there.
    """
    if body.aim is not None or body.drill:
        return None
    place = body.place.place()
    return Observation(
        camera=body.camera,
        place=Place(at=place.at, error_m=place.error_m),
        target=TargetKind(body.target),
        shown=body.shown,
        by=Witness.STILL if body.picture is Picture.STILL else Witness.OPERATOR,
        found=tuple(Found(camera=f.camera, aim=read_aim(f.aim)) for f in body.found),
    )
