"""What stands and moves in the living city, apart from the city itself."""

import threading
from datetime import datetime
from enum import StrEnum

import msgspec

SIGNATURES: tuple[tuple[int, int, int], ...] = (
    (255, 0, 0),
    (0, 0, 255),
    (0, 255, 0),
    (255, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 128, 0),
    (128, 0, 255),
    (0, 255, 128),
    (255, 0, 128),
    (0, 128, 255),
    (128, 255, 0),
)
"""RGB of each signature: twelve saturated hues, about 30° apart in the chroma plane, so that they
stay apart after 4:2:0 subsampling and strong quantisation. Scenery never has such chroma."""


class ThingKind(StrEnum):
    """What can be staged."""

    FIRE = "fire"
    PERSON = "person"
    VEHICLE = "vehicle"
    CROWD = "crowd"


class ThingSize(msgspec.Struct, frozen=True):
    """Outer size of a thing as the renderer draws it."""

    height_m: float
    width_m: float


THING_SIZES = {
    ThingKind.FIRE: ThingSize(12.0, 4.0),
    ThingKind.PERSON: ThingSize(1.7, 3.0),
    ThingKind.VEHICLE: ThingSize(1.5, 4.5),
    ThingKind.CROWD: ThingSize(1.7, 8.0),
}
"""A fire counts with its column of smoke; a vehicle is as wide as it is long; a person is one who has
fallen and lies there (1.75 m from the middle at most), and whoever stands beside and calls."""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that stands on the ground at x, y (metres on the city's plane)."""

    id: str
    kind: ThingKind
    x: float
    y: float
    heading_deg: float = 0.0
    """Compass direction of a vehicle's front."""
    signature: int
    """Index into ``SIGNATURES``."""
    since: datetime


class World:
    """All things, by id. One writer at a time; any thread takes snapshots without waiting for frames."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: dict[str, Thing] = {}
        self._seen: tuple[Thing, ...] = ()

    def add(self, thing: Thing) -> None:
        """Put a thing into the world; one with the same id is replaced."""
        with self._lock:
            self._things[thing.id] = thing
            self._seen = tuple(self._things.values())

    def remove(self, thing_id: str) -> Thing | None:
        """Take a thing out; None where there was none of that id."""
        with self._lock:
            gone = self._things.pop(thing_id, None)
            self._seen = tuple(self._things.values())
            return gone

    def move(self, thing_id: str, x: float, y: float, heading_deg: float | None = None) -> None:
        """Put a thing elsewhere; does nothing where there is none of that id (it may just have ended)."""
        with self._lock:
            thing = self._things.get(thing_id)
            if thing is None:
                return
            heading = thing.heading_deg if heading_deg is None else heading_deg
            self._things[thing_id] = msgspec.structs.replace(thing, x=x, y=y, heading_deg=heading)
            self._seen = tuple(self._things.values())

    def snapshot(self) -> tuple[Thing, ...]:
        """All things as they stand now."""
        return self._seen

    def free_signature(self) -> int:
        """The lowest signature that nothing carries; the least used one where all are taken."""
        used = [thing.signature for thing in self.snapshot()]
        return min(range(len(SIGNATURES)), key=lambda i: (used.count(i), i))
