"""A small folded world: the last state of cameras, as a real fold would write it."""

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from safetynet.journal.entry import Draft, Entry
from safetynet.store.tables import camera_states


class StateBody(msgspec.Struct, frozen=True, kw_only=True):
    camera: str
    state: str


def fold_state(conn: Connection, entry: Entry) -> None:
    body = entry.read(StateBody)
    c = camera_states.c
    conn.execute(delete(camera_states).where(c.node == entry.node, c.camera == body.camera))
    if body.state != "gone":
        conn.execute(
            insert(camera_states).values(
                node=entry.node,
                camera=body.camera,
                state=body.state,
                detail=str(entry.seq),
                since=entry.time,
            )
        )


FOLDS = {"camera.state/1": fold_state}


def state(camera: str, state: str) -> Draft:
    return Draft(kind="camera.state/1", body=StateBody(camera=camera, state=state))


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    found = conn.execute(select(camera_states).order_by(*camera_states.primary_key.columns))
    return [tuple(row) for row in found]
