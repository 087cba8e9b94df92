"""The units, the account and the example are what they say."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from safetynet.access.policy import Policy
from safetynet.app.district.listing import read_list
from safetynet.app.settings import DistrictProcessSettings, HubSettings, load_settings
from tests.deploy.example import EXAMPLE, make_example
from tests.docs.pages import ROOT

SYSTEMD = ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
HARDENED = (
    "User=safetynet",
    "Restart=always",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "CapabilityBoundingSet=",
    "UMask=0077",
)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened_and_comes_back(unit: Path) -> None:
    lines = unit.read_text("utf-8").splitlines()
    assert not set(HARDENED) - set(lines)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_reads_a_unit_without_a_word(unit: Path, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze, which is not here")
    for each in UNITS:  # with a program that is here in the place of ours
        text = each.read_text("utf-8").replace("/opt/safetynet/bin", str(tmp_path))
        (tmp_path / each.name).write_text(text, "utf-8")
    for name in set(re.findall(r"/opt/safetynet/bin/(\S+)", unit.read_text("utf-8"))):
        (tmp_path / name).symlink_to("/bin/true")
    verified = subprocess.run(
        [tool, "verify", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in verified.stderr.splitlines() if unit.name in line]
    assert (verified.returncode, said) == (0, [])


def test_the_container_file_names_what_is_there() -> None:
    text = (ROOT / "deploy" / "container" / "Containerfile").read_text("utf-8")
    assert 'ENTRYPOINT ["safetynet"]' in text
    assert (ROOT / "docs" / "design" / "0003-video-worker.md").exists()


def test_the_example_is_what_the_guides_make() -> None:
    made = make_example()
    kept = {
        str(path.relative_to(EXAMPLE)): path.read_text("utf-8")
        for path in EXAMPLE.rglob("*")
        if path.is_file() and path.name != "haproxy.cfg"
    }
    assert kept == made, "python -m tests.deploy.example"


def test_the_example_can_be_read() -> None:
    for hub in "abc":
        settings = load_settings(EXAMPLE / f"hub-{hub}" / "hub.toml", HubSettings)
        assert settings.store_url is not None
    district = load_settings(EXAMPLE / "mapo" / "district.toml", DistrictProcessSettings)
    assert [own.node for own in district.districts] == ["mapo"]
    assert len(read_list(EXAMPLE / "mapo" / "cameras.csv")) == 2
    Policy((EXAMPLE / "mapo" / "policy.cedar").read_text("utf-8"))


def test_the_balancer_reads_its_example() -> None:
    tool = shutil.which("haproxy")
    if tool is None:
        pytest.skip("needs haproxy, which is not here")
    example = str(EXAMPLE / "haproxy.cfg")
    assert subprocess.run([tool, "-q", "-c", "-f", example], check=False).returncode == 0
