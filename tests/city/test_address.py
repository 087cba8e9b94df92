"""Ranges of building numbers lie where the rule, or what is known of the street, puts them."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safetynet.base.errors import InvalidError, NotFoundError, SafetyNetError
from safetynet.base.geo import LonLat, Plane
from safetynet.base.ids import NodeId
from safetynet.city.address import AddressLine, find_address_line, read_address_range
from safetynet.city.build import ORIGIN
from safetynet.city.ingest.osm import read_ways, streets_of_ways
from safetynet.city.ingest.report import Tally
from safetynet.city.model import City, Streets
from safetynet.city.synth import small_city
from safetynet.city.tables import shapes_of
from safetynet.sight.address import find_stretch

SONGPA = Path(__file__).parents[3] / "shared/data/seoul/roads/songpa_jamsil_asan.osm.gz"
Line = list[tuple[float, float]]
EMPTY = small_city(1, cameras=40)


def town(
    named: list[tuple[str, Line]], listed: list[tuple[str, float, float]] | None = None
) -> City:
    """A city with these pieces of street, and cameras listed under these addresses."""
    n, listed = len(named), listed or []
    cameras = EMPTY.cameras
    names = tuple(name for name, _, _ in listed) + ("",) * (len(cameras) - len(listed))
    x, y = cameras.x.copy(), cameras.y.copy()
    for k, (_, at_x, at_y) in enumerate(listed):
        x[k], y[k] = at_x, at_y
    return dataclasses.replace(
        EMPTY,
        cameras=dataclasses.replace(cameras, name=names, x=x, y=y),
        streets=Streets(
            line=shapes_of([np.array(line, np.float64) for _, line in named]),
            rank=np.zeros(n, np.uint8),
            width_m=np.full(n, 10.0),
            name=tuple(name for name, _ in named),
            origin=np.ones(n, np.uint8),
            in_coverage=np.ones(n, np.bool_),
        ),
    )


def metres(city: City, found: AddressLine) -> Line:
    return [city.plane.to_xy(p.lon, p.lat) for p in found.line]


def ends(city: City, street: str, low: int, high: int) -> tuple[tuple[float, float], ...]:
    line = metres(city, find_address_line(city, street, low, high))
    return tuple((round(x, 3), round(y, 3)) for x, y in (line[0], line[-1]))


EASTWARD: Line = [(0, 0), (400, 0)]


def test_each_20_m_have_a_pair_of_numbers_from_the_western_end() -> None:
    for line in (EASTWARD, EASTWARD[::-1]):
        city = town([("충정로", line)])
        assert ends(city, "충정로", 1, 2) == ((0, 0), (20, 0))
        assert ends(city, "충정로", 10, 36) == ((80, 0), (360, 0))
        assert ends(city, "충정로", 3, 3) == ((20, 0), (40, 0))


def test_a_street_that_runs_rather_north_begins_in_the_south() -> None:
    city = town([("통일로", [(30, 400), (0, 0)])])
    line = metres(city, find_address_line(city, "통일로", 1, 10))
    assert line[0] == pytest.approx((0, 0), abs=0.01)


def test_a_gil_begins_where_it_leaves_its_street() -> None:
    city = town([("오금로", [(100, -300), (100, 300)]), ("오금로11길", [(-200, 10), (100, 10)])])
    assert ends(city, "오금로11길", 1, 4) == ((100, 10), (60, 10))
    city = town(
        [("오금로11길", [(-200, 10), (100, 10)]), ("오금로11가길", [(-200, 10), (-200, -200)])]
    )
    assert ends(city, "오금로11가길", 1, 2) == ((-200, 10), (-200, -10))


def test_pieces_are_joined_in_order_whichever_way_they_are_drawn() -> None:
    pieces: list[Line] = [[(300, 0), (200, 0)], [(0, 0), (100, 0)], [(100, 0), (150, 40), (200, 0)]]
    city = town([("충정로", p) for p in pieces] + [("", [(0, 50), (50, 50)])])
    line = metres(city, find_address_line(city, "충정로", 9, 20))
    assert line[0] == pytest.approx((80, 0), abs=0.01)
    assert pytest.approx(line[2], abs=0.01) == (150, 40)
    assert [x for x, _ in line] == sorted(x for x, _ in line)


def test_a_gap_in_the_map_and_a_divided_road_do_not_break_a_street() -> None:
    both: list[Line] = [[(0, 0), (200, 0)], [(200, 12), (0, 12)], [(330, 0), (500, 0)]]
    city = town([("충정로", p) for p in both])
    line = metres(city, find_address_line(city, "충정로", 41, 46))
    assert line[0][0] == pytest.approx(400, abs=30)
    assert abs(line[-1][1]) < 13


def test_of_streets_with_one_name_the_district_tells_which() -> None:
    west, east = EMPTY.districts[0].node, EMPTY.districts[1].node
    city = town([("중앙로", [(-600, 0), (-350, 0)]), ("중앙로", [(350, 100), (600, 100)])])
    with pytest.raises(InvalidError) as error:
        find_address_line(city, "중앙로", 1, 4)
    assert error.value.code == "city.several_streets"
    for district, x in ((west, -600.0), (east, 350.0)):
        line = metres(city, find_address_line(city, "중앙로", 1, 4, district))
        assert line[0][0] == pytest.approx(x, abs=0.01)


def test_a_short_piece_far_away_is_no_second_street() -> None:
    city = town([("중앙로", [(-600, 0), (-200, 0)]), ("중앙로", [(600, 0), (630, 0)])])
    assert ends(city, "중앙로", 1, 2) == ((-600, 0), (-580, 0))


def test_listed_addresses_turn_and_stretch_the_numbers() -> None:
    signs = [
        (f"서울특별시 강남구 테헤란로 {n} 어느빌딩", 500 - (n - 100) * 6.0, 12.0)
        for n in (100, 120, 140, 160)
    ]
    city = town([("테헤란로", [(0, 0), (500, 0)])], signs)
    found = find_address_line(city, "테헤란로", 119, 121)
    assert found.signs == 4
    line = metres(city, found)
    assert (line[0][0] + line[-1][0]) / 2 == pytest.approx(380, abs=1)
    assert line[0][0] > line[-1][0]
    beyond = metres(city, find_address_line(city, "테헤란로", 166, 166))
    assert (beyond[0][0] + beyond[-1][0]) / 2 == pytest.approx(500 - 60 * 6 - 6 * 10, abs=1)


def test_a_wrong_sign_is_outvoted() -> None:
    signs = [(f"충정로 {n}", n * 10.0, 5.0) for n in (2, 8, 14, 20, 26, 32)]
    right = town([("충정로", [(0, 0), (400, 0)])], signs)
    wrong = town([("충정로", [(0, 0), (400, 0)])], [*signs, ("충정로 4", 390.0, 5.0)])
    for n in (3, 11, 23, 30):
        a, b = (metres(c, find_address_line(c, "충정로", n, n))[0][0] for c in (right, wrong))
        assert a == pytest.approx(b, abs=1)


def test_too_few_signs_that_agree_are_none() -> None:
    signs = [(f"충정로 {n}", n * 9.0 + k, 0.0) for n in (2, 10, 18) for k in (300, 302)]
    signs.append(("충정로 26", 950.0, 0.0))
    found = find_address_line(town([("충정로", [(0, 0), (1000, 0)])], signs), "충정로", 10, 10)
    assert found.signs == 0
    signs.append(("충정로 30", 570.0, 0.0))
    found = find_address_line(town([("충정로", [(0, 0), (1000, 0)])], signs), "충정로", 10, 10)
    assert found.signs == 7


def test_on_a_gil_the_rule_is_nearer_than_signs() -> None:
    signs = [(f"오금로11길 {n}", 300 + n * 10.0, 0.0) for n in (2, 8, 14, 20, 26)]
    city = town([("오금로", [(0, -90), (0, 90)]), ("오금로11길", [(0, 0), (600, 0)])], signs)
    assert ends(city, "오금로11길", 1, 2) == ((0, 0), (20, 0))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(-50, 650)), max_size=12), st.integers(1, 60)
)
def test_whatever_is_listed_a_number_is_found_on_its_street(
    listed: list[tuple[int, float]], number: int
) -> None:
    city = town([("충정로", [(0, 0), (600, 0)])], [(f"충정로 {n}", x, 3.0) for n, x in listed])
    try:
        found = find_address_line(city, "충정로", number, number)
    except NotFoundError:
        return
    line = metres(city, found)
    assert all(-0.01 <= x <= 600.01 and abs(y) < 0.01 for x, y in line)
    assert 1 <= abs(line[-1][0] - line[0][0]) <= 600


def test_addresses_on_a_side_street_are_no_signs() -> None:
    signs = [(f"오금로{n}길 5", 10.0 * n, 0.0) for n in range(1, 9)] + [
        ("오금로 3-1", 900.0, 900.0)
    ]
    city = town([("오금로", [(0, 0), (300, 0)])], signs)
    assert find_address_line(city, "오금로", 1, 4).signs == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(-20, 20)), min_size=2, max_size=6, unique=True
    ),
    st.integers(1, 40),
    st.integers(0, 30),
    st.integers(0, 5),
)
def test_a_range_lies_on_its_street_and_a_wider_one_holds_it(
    corners: list[tuple[int, int]], low: int, more: int, cut: int
) -> None:
    line = [(x * 10.0, y * 10.0) for x, y in sorted(set(corners))]
    k = cut % (len(line) - 1)
    parts = [line[: k + 1], line[k:]] if k > 0 else [line]
    city = town([("충정로", p) for p in parts])
    try:
        found = metres(city, find_address_line(city, "충정로", low, low + more))
    except NotFoundError:
        whole = sum(float(np.hypot(bx - ax, by - ay)) for (ax, ay), (bx, by) in pairwise(line))
        assert (low - 1) // 2 * 20 > whole - 1
        return
    wider = metres(city, find_address_line(city, "충정로", max(low - 5, 1), low + more + 6))
    for x, y in found:
        assert _off(line, x, y) < 0.01
        assert _off(wider, x, y) < 0.01


def _off(line: Line, x: float, y: float) -> float:
    off = float("inf")
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        t = min(max(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12), 0), 1)
        off = min(off, float(np.hypot(ax + t * dx - x, ay + t * dy - y)))
    return off


@pytest.mark.parametrize(("low", "high"), [(0, 4), (-3, 4), (8, 4), (1, 600), (9_000, 10_001)])
def test_numbers_that_make_no_sense_are_refused(low: int, high: int) -> None:
    with pytest.raises(InvalidError) as error:
        find_address_line(town([("충정로", EASTWARD)]), "충정로", low, high)
    assert error.value.code == "city.numbers"


def test_what_is_not_there_is_said() -> None:
    city = town([("충정로", EASTWARD)])
    for street, low, code in (
        ("없는로", 1, "city.no_such_street"),
        ("충정로", 99, "city.no_such_number"),
    ):
        with pytest.raises(NotFoundError) as error:
            find_address_line(city, street, low, low)
        assert error.value.code == code
    with pytest.raises(NotFoundError):
        find_address_line(city, "충정로", 1, 4, NodeId("jongno"))


def test_a_stretch_for_sight_is_as_wide_as_the_street() -> None:
    stretch = find_stretch(town([("충정로", EASTWARD)]), "충 정로", 10, 36)
    assert stretch.half_width_m == 8.0
    assert all(isinstance(p, LonLat) for p in stretch.line)


@pytest.mark.parametrize(
    ("text", "street", "low", "high"),
    [
        ("충정로 10~36", "충정로", 10, 36),
        ("충정로 10–36", "충정로", 10, 36),
        ("서울특별시 서대문구 충정로 10 ~ 36", "충정로", 10, 36),
        ("오금로11길 7부터 21까지", "오금로11길", 7, 21),
        ("올림픽대로12", "올림픽대로", 12, 12),
        ("충정로 10-3", "충정로", 10, 10),
        ("백제고분로48나길 5-2~9-1번", "백제고분로48나길", 5, 9),
    ],
)
def test_ranges_are_read_as_they_are_written(text: str, street: str, low: int, high: int) -> None:
    found = read_address_range(text)
    assert (found.street, found.low, found.high) == (street, low, high)


@pytest.mark.parametrize(
    "text", ["", "충정로", "10~36", "충정로 가~나", "방이동 44", "충정로 1~2~3"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        read_address_range(text)


@pytest.fixture(scope="module")
def songpa() -> City:
    """The real streets of a part of 송파."""
    if not SONGPA.exists():
        pytest.skip("the sample data of 송파 are not beside the repository")
    plane = Plane(ORIGIN)
    streets = streets_of_ways(read_ways(SONGPA), plane, Tally(SONGPA.name, "osm"))
    return dataclasses.replace(town([]), streets=streets, plane=plane)


def test_the_named_streets_of_songpa_have_numbers(songpa: City) -> None:
    names = sorted({n for n in songpa.streets.name if n.endswith(("로", "길"))})
    assert len(names) > 50
    found = 0
    for name in names:
        try:
            line = find_address_line(songpa, name, 1, 6)
        except SafetyNetError as error:
            assert error.code == "city.several_streets", (name, error)
            continue
        xy = np.array(metres(songpa, line))
        assert 1 < np.hypot(*np.diff(xy, axis=0).T).sum() <= 61
        found += 1
    assert found >= 0.9 * len(names)


def test_a_real_gil_of_songpa_begins_at_its_street(songpa: City) -> None:
    x, y = metres(songpa, find_address_line(songpa, "오금로11길", 1, 2))[0]
    main = [
        songpa.streets.line[i] for i, name in enumerate(songpa.streets.name) if name == "오금로"
    ]
    off = min(_off([(float(a), float(b)) for a, b in line], x, y) for line in main)
    assert off < 20
