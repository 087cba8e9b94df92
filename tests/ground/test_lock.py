"""What set-up installs from the lock is what the project asks for."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def read(name: str) -> dict[str, Any]:
    """A TOML file of the project's root."""
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def wishes(lines: list[dict[str, str]]) -> set[str]:
    """``name>=1`` of each requirement in a lock."""
    return {line["name"] + line.get("specifier", "") for line in lines}


def bare(lines: list[str]) -> set[str]:
    """Requirements as a lock writes them, extras left out."""
    return {line.split("[")[0] + line.partition("]")[2] if "[" in line else line for line in lines}


def test_the_lock_was_made_from_this_project_file() -> None:
    project = read("pyproject.toml")
    (own,) = (p for p in read("uv.lock")["package"] if p["name"] == project["project"]["name"])
    locked = own["metadata"]
    assert wishes(locked["requires-dist"]) == bare(project["project"]["dependencies"])
    groups = {name: wishes(lines) for name, lines in locked["requires-dev"].items()}
    assert groups == {name: bare(lines) for name, lines in project["dependency-groups"].items()}
