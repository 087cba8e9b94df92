"""What owners are asked for of a view, and how a sweep is held where somebody saw what matters."""

import msgspec

from safetynet.app.hub.owners import Owners
from safetynet.app.hub.response import Response, body_of_aim
from safetynet.base.ids import CameraId
from safetynet.federation.messages import Answer, ViewStatus, WantedTurn, WantedView
from safetynet.incident.showing import view_changed
from safetynet.journal.entry import Draft
from safetynet.sight.model import Aim, ChosenView


def wanted_of(view: ChosenView) -> WantedView:
    """What its owner is to do for a chosen view."""
    return WantedView(
        camera=view.camera,
        turn=_turn(view.aim) if view.aim else None,
        sweep=tuple(_turn(stop) for stop in view.sweep.stops) if view.sweep else (),
        dwell_s=view.sweep.dwell_s if view.sweep else 0.0,
    )


def state_of(camera: CameraId, answer: Answer | None) -> tuple[str, str]:
    """State and note of a view by its owner's answer; None: the owner is silent."""
    if answer is None:
        return "away", "owner.silent"
    if not answer.ok:
        return "refused", answer.code
    for view in answer.views:
        if view.camera == camera:
            return ("ready" if view.status is ViewStatus.READY else "refused"), view.code
    return "refused", "view.not_answered"


def still_held(chosen: ChosenView, before: ChosenView | None) -> ChosenView:
    """A view that is chosen again, held where a viewer held its sweep before."""
    held = before is not None and before.sweep is None and before.aim
    if chosen.sweep is None or not held or held not in chosen.sweep.stops:
        return chosen
    return msgspec.structs.replace(chosen, aim=held, sweep=None)


async def hold_view(owners: Owners, response: Response, camera: CameraId) -> Draft | None:
    """End a view's sweep at the stop that its viewer just saw; the entry on it, to be written down.

    None where the view does not sweep, or its owner is silent.
    """
    view, plan = response.views.get(camera), response.plan
    if view is None or plan is None or view.chosen.sweep is None:
        return None
    wanted = msgspec.structs.replace(wanted_of(view.chosen), sweep=(), hold=True)
    answer = await owners.open_views(view.owner, response.incident, plan, (wanted,))
    now = response.views.get(camera)
    if answer is None or not answer.ok or now is None or now.chosen.sweep != view.chosen.sweep:
        return None
    # An owner that knows no sweeps has it standing at its first aim.
    held = next((v.held for v in answer.views if v.camera == camera and v.held), wanted.turn)
    if held is None:
        return None
    aim = Aim(azimuth_deg=held.azimuth_deg, tilt_deg=held.tilt_deg, hfov_deg=held.hfov_deg)
    chosen = msgspec.structs.replace(now.chosen, aim=aim, sweep=None)
    response.views[camera] = msgspec.structs.replace(now, chosen=chosen)
    return view_changed(
        response.incident.id, camera, state=now.state, note=now.note, held=body_of_aim(aim)
    )


def _turn(aim: Aim) -> WantedTurn:
    return WantedTurn(azimuth_deg=aim.azimuth_deg, tilt_deg=aim.tilt_deg, hfov_deg=aim.hfov_deg)
