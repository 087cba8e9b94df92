"""Where PTZ cameras were left, by the owner's own journal."""

from sqlalchemy import Connection, select

from safetynet.access.entries import PtzMove
from safetynet.base.ids import CameraId, NodeId
from safetynet.store.tables import ptz_moves


def list_turned(conn: Connection, node: NodeId) -> list[CameraId]:
    """Cameras whose last move was a turn: they have not been sent home since."""
    c = ptz_moves.c
    rows = conn.execute(select(c.camera, c.move).where(c.node == node).order_by(c.epoch, c.seq))
    last = {CameraId(camera): move for camera, move in rows}
    return [camera for camera, move in last.items() if move == PtzMove.TURNED.value]
