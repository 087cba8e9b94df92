"""The wheel is the whole product: installed alone it runs the demo with its console."""

import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest

from .conftest import DEADLINE_S, RunDemo

ROOT = Path(__file__).parents[2]
NEEDED = {
    "safetynet/py.typed",
    "safetynet/web/static/index.html",
    "safetynet/access/policies/default.cedar",
    "safetynet/city/facts/seoul_districts.csv",
    "safetynet/sim/render/font/overlay-kr-medium.otf",
    "safetynet/sim/render/font/OFL.txt",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built by the backend that ``uv build`` calls."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_console_and_all_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        page = opened.read("safetynet/web/static/index.html").decode()
        licences = {name for name in names if ".dist-info/licenses/" in name}
    assert not NEEDED - names
    assert {name.rpartition("/")[2] for name in licences} == {"LICENSE", "NOTICE"}
    assets = {n.removeprefix("safetynet/web/static/") for n in names if "/static/assets/" in n}
    assert {Path(name).suffix for name in assets if name in page} == {".css", ".js"}
    assert any(name.endswith(".woff2") for name in names), "the Korean web font"
    assert not [name for name in names if "node_modules" in name or name.startswith("tests")]


def test_the_demo_runs_from_the_wheel_and_serves_the_console(
    wheel: Path, run_demo: RunDemo, tmp_path: Path
) -> None:
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(unpacked)
    # Ahead of the editable install; whatever the wheel lacks cannot be found beside it.
    environment = {"PYTHONPATH": str(unpacked)}
    where = "import safetynet.web.app; print(safetynet.web.app.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", where], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(told.stdout.strip()).is_relative_to(unpacked)
    demo = run_demo(environment)
    with urlopen(demo.url, timeout=DEADLINE_S) as answer:
        page = answer.read()
    assert page == (unpacked / "safetynet" / "web" / "static" / "index.html").read_bytes()
