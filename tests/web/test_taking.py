"""Turn, still and clip by HTTP: what is taken, what is answered, what is refused at the door."""

import base64
from typing import Any

import pytest

from tests.web.conftest import Web

VIEW = "/api/incidents/inc_1/views/mapo-00001"
TURN = {"viewer": "view_1", "azimuth_deg": 90, "tilt_deg": 5, "hfov_deg": 30}
CLIP = {"viewer": "view_1", "seconds": 10, "approved_by": "control"}


async def test_a_still_comes_with_its_hash_and_its_picture(web: Web) -> None:
    answer = await web.http.post(f"{VIEW}/still", json={"viewer": "view_1", "key": "a-1"})
    assert answer.status_code == 201
    still = answer.json()
    assert (still["id"], still["camera"]) == ("still_1", "mapo-00001")
    assert base64.b64decode(still["jpeg"]) == b"\xff\xd8"


async def test_a_clip_is_begun_and_an_owners_refusal_keeps_its_code(web: Web) -> None:
    answer = await web.http.post(f"{VIEW}/export", json=CLIP)
    assert (answer.status_code, answer.json()["id"]) == (202, "clip_1")
    assert (await web.http.get("/api/incidents/inc_1/exports")).json() == []
    refused = await web.http.post(f"{VIEW}/turn", json=TURN)
    assert (refused.status_code, refused.json()["type"]) == (403, "view.locked")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("turn", TURN | {"azimuth_deg": 360}),
        ("turn", TURN | {"hfov_deg": 0}),
        ("still", {}),
        ("still", {"viewer": "view_1", "key": "../../etc"}),
        ("still", {"viewer": "view_1", "grant": "grant_1"}),
        ("export", CLIP | {"seconds": 0}),
        ("export", CLIP | {"approved_by": "Hong Gil-dong"}),
        ("export", {"viewer": "view_1", "seconds": 10}),
    ],
)
async def test_what_makes_no_sense_is_refused_at_the_door(
    web: Web, what: str, body: dict[str, Any]
) -> None:
    assert (await web.http.post(f"{VIEW}/{what}", json=body)).status_code == 400
    assert web.desk.taken == []
