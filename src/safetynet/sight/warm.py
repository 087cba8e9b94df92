"""Compile the loops ahead of their first use: ``python -m safetynet.sight.warm``.

Compiled code is kept on disk, so a second call takes a moment. Set-up and the demo call it; a hub that
was never warmed compiles at its first question instead.
"""

import numpy as np

from safetynet.base.geo import LonLat, Plane
from safetynet.base.ids import CameraId, NodeId
from safetynet.city.model import Buildings, CameraKind, Cameras, City, District, Shapes, Streets
from safetynet.sight.model import Observation, Place, Request, TargetKind, Witness
from safetynet.sight.service import Sight

AT = LonLat(127.0, 37.5)


def warm() -> None:
    """Ask every kind of question once, in a town of one house, one street and four cameras."""
    sight = Sight(_town())
    for error_m in (0.0, 30.0):  # the first finds the walls, and who is worth a look, by itself
        place = Place(at=AT, error_m=error_m)
        request = Request(place=place, target=TargetKind.PERSON, min_px_per_m=20.0)
        sight.choose(request, sight.now())
        for camera in ("a", "b", "c", "d"):
            sight.why_not(request, CameraId(camera))
    sight.prepare()
    sight.look(request, CameraId("a"))
    seen = Observation(
        camera=CameraId("c"), place=place, target=TargetKind.PERSON, shown=True, by=Witness.OPERATOR
    )
    sight.learn([seen])


def _town() -> City:
    house = np.array([(20.0, 20.0), (30.0, 20.0), (30.0, 30.0), (20.0, 30.0)])
    one = np.zeros(1, np.uint8)
    return City(
        name="town",
        title_ko="",
        title_en="",
        version="",
        plane=Plane(AT),
        districts=(_DISTRICT,),
        dongs=(),
        cameras=_cameras(),
        buildings=Buildings(
            ring=Shapes(xy=house, offset=np.array([0, 4], np.int32)),
            height_m=np.array([9.0]),
            height_origin=one,
            origin=one,
        ),
        streets=Streets(
            line=Shapes(
                xy=np.array([(-60.0, 0.0), (60.0, 0.0)]), offset=np.array([0, 2], np.int32)
            ),
            rank=one,
            width_m=np.array([8.0]),
            name=("",),
            origin=one,
            in_coverage=np.ones(1, np.bool_),
        ),
        facilities=(),
        scaled=False,
    )


_DISTRICT = District(
    node=NodeId("town"),
    code="",
    name_ko="",
    name_en="",
    official_cameras=4,
    border=(),
    quarter=None,
)


def _cameras() -> Cameras:
    """A fixed camera, a PTZ, a fixed one whose direction nobody knows, and one behind the house."""
    level = np.zeros(4)
    return Cameras(
        id=(CameraId("a"), CameraId("b"), CameraId("c"), CameraId("d")),
        name=("", "", "", ""),
        district=np.zeros(4, np.int32),
        x=np.array([-30.0, 40.0, 0.0, 50.0]),
        y=np.array([0.0, 2.0, -30.0, 50.0]),
        height_m=np.full(4, 5.0),
        azimuth_deg=np.array([90.0, 0.0, np.nan, 225.0]),
        tilt_deg=level + 8,
        hfov_deg=level + 70,
        kind=np.array(
            [CameraKind.FIXED, CameraKind.PTZ, CameraKind.FIXED, CameraKind.FIXED], np.uint8
        ),
        pole=np.arange(4, dtype=np.int32),
        position_origin=np.zeros(4, np.uint8),
        pose_origin=np.zeros(4, np.uint8),
    )


if __name__ == "__main__":
    warm()
