"""Imports run one way: the written list of edges, and a failure on any other."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "safetynet"

EDGES: dict[str, set[str]] = {
    "base": set(),
    "city": {"base"},
    "sight": {"base", "city"},
    "store": {"base"},
    "journal": {"base", "store"},
    "incident": {"base", "store", "journal"},
    "services": {"base", "incident"},
    "access": {"base", "store", "journal"},
    "video": {"base", "access"},
    "federation": {"base", "access", "journal", "store"},
    "links": {"base", "incident"},
    "web": {"base", "city", "sight", "incident", "services", "access", "video"},
    "sim": {"base", "city", "links", "video", "incident"},
}
"""``app`` alone may import everybody; nobody imports ``app``."""

PURE = [
    "sight",
    "services",
    "incident/model.py",
    "incident/state.py",
    "incident/locate.py",
    "city/model.py",
]
IMPURE_ROOTS = {
    "sqlalchemy",
    "alembic",
    "nats",
    "av",
    "litestar",
    "uvicorn",
    "websockets",
    "httpx",
    "asyncio",
}


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def packages(path: Path) -> set[str]:
    """Our own packages that a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("safetynet.")}


@pytest.mark.parametrize("package", sorted(EDGES))
def test_a_package_imports_only_what_the_list_allows(package: str) -> None:
    for path in (SRC / package).rglob("*.py"):
        extra = packages(path) - EDGES[package] - {package}
        assert not extra, f"{path.relative_to(SRC)} imports {sorted(extra)}"


def test_every_folder_is_in_the_list() -> None:
    folders = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= set(EDGES) | {"app"}


def test_the_list_has_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(EDGES):
        free = {p for p, needs in EDGES.items() if p not in done and needs <= done}
        assert free, f"cycle among {sorted(set(EDGES) - done)}"
        done |= free


@pytest.mark.parametrize("place", PURE)
def test_deciding_knows_no_wire_and_no_disk(place: str) -> None:
    root = SRC / place
    for path in root.rglob("*.py") if root.is_dir() else [root] if root.exists() else []:
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & IMPURE_ROOTS, f"{path.relative_to(SRC)} imports {roots & IMPURE_ROOTS}"
