"""Answers and problems of the HTTP API."""

import gzip
import json
from pathlib import Path

import pytest

from safetynet.base.errors import (
    BrokenError,
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    SafetyNetError,
    UnavailableError,
)
from safetynet.incident.model import IncidentKind
from safetynet.web.openapi import openapi_text
from tests.web.conftest import Web, serve
from tests.web.desk import FakeDesk

REPORT = {"sender": "119", "key": "T1", "kind": "fire", "lon": 126.9, "lat": 37.5}


async def test_a_report_is_taken_with_the_bytes_it_came_in(web: Web) -> None:
    raw = json.dumps(REPORT, ensure_ascii=False, indent=3).encode()
    answer = await web.http.post(
        "/api/reports", content=raw, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 201
    assert answer.json() == {"incident": "inc_1", "report": "rep_1", "new": True, "state": "open"}
    ((report, kept),) = web.desk.reports
    assert (report.sender, report.key, report.kind) == ("119", "T1", IncidentKind.FIRE)
    assert kept == raw


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"fire"',
        b"\xff\xfe",
        json.dumps(REPORT | {"kind": "tea"}).encode(),
        json.dumps(REPORT | {"lon": "east"}).encode(),
        json.dumps(REPORT | {"occurred_at": "soon"}).encode(),
        json.dumps({"sender": "119"}).encode(),
        b"[" * 5000,
    ],
)
async def test_a_body_that_is_no_report_is_a_problem_of_the_sender(web: Web, body: bytes) -> None:
    answer = await web.http.post(
        "/api/reports", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "fields"}
    assert answer.json()["status"] == 400
    assert web.desk.reports == []


async def test_the_problem_names_the_field(web: Web) -> None:
    answer = await web.http.post("/api/reports", json=REPORT | {"kind": "tea"})
    assert "kind" in json.dumps(answer.json())


async def test_a_body_that_is_too_long_is_refused(web: Web) -> None:
    answer = await web.http.post("/api/reports", json=REPORT | {"detail": "가" * 200_000})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidError, 400),
        (RefusedError, 403),
        (NotFoundError, 404),
        (ConflictError, 409),
        (UnavailableError, 503),
        (BrokenError, 500),
    ],
)
async def test_our_errors_keep_their_code_and_fields(
    web: Web, error: type[SafetyNetError], status: int
) -> None:
    web.desk.error = error("some.code", "what went wrong", field="lon", limit=3)
    answer = await web.http.post("/api/reports", json=REPORT)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "some.code",
        "title": "what went wrong",
        "status": status,
        "fields": {"field": "lon", "limit": 3},
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/api/incidents/inc_none", 404),
        ("DELETE", "/api/reports", 405),
        ("GET", "/api/map/1/2/x", 404),
        ("GET", "/api/views?lon=126.9", 400),
        ("GET", "/api/views?lon=126.9&lat=37.5&target=ghost", 400),
        ("GET", "/api/views?lon=126.9&lat=37.5&error_m=-1", 400),
        ("GET", "/api/journal/hub?limit=0", 400),
        ("GET", "/api/journal/hub?after=x", 400),
    ],
)
async def test_every_refusal_has_the_one_shape(
    web: Web, method: str, path: str, status: int
) -> None:
    answer = await web.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["type"]


async def test_a_tile_comes_gzipped_and_an_empty_one_as_nothing(web: Web) -> None:
    web.desk.tiles[14, 13970, 6345] = gzip.compress(b"a tile")
    full = await web.http.get("/api/map/14/13970/6345")
    assert full.status_code == 200
    assert full.headers["content-encoding"] == "gzip"
    assert full.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert full.content == b"a tile"
    empty = await web.http.get("/api/map/14/0/0")
    assert (empty.status_code, empty.content) == (204, b"")
    assert "max-age" in empty.headers["cache-control"]


@pytest.mark.parametrize("path", ["/api/settings", "/api/nothing", "/api/map/1/0/0"])
async def test_every_answer_carries_the_security_headers(web: Web, path: str) -> None:
    answer = await web.http.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_the_console_is_served_beside_the_api(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>관제</title>", encoding="utf-8")
    (tmp_path / "app.js").write_text("1", encoding="utf-8")
    async with serve(FakeDesk(), tmp_path) as web:
        page = await web.http.get("/")
        assert "관제" in page.text
        assert "content-security-policy" in page.headers
        assert (await web.http.get("/app.js")).status_code == 200
        assert (await web.http.get("/api/settings")).json()["version"] == "0"
        assert (await web.http.get("/../pyproject.toml")).status_code == 404
        assert (await web.http.get("/%2e%2e/%2e%2e/etc/passwd")).status_code == 404


def test_the_openapi_document_is_stable_and_holds_the_report() -> None:
    text = openapi_text()
    assert text == openapi_text()
    document = json.loads(text)
    report = document["paths"]["/api/reports"]["post"]
    ref = report["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][ref.rsplit("/", 1)[1]]
    assert set(schema["required"]) == {"sender", "key", "kind"}
    assert {"lon", "lat", "dong_code", "drill"} <= set(schema["properties"])
    assert "201" in report["responses"]
