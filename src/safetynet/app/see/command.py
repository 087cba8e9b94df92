"""The function behind ``safetynet see``."""

import asyncio
import statistics
from pathlib import Path

from safetynet.app.demo import default_data, find_bundle, say
from safetynet.app.see.table import choice_text, hand_over_text
from safetynet.app.see.where import Asked, middle_of, read_where
from safetynet.base.clock import SystemClock
from safetynet.base.errors import InvalidError
from safetynet.base.geo import LonLat
from safetynet.city.bundle import Manifest, load_city, read_manifest
from safetynet.city.model import City
from safetynet.sight.handover import lead_of
from safetynet.sight.model import Choice, Moving, Request, TargetKind
from safetynet.sight.service import Sight

OVERVIEW_PX_PER_M = 20.0
DEMO_SCALE = 0.1
TIMES = 9
OWN_LICENCE = "Apache-2.0"


def run_see(
    *,
    place: Asked,
    target: TargetKind = TargetKind.PERSON,
    quality: float = OVERVIEW_PX_PER_M,
    night: bool = False,
    count: int = 4,
    why: bool = False,
    real: bool = False,
    png: Path | None = None,
    city: Path | None = None,
    data: Path | None = None,
    scale: float = DEMO_SCALE,
) -> int:
    """Print which views would show the place, and draw them where ``png`` says so.

    The city is the given bundle, or the one that ``safetynet demo`` runs. 0 also where nothing sees
    the place; raises ``InvalidError`` for a question that makes no sense. ``real`` as for a hub of a
    real city: a direction that was assumed by rule counts as unknown.
    """
    if png is not None:
        check_file(png)
    bundle = asyncio.run(find_bundle(city, data or default_data(), scale))
    loaded = load_city(bundle)
    where = read_where(place, loaded)
    check_place(loaded, middle_of(where))
    request = Request(
        place=where,
        target=target,
        min_px_per_m=quality,
        count=count,
        night=night,
    )
    sight = Sight(loaded, assumed=not real)
    choice, took_ms = time_choice(sight, request)
    print(choice_text(choice, loaded, why=why, took_ms=took_ms))
    if isinstance(where, Moving):
        lead_s = lead_of(choice.views)
        print(f"\n{hand_over_text(sight.hand_over(request, choice.views, lead_s=lead_s))}")
    if png is not None:
        from safetynet.app.see.canvas import find_font  # an imaging library: only here
        from safetynet.app.see.picture import draw_choice

        credit = credit_of(read_manifest(bundle))
        draw_choice(choice, loaded, sight, find_font(), credit).save(png, optimize=True)
        say(f"see: drawn in {png}")
    return 0


def time_choice(sight: Sight, request: Request) -> tuple[Choice, float]:
    """The answer, and the median of what it takes in ms.

    The first time is left out: what walls hide around there is found then, and once; a hub has found
    it before it is asked.
    """
    clock, times = SystemClock(), list[float]()
    choice = sight.choose(request)
    for _ in range(TIMES):
        began_s = clock.monotonic_s()
        choice = sight.choose(request)
        times.append((clock.monotonic_s() - began_s) * 1000)
    return choice, statistics.median(times)


def credit_of(manifest: Manifest) -> str:
    """Whose data a picture of the city shows, by the licences of its sources."""
    licences = [source.licence.partition(";")[0] for source in manifest.sources]
    return " · ".join(dict.fromkeys(text for text in licences if text != OWN_LICENCE))


def check_file(png: Path) -> None:
    """Raise ``InvalidError`` where no picture can be written, before any work is done."""
    if png.suffix.lower() != ".png":
        raise InvalidError("see.png", "the picture's name must end in .png", file=str(png))
    if not png.parent.is_dir() or png.is_dir():
        raise InvalidError("see.png", "the picture cannot be written there", file=str(png))


def check_place(city: City, at: LonLat) -> None:
    """Raise ``InvalidError`` for a place outside the city's bounds."""
    points = [p for d in city.districts for ring in d.border for p in ring]
    west, south = (min(p[i] for p in points) for i in (0, 1))
    east, north = (max(p[i] for p in points) for i in (0, 1))
    if at.is_valid() and west <= at.lon <= east and south <= at.lat <= north:
        return
    swapped = west <= at.lat <= east and south <= at.lon <= north
    hint = "; longitude comes first" if swapped else ""
    raise InvalidError(
        "see.outside", f"the place is not in {city.title_en}{hint}", lon=at.lon, lat=at.lat
    )
