"""The guides, word by word: a hub of three with two districts is built, and a third district joins."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.deploy.example import ADDRESSES
from tests.deploy.following import DISTRICTS, City, pretended
from tests.docs.pages import ROOT

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
        look = f"""for try in $(seq 200); do
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
        if (haproxy := shutil.which("haproxy")) is not None:
            one_address_outlives_a_machine(city, haproxy)


def one_address_outlives_a_machine(city: City, haproxy: str) -> None:
    """Behind the balancer of the example a report is taken though the machine that took one is gone."""
    text = (ROOT / "deploy" / "example" / "haproxy.cfg").read_text("utf-8")
    own = city.addresses["a"].rpartition(".")[0] + ".99"
    for name, there in ADDRESSES.items():
        text = text.replace(f"{there}:", f"{city.addresses[name]}:")
    text = text.replace("bind :80\n", f"bind {own}:8600\n").replace(
        "bind :8619", f"bind {own}:8619"
    )
    config = city.folder / "haproxy.cfg"
    config.write_text(text, "utf-8")
    with subprocess.Popen([haproxy, "-q", "-db", "-f", str(config)]) as balancer:
        try:
            for number, stopped in enumerate(("", "a"), start=3):
                if stopped:
                    city.run(stopped, "systemctl stop safetynet-hub")
                drill = DRILL.replace("0002", f"{number:04}")
                report = f"""for try in $(seq 60); do
                    curl -fs -H 'content-type: application/json' -d '{drill}' http://{own}:8600/api/reports && exit 0
                    sleep 1
                done; exit 1"""
                assert '"incident":"inc_' in city.run("b", report)
        finally:
            balancer.terminate()
