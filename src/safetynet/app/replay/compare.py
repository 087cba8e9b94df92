"""Where an answer differs from the recorded one."""

from collections.abc import Iterator, Mapping, Sequence

from safetynet.app.hub.response import body_of_passed, body_of_view
from safetynet.base.ids import CameraId
from safetynet.incident.showing import ChoiceBody, PassedBody, ViewBody
from safetynet.sight.model import Choice


def differences(recorded: ChoiceBody, choice: Choice) -> tuple[str, ...]:
    """In words, the weightiest first; empty where every member of the answer is the same."""
    views = [body_of_view(view) for view in choice.views]
    passed = [body_of_passed(one) for one in choice.passed_over]
    return (*_of_views(recorded.views, views), *_of_passed(recorded.passed_over, passed))


def _of_views(before: Sequence[ViewBody], after: Sequence[ViewBody]) -> Iterator[str]:
    old, new = [v.camera for v in before], [v.camera for v in after]
    yield from _came_and_went("views", old, new)
    if sorted(old) == sorted(new) and old != new:
        yield "order of views"
    again = {view.camera: view for view in after}
    for view in before:
        other = again.get(view.camera)
        if other is None or other == view:
            continue
        for name in ("owner", "aim", "sweep", "reasons"):
            if getattr(view, name) != getattr(other, name):
                yield f"{name} of {view.camera}"
                break
        else:
            yield f"figures of {view.camera}"


def _of_passed(before: Sequence[PassedBody], after: Sequence[PassedBody]) -> Iterator[str]:
    old, new = [p.camera for p in before], [p.camera for p in after]
    yield from _came_and_went("passed over", old, new)
    if sorted(old) == sorted(new) and old != new:
        yield "order of those passed over"
    again: Mapping[CameraId, PassedBody] = {one.camera: one for one in after}
    for one in before:
        other = again.get(one.camera)
        if other is not None and other != one:
            what = "reasons" if other.reasons != one.reasons else "figures"
            yield f"{what} against {one.camera}"


def _came_and_went(
    what: str, before: Sequence[CameraId], after: Sequence[CameraId]
) -> Iterator[str]:
    came = [f"+{camera}" for camera in after if camera not in before]
    went = [f"-{camera}" for camera in before if camera not in after]
    if came or went:
        yield f"{what}: {' '.join((*went, *came))}"
