"""Every kind of place that a URL may ask for, and what it says to nonsense."""

import json
from typing import Any

import pytest

from safetynet.base.geo import LonLat
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
from safetynet.web.openapi import openapi_text
from tests.web.conftest import Web
from tests.web.desk import ADDRESS, CAMERA, STREET

AT = LonLat(126.924, 37.556)
EAST = LonLat(126.934, 37.556)
NORTH = LonLat(126.924, 37.566)
HERE = {"lon": "126.924", "lat": "37.556"}
RING = "126.924,37.556;126.934,37.556;126.924,37.566"
LINE = "126.924,37.556;126.934,37.556"


@pytest.mark.parametrize(
    ("query", "where"),
    [
        (HERE, Place(at=AT, error_m=0.0)),
        (HERE | {"error_m": "300"}, Place(at=AT, error_m=300.0)),
        (HERE | {"radius_m": "250"}, Disc(at=AT, radius_m=250.0)),
        ({"ring": RING}, Area(ring=(AT, EAST, NORTH))),
        ({"ring": RING + ";126.924,37.556"}, Area(ring=(AT, EAST, NORTH))),
        ({"ring": RING + ";"}, Area(ring=(AT, EAST, NORTH))),
        ({"line": LINE}, Stretch(line=(AT, EAST), half_width_m=4.0)),
        ({"line": LINE, "half_width_m": "9.5"}, Stretch(line=(AT, EAST), half_width_m=9.5)),
        (HERE | {"speed_mps": "1.4"}, Moving(at=AT, error_m=0.0, speed_mps=1.4)),
        (
            HERE | {"speed_mps": "9", "heading_deg": "360", "ahead_s": "30", "error_m": "15"},
            Moving(at=AT, error_m=15.0, speed_mps=9.0, heading_deg=0.0, ahead_s=30.0),
        ),
    ],
)
async def test_each_kind_of_place_arrives_as_it_was_asked(
    web: Web, query: dict[str, str], where: Where
) -> None:
    answer = await web.http.get("/api/views", params=query)
    assert answer.status_code == 200, answer.text
    assert [asked.place for asked in web.desk.asked] == [where]


async def test_an_address_is_found_by_the_desk(web: Web) -> None:
    for query in ({"address": ADDRESS}, {"address": ADDRESS, "district": "mapo"}):
        answer = await web.http.get("/api/views", params=query)
        assert answer.status_code == 200, answer.text
    assert [asked.place for asked in web.desk.asked] == [STREET, STREET]
    assert web.desk.districts == [None, "mapo"]
    assert (await web.http.get("/api/views", params={"address": "?"})).status_code == 400
    mixed = await web.http.get("/api/views", params=HERE | {"address": ADDRESS})
    assert mixed.json()["type"] == "views.mixed"


async def test_what_is_asked_of_the_views_arrives_too(web: Web) -> None:
    more = {"target": "vehicle", "quality": "80", "count": "12", "night": "true", "why_not": "50"}
    await web.http.get("/api/views", params=HERE | more)
    assert web.desk.asked == [
        Request(
            place=Place(at=AT, error_m=0.0),
            target=TargetKind.VEHICLE,
            min_px_per_m=80.0,
            count=12,
            night=True,
            why_not=50,
        )
    ]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({}, "views.place", "lon"),
        ({"error_m": "20"}, "views.place", "lon"),
        ({"lon": "126.9"}, "views.position", "lat"),
        ({"lat": "37.5"}, "views.place", "lon"),
        ({"radius_m": "50", "lon": "126.9"}, "views.position", "lat"),
        ({"lon": "0", "lat": "0"}, "views.position", "lon"),
        ({"lon": "37.5", "lat": "126.9"}, "views.position", "lon"),
        ({"lon": "nan", "lat": "37.5"}, "views.position", "lon"),
        ({"lon": "inf", "lat": "37.5"}, "views.position", "lon"),
        (HERE | {"heading_deg": "90"}, "views.mixed", "heading_deg"),
        (HERE | {"half_width_m": "9"}, "views.mixed", "half_width_m"),
        (HERE | {"radius_m": "50", "error_m": "20"}, "views.mixed", "error_m"),
        (HERE | {"ring": RING}, "views.mixed", "lat"),
        (HERE | {"eror_m": "20"}, "views.unknown", "eror_m"),
        ({"ring": RING, "line": LINE}, "views.mixed", "line"),
        ({"ring": RING, "radius_m": "5"}, "views.mixed", "radius_m"),
        ({"ring": ""}, "views.points", "ring"),
        ({"ring": "126.9,37.5"}, "views.ring", "ring"),
        ({"ring": "126.9;37.5"}, "views.points", "ring"),
        ({"ring": "126.9,37.5,1;127,37.5;127,37.6"}, "views.points", "ring"),
        ({"ring": "a,b;c,d;e,f"}, "views.points", "ring"),
        ({"ring": "nan,nan;127,37.5;127,37.6"}, "views.position", "ring"),
        ({"ring": "126.924,37.556;126.925,37.557;126.926,37.558"}, "views.ring", "ring"),
        ({"ring": "126.924,37.556;" * 3}, "views.ring", "ring"),
        ({"ring": "126.9,37.5;129.0,37.5;129.0,35.1"}, "views.too_large", "ring"),
        ({"ring": "126.924,37.556;" * 201}, "views.too_many", "ring"),
        ({"line": "126.924,37.556"}, "views.line", "line"),
        ({"line": "126.924,37.556;126.924,37.556"}, "views.line", "line"),
        ({"line": "126.9,37.5;37.5,126.9"}, "views.position", "line"),
    ],
)
async def test_nonsense_is_a_problem_that_names_the_field(
    web: Web, query: dict[str, str], code: str, field: str
) -> None:
    problem = await refused(web, query)
    assert (problem["type"], problem["fields"]["field"]) == (code, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("error_m", "-1"),
        ("error_m", "nan"),
        ("error_m", "1e9"),
        ("radius_m", "0"),
        ("speed_mps", "-3"),
        ("heading_deg", "400"),
        ("quality", "-1"),
        ("quality", "inf"),
        ("count", "0"),
        ("count", "65"),
        ("count", "2.5"),
        ("why_not", "-1"),
        ("target", "ghost"),
        ("night", "perhaps"),
        ("lon", "east"),
    ],
)
async def test_a_number_out_of_its_range_is_named(web: Web, field: str, value: str) -> None:
    problem = await refused(web, HERE | {"speed_mps": "1"} | {field: value})
    assert field in problem["fields"]


async def refused(web: Web, query: dict[str, str]) -> dict[str, Any]:
    """The problem; nothing may have been asked of sight."""
    answer = await web.http.get("/api/views", params=query)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert web.desk.asked == []
    problem: dict[str, Any] = answer.json()
    return problem


async def test_why_not_is_asked_of_one_camera(web: Web) -> None:
    answer = await web.http.get("/api/views/why", params=HERE | {"camera": CAMERA})
    assert answer.status_code == 200
    assert answer.json()["reasons"] == [{"code": "behind_building", "what": "12"}]
    assert [asked.place for asked in web.desk.asked] == [Place(at=AT, error_m=0.0)]
    unknown = await web.http.get("/api/views/why", params=HERE | {"camera": "nobody"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "views.no_camera")
    nameless = await web.http.get("/api/views/why", params=HERE)
    assert nameless.status_code == 400
    assert "camera" in json.dumps(nameless.json())
    late = await web.http.get("/api/incidents/inc_1/why", params={"camera": CAMERA})
    assert (late.status_code, late.json()["type"]) == (409, "views.not_chosen")


def test_the_openapi_document_tells_every_kind_of_place() -> None:
    told = json.loads(openapi_text())["paths"]
    for path in ("/api/views", "/api/views/why"):
        names = {p["name"] for p in told[path]["get"]["parameters"]}
        assert {
            "lon", "lat", "error_m", "radius_m", "ring", "line", "half_width_m", "speed_mps",
            "heading_deg", "ahead_s", "target", "quality", "count", "night", "why_not",
        } <= names  # fmt: skip
