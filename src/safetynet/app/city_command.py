"""The functions behind ``safetynet city build`` and ``safetynet city describe``."""

import sys
from pathlib import Path

import numpy as np

from safetynet.base.clock import Clock, SystemClock
from safetynet.base.errors import SafetyNetError
from safetynet.city.bundle import REPORT, TILES, list_damaged, load_city, read_manifest
from safetynet.city.facts import OFFICIAL_TOTAL
from safetynet.city.model import City, Ground, Origin


def build(
    name: str,
    *,
    out: Path,
    folder: Path | None = None,
    scale: float = 1.0,
    cameras: int = OFFICIAL_TOTAL,
    seed: int = 1,
    clock: Clock | None = None,
) -> int:
    """Build a bundle, progress on standard error, the import report on standard output.

    Returns the exit status: 0, or 2 where the input is not what it claims to be.
    """
    from safetynet.city.build import BuildOrder, build_city  # geometry libraries: only here
    from safetynet.city.ingest.report import render_report

    order = BuildOrder(name=name, out=out, folder=folder, seed=seed, scale=scale, cameras=cameras)
    clock = clock or SystemClock()
    started_s = clock.monotonic_s()

    def progress(step: str) -> None:
        print(f"[{clock.monotonic_s() - started_s:6.1f} s] {step}", file=sys.stderr, flush=True)

    try:
        built = build_city(order, clock, progress)
    except SafetyNetError as e:
        print(f"error: {e.code}: {e}", file=sys.stderr)
        return 2
    if built.report.sources:
        print(render_report(built.report))
    progress(f"done: {out}, version {built.city.version}, {built.tiles} tiles")
    return 0


def describe(bundle: Path) -> int:
    """Print what is inside a bundle and how much of its streets the cameras see; 0, or 2 for a broken one."""
    try:
        manifest, city = read_manifest(bundle), load_city(bundle)
    except SafetyNetError as e:
        print(f"error: {e.code}: {e}", file=sys.stderr)
        return 2
    print(f"{city.title_en} {city.title_ko}   version {city.version}")
    print(
        f"built {manifest.built_at:%Y-%m-%d %H:%M} UTC, seed {manifest.seed}, scale {manifest.scale:g}"
    )
    for name, number in manifest.coverage.items():
        print(f"  {name.replace('_', ' '):24} {number:>9,}")
    print(f"  {'official cameras':24} {sum(d.official_cameras for d in city.districts):>9,}")
    _print_districts(city)
    print(render_origins(city))
    print("sources:")
    for source in manifest.sources:
        print(f"  {source.name} ({source.licence}) {source.file}")
    for name in (REPORT, TILES):
        print(f"  {name}: {'there' if (bundle / name).is_file() else 'missing'}")
    _print_coverage(city)
    damaged = list_damaged(bundle)
    if damaged:
        print(f"error: city.damaged: checksums differ: {', '.join(damaged)}", file=sys.stderr)
        return 2
    return 0


def render_origins(city: City) -> str:
    """How sure the bundle is: origins of poses and of heights, unknown directions, the ground."""
    c = city.cameras
    columns = {
        "positions": c.position_origin,
        "directions": c.azimuth_origin,
        "whole poses": c.pose_origin,
        "lens heights": c.height_origin,
        "roofs": city.buildings.height_origin,
    }
    lines = [f"  {'origin':12}" + "".join(f" {title:>12}" for title in columns)]
    for origin in Origin:
        counts = [int((column == origin).sum()) for column in columns.values()]
        lines.append(f"  {origin.name.lower():12}" + "".join(f" {n:>12,}" for n in counts))
    unknown = np.isnan(c.azimuth_deg) | (c.azimuth_origin == Origin.ASSUMED)
    lines.append(
        f"  directions that nobody knows: {int(unknown.sum()):,} of {len(c):,} cameras"
        f" ({int((unknown & c.all_round).sum()):,} of them said to look all round)"
    )
    return "\n".join([*lines, _render_ground(city.ground)])


def _render_ground(ground: Ground | None) -> str:
    if ground is None:
        return "  ground: none given, it counts as level"
    rows, cols = ground.heights.shape
    low, high = float(ground.heights.min()), float(ground.heights.max())
    return f"  ground: {cols:,} by {rows:,} nodes every {ground.step_m:g} m, {low:.0f} to {high:.0f} m high"


def _print_districts(city: City) -> None:
    print(f"  {'district':24} {'cameras':>9} {'poles':>9} {'official':>9}")
    for i, district in enumerate(city.districts):
        own = city.cameras.district == i
        poles = len(set(city.cameras.pole[own].tolist()))
        title = f"{district.node} {district.name_ko}"
        pad = 24 - len(district.name_ko)
        print(f"  {title:{pad}} {int(own.sum()):>9,} {poles:>9,} {district.official_cameras:>9,}")


def _print_coverage(city: City) -> None:
    """Street length seen, by the code that also chooses views."""
    from safetynet.sight.coverage import measure_coverage
    from safetynet.sight.model import TargetKind

    for kind, title in ((TargetKind.PERSON, "a person"), (TargetKind.FIRE, "smoke of a fire")):
        told = {-1}

        def progress(part: float, title: str = title, told: set[int] = told) -> None:
            tenth = int(part * 10)
            if tenth not in told:  # a line for each tenth, also where nobody reads a terminal
                told.add(tenth)
                print(f"looking for {title}: {part:4.0%}", file=sys.stderr, flush=True)

        seen = measure_coverage(city, kind, progress)
        print(
            f"  {title} is seen on {seen.share_by_1:.1%} of {seen.street_km:.1f} km of street by at least"
            f" 1 camera, on {seen.share_by_4:.1%} by at least 4"
        )
