"""The guides, word by word: a hub of three with two districts is built, and a third district joins."""

from pathlib import Path

import msgspec
import pytest

from tests.deploy.following import DISTRICTS, pretended

DRILL = (
    '{"sender":"119","key":"T20260101000002","kind":"fire","drill":true,'
    '"lon":126.9135,"lat":37.5493}'
)


def here(district: str) -> str:
    """Wait until a district is here after it was started again."""
    return f"""for try in $(seq 60); do
        curl -fs http://$HERE:8600/api/nodes | grep -q '"{district}","state":"here","can_show":true' && exit 0
        sleep 1
    done; exit 1"""


@pytest.mark.slow
@pytest.mark.postgres
def test_a_hub_of_three_is_built_and_a_third_district_joins(postgres_bin: Path) -> None:
    with pretended(postgres_bin) as city:
        city.follow("build-a-city.md")
        for district in DISTRICTS:
            city.follow("join.md", district)
        json = ["-fsS", "-H", "'content-type: application/json'"]
        told = city.run("c", f"curl {' '.join(json)} -d '{DRILL}' http://$HERE:8600/api/reports")
        incident = msgspec.json.decode(told)["incident"]
        # Its cameras are considered, whichever machine is asked; that they give no picture the probes have told.
        look = f"""for try in $(seq 60); do
            curl -fs http://$HERE:8600/api/incidents/{incident} > incident.json
            grep -q '"decided_ms":[0-9]' incident.json && break || sleep 1
        done; cat incident.json"""
        shown = msgspec.json.decode(city.run("b", look))
        considered = [*shown["views"], *shown["passed_over"]]
        assert {camera["owner"] for camera in considered} == set(DISTRICTS)
        city.follow("rotate-keys.md", "mapo")
        city.run("a", here("mapo"))
        for name in ("a", "b", "c"):
            nodes = msgspec.json.decode(city.run(name, "curl -fsS http://$HERE:8600/api/nodes"))
            joined = {n["node"] for n in nodes if n["state"] == "here"}
            assert joined == set(DISTRICTS), name
