"""Staging: a thing is put into the world, and the callers report it; later both end."""

import math

import msgspec

from safetynet.base.clock import Clock
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.geo import LonLat
from safetynet.base.ids import new_id
from safetynet.city.model import City, Dong
from safetynet.incident.model import Progress
from safetynet.sim.callers import Call, Callers, Told, Via
from safetynet.sim.world import Thing, ThingKind, World


class StageOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to stage, and where."""

    kind: ThingKind
    lon: float
    lat: float
    via: Via = Via.TCP
    drill: bool = False


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What was staged."""

    id: str
    signature: int
    sender: str
    key: str
    reported: bool
    text: str
    """The hub's word on the report, or why there was none."""


class Stage:
    """Things that were staged and not yet ended, with what their callers know."""

    def __init__(self, *, city: City, world: World, callers: Callers, clock: Clock) -> None:
        self._city = city
        self._world = world
        self._callers = callers
        self._clock = clock
        self._on: dict[str, tuple[Thing, Call]] = {}
        self._last_number = 0

    @property
    def calls(self) -> dict[str, Call]:
        """What is on, by the thing's id."""
        return {staged: call for staged, (_, call) in self._on.items()}

    async def begin(self, order: StageOrder) -> Staged:
        """Put the thing into the world and report it; it stands there even if nobody listens."""
        at = LonLat(order.lon, order.lat)
        if not at.is_valid():
            raise InvalidError("stage.place", "no such place on earth")
        thing, call = self._make(order, at)
        self._world.add(thing)
        self._on[thing.id] = (thing, call)
        told = await self._callers.tell(call, Progress.OCCURRED)
        return _staged(thing, call, told)

    async def end(self, staged_id: str) -> Staged:
        """Take the thing out of the world and report its end; raises ``NotFoundError``."""
        if staged_id not in self._on:
            raise NotFoundError("stage.unknown", "nothing of that id is staged", id=staged_id)
        thing, call = self._on.pop(staged_id)
        self._world.remove(staged_id)
        told = await self._callers.tell(call, Progress.ENDED)
        return _staged(thing, call, told)

    def _make(self, order: StageOrder, at: LonLat) -> tuple[Thing, Call]:
        now = self._clock.now()
        x, y = self._city.plane.to_xy(at.lon, at.lat)
        thing = Thing(
            id=new_id("stg", now),
            kind=order.kind,
            x=x,
            y=y,
            signature=self._world.free_signature(),
            since=now,
        )
        dong = nearest_dong(self._city, x, y)
        call = Call(
            key=self._number(),
            thing=order.kind,
            via=order.via,
            at=at,
            address=dong.name_ko if dong else "",
            dong_code=dong.code if dong else "",
            occurred_at=now,
            drill=order.drill,
        )
        return thing, call

    def _number(self) -> str:
        """``T`` and 14 digits by custom: the date and the milliseconds of the day, never twice."""
        now = self._clock.now()
        day_ms = ((now.hour * 60 + now.minute) * 60 + now.second) * 1000 + now.microsecond // 1000
        self._last_number = max(int(f"{now:%y%m%d}") * 10**8 + day_ms, self._last_number + 1)
        return f"T{self._last_number:014d}"


def nearest_dong(city: City, x: float, y: float) -> Dong | None:
    """The legal dong that a place most likely belongs to; None in a city without any."""

    def away(dong: Dong) -> float:
        dx, dy = city.plane.to_xy(dong.centre.lon, dong.centre.lat)
        return math.hypot(dx - x, dy - y) / max(dong.radius_m, 1.0)

    return min(city.dongs, key=away, default=None)


def _staged(thing: Thing, call: Call, told: Told) -> Staged:
    return Staged(
        id=thing.id,
        signature=thing.signature,
        sender=call.sender,
        key=call.key,
        reported=told.reported,
        text=told.text,
    )
