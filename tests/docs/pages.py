"""The project's Markdown pages, and what stands in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SKIPPED = {"node_modules", ".venv", ".setup", "build", "dist", "var"}


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language and its text."""

    language: str
    text: str


def list_pages() -> list[Path]:
    """Every Markdown page of the project."""
    return sorted(
        page
        for page in ROOT.rglob("*.md")
        if not _SKIPPED & set(page.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
    )


def list_fences(page: Path) -> list[Fence]:
    """The fenced blocks of a page in their order."""
    return [Fence(*found) for found in _FENCE.findall(page.read_text("utf-8"))]


def without_fences(page: Path) -> str:
    """The page's prose."""
    return _FENCE.sub("", page.read_text("utf-8"))
