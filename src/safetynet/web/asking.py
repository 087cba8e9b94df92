"""Questions to sight as a URL asks them: every kind of place, told apart by what is given."""

import math
from typing import Annotated, Protocol

import msgspec
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter, QueryParams

from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.base.ids import NodeId
from safetynet.sight.model import (
    Area,
    Disc,
    Moving,
    Place,
    Request,
    Stretch,
    TargetKind,
    Where,
)

OVERVIEW_PX_PER_M = 20.0
"""Quality where none is asked: IEC/EN 62676-4:2025 overview."""
MAX_CORNERS = 200
MAX_ACROSS_M = 10_000.0
"""Of a polygon or a line, from its first point: beyond it somebody mistook a digit."""
LEAST_AREA_M2 = 1.0
M_PER_DEG = 111_195.0


class PlaceAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL says of a place; None where it says nothing."""

    lon: float | None = None
    lat: float | None = None
    error_m: float | None = None
    radius_m: float | None = None
    ring: str | None = None
    line: str | None = None
    half_width_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    ahead_s: float | None = None
    address: str | None = None
    district: str | None = None


def read_place(
    lon: Annotated[float | None, QueryParameter(description="Of a point, degrees.")] = None,
    lat: FromQuery[float | None] = None,
    error_m: Annotated[
        float | None,
        QueryParameter(
            ge=0, le=5000, description="Radius that holds the place with 95 %; a point's error."
        ),
    ] = None,
    radius_m: Annotated[
        float | None,
        QueryParameter(ge=1, le=5000, description="Anywhere in this circle around the point."),
    ] = None,
    ring: Annotated[
        str | None, QueryParameter(description="Anywhere in this polygon: `lon,lat;lon,lat;…`.")
    ] = None,
    line: Annotated[
        str | None, QueryParameter(description="Anywhere along this line: `lon,lat;lon,lat;…`.")
    ] = None,
    half_width_m: Annotated[
        float | None, QueryParameter(ge=0, le=100, description="Of the line; 4 if not given.")
    ] = None,
    speed_mps: Annotated[
        float | None,
        QueryParameter(ge=0, le=100, description="The point moves; with `heading_deg` if known."),
    ] = None,
    heading_deg: Annotated[
        float | None, QueryParameter(ge=0, le=360, description="Compass, of what moves.")
    ] = None,
    ahead_s: Annotated[
        float | None,
        QueryParameter(ge=0, le=600, description="How far ahead to cover; 20 if not given."),
    ] = None,
    address: Annotated[
        str | None,
        QueryParameter(
            max_length=100, description="Road-name addresses of one street: `충정로 10~36`."
        ),
    ] = None,
    district: Annotated[
        str | None,
        QueryParameter(max_length=32, description="Of the address: tells streets of a name apart."),
    ] = None,
) -> PlaceAsked:
    """What is said of the place."""
    return PlaceAsked(
        lon=lon,
        lat=lat,
        error_m=error_m,
        radius_m=radius_m,
        ring=ring,
        line=line,
        half_width_m=half_width_m,
        speed_mps=speed_mps,
        heading_deg=heading_deg,
        ahead_s=ahead_s,
        address=address,
        district=district,
    )


def read_request(
    query: QueryParams,
    where: NamedDependency[Where],
    target: FromQuery[TargetKind] = TargetKind.PERSON,
    quality: Annotated[
        float, QueryParameter(ge=0, le=5000, description="Pixels per metre asked on the target.")
    ] = OVERVIEW_PX_PER_M,
    count: Annotated[int, QueryParameter(ge=1, le=64, description="Views at most.")] = 4,
    night: FromQuery[bool] = False,
    why_not: Annotated[
        int, QueryParameter(ge=0, le=500, description="Nearest others to give reasons for.")
    ] = 20,
) -> Request:
    """The question; a parameter that nobody knows is refused, for a misspelt one changes the answer."""
    for field in sorted(set(query) - KNOWN):
        raise InvalidError("views.unknown", "there is no such parameter", field=field)
    return Request(
        place=where,
        target=target,
        min_px_per_m=_finite("quality", quality),
        count=count,
        night=night,
        why_not=why_not,
    )


class Map(Protocol):
    """Who knows where addresses lie."""

    async def find_address(self, address: str, district: NodeId | None) -> Stretch:
        """Raises ``InvalidError``, ``NotFoundError``."""
        ...


def question_of(known: Map) -> dict[str, Provide]:
    """Dependencies of a route that takes a question."""

    async def where(place: NamedDependency[PlaceAsked]) -> Where:
        if kind_of(place) != "address" or place.address is None:
            return read_where(place)
        return await known.find_address(
            place.address, NodeId(place.district) if place.district else None
        )

    return {
        "place": Provide(read_place, sync_to_thread=False),
        "where": Provide(where),
        "asked": Provide(read_request, sync_to_thread=False),
    }


KNOWN = {*PlaceAsked.__struct_fields__, "target", "quality", "count", "night", "why_not", "camera"}
ALLOWED = {
    "address": {"district"},
    "ring": set[str](),
    "line": {"half_width_m"},
    "speed_mps": {"lon", "lat", "error_m", "heading_deg", "ahead_s"},
    "radius_m": {"lon", "lat"},
    "lon": {"lat", "error_m"},
}
"""By the field that says which kind of place it is: what may stand beside it."""


def kind_of(asked: PlaceAsked) -> str:
    """The field that says which kind of place it is; raises ``InvalidError`` where it is none, or two
    at once."""
    given = {f for f in PlaceAsked.__struct_fields__ if getattr(asked, f) is not None}
    kind = next((k for k in ALLOWED if k in given), None)
    if kind is None:
        raise InvalidError(
            "views.place", "say a place: lon and lat, ring, line or address", field="lon"
        )
    for field in sorted(given - ALLOWED[kind] - {kind}):
        raise InvalidError("views.mixed", f"does not go together with {kind}", field=field)
    return kind


def read_where(asked: PlaceAsked) -> Where:
    """The place, where it is no address; raises ``InvalidError`` as ``kind_of`` does, and for numbers
    that make no sense."""
    match kind_of(asked):
        case "ring":
            return Area(ring=_read_ring(asked.ring or ""))
        case "line":
            return Stretch(
                line=_read_line(asked.line or ""),
                half_width_m=_or("half_width_m", asked.half_width_m, 4.0),
            )
        case "speed_mps":
            heading = asked.heading_deg
            return Moving(
                at=_read_at(asked),
                error_m=_or("error_m", asked.error_m, 0.0),
                speed_mps=_or("speed_mps", asked.speed_mps, 0.0),
                heading_deg=None if heading is None else _finite("heading_deg", heading) % 360,
                ahead_s=_or("ahead_s", asked.ahead_s, 20.0),
            )
        case "radius_m":
            return Disc(at=_read_at(asked), radius_m=_or("radius_m", asked.radius_m, 0.0))
        case _:
            return Place(at=_read_at(asked), error_m=_or("error_m", asked.error_m, 0.0))


def _read_at(asked: PlaceAsked) -> LonLat:
    if asked.lon is None or asked.lat is None:
        missing = "lon" if asked.lon is None else "lat"
        raise InvalidError("views.position", "longitude and latitude go together", field=missing)
    return _position("lon", asked.lon, asked.lat)


def _position(field: str, lon: float, lat: float) -> LonLat:
    at = LonLat(lon, lat)
    if not at.is_valid():
        swapped = math.isfinite(lon) and math.isfinite(lat) and abs(lat) > 90 >= abs(lon)
        hint = "; longitude comes first" if swapped else ""
        raise InvalidError("views.position", f"this is no position{hint}", field=field)
    return at


def _read_ring(text: str) -> tuple[LonLat, ...]:
    ring = _read_points("ring", text)
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring = ring[:-1]
    if len(set(ring)) < 3 or _area_m2(ring) < LEAST_AREA_M2:
        raise InvalidError("views.ring", "a ring has three corners and an area", field="ring")
    return ring


def _read_line(text: str) -> tuple[LonLat, ...]:
    line = _read_points("line", text)
    if len(set(line)) < 2:
        raise InvalidError("views.line", "a line has two different points", field="line")
    return line


def _read_points(field: str, text: str) -> tuple[LonLat, ...]:
    """``lon,lat;lon,lat;…``; a semicolon at the end is allowed."""
    parts = text.removesuffix(";").split(";")
    if len(parts) > MAX_CORNERS:
        raise InvalidError("views.too_many", "too many points", field=field, most=MAX_CORNERS)
    points = tuple(_read_point(field, part) for part in parts)
    if max(_apart_m(points[0], point) for point in points) > MAX_ACROSS_M:
        raise InvalidError("views.too_large", "larger than a place", field=field, most=MAX_ACROSS_M)
    return points


def _read_point(field: str, text: str) -> LonLat:
    lon, _, lat = text.partition(",")
    try:
        numbers = float(lon), float(lat)
    except ValueError:
        raise InvalidError("views.points", "points are lon,lat;lon,lat;…", field=field) from None
    return _position(field, *numbers)


def _apart_m(a: LonLat, b: LonLat) -> float:
    narrow = math.cos(math.radians(a.lat))
    return math.hypot((b.lon - a.lon) * narrow, b.lat - a.lat) * M_PER_DEG


def _area_m2(ring: tuple[LonLat, ...]) -> float:
    """Of a small ring, by the shoelace formula."""
    scale = M_PER_DEG**2 * math.cos(math.radians(ring[0].lat))
    twice = sum(
        (a.lon - ring[0].lon) * (b.lat - ring[0].lat)
        - (b.lon - ring[0].lon) * (a.lat - ring[0].lat)
        for a, b in zip(ring, (*ring[1:], ring[0]), strict=True)
    )
    return abs(twice) / 2 * scale


def _or(field: str, value: float | None, default: float) -> float:
    return default if value is None else _finite(field, value)


def _finite(field: str, value: float) -> float:
    if not math.isfinite(value):
        raise InvalidError("views.number", "this is no number", field=field)
    return value
