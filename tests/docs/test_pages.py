"""What the pages name is there: files, headings, commands, targets, code."""

import argparse
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from safetynet.app import cli, settings
from tests.docs.pages import ROOT, list_fences, list_pages, without_fences

PAGES = list_pages()
EDGES = runpy.run_path(str(ROOT / "tests" / "arch" / "test_layers.py"))["EDGES"]
LINK = re.compile(r"\]\(([^)\s]+)\)")
OWN = [p for p in PAGES if p.parent != ROOT / "docs" / "reference"]


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(without_fences(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as Git forges make them."""
    titles = re.findall(r"^#+ (.+)$", without_fences(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command and verb by its words."""
    return dict(_walk("", cli._parser()))


def _walk(
    words: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from _walk(f"{words} {name}".strip(), sub)


def _commands(page: Path) -> Iterator[str]:
    text = page.read_text("utf-8")
    yield from re.findall(r"(?:^|[`/ ])safetynet +([a-z][^`\n|]*)", text, re.MULTILINE)


@pytest.mark.parametrize("page", OWN, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    for command in _commands(page):
        words = command.split()
        named = next((n for n in (" ".join(words[:2]), words[0]) if n in parsers()), None)
        if named is None:
            continue  # prose that goes on after the name, as in "installed alone: safetynet is"
        known = {o for a in parsers()[named]._actions for o in a.option_strings}
        options = {w.strip("[],;.)") for w in words if w.lstrip("[(").startswith("--")}
        unknown = {o.lstrip("[(").partition("=")[0] for o in options} - known
        assert not unknown, f"safetynet {named} knows no {sorted(unknown)}"


def test_the_readme_names_every_kind_of_command_somewhere() -> None:
    told = " ".join(page.read_text("utf-8") for page in OWN)
    missing = [n for n in parsers() if n and n != "city" and f"safetynet {n}" not in told]
    assert not missing


@pytest.mark.parametrize("page", OWN, ids=name_of)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= targets


def _sources() -> dict[str, str]:
    places = (("src", "*.py"), ("console/src", "*.ts"), ("tests", "*.py"))
    files = [f for place, names in places for f in (ROOT / place).rglob(names)]
    return {str(f.relative_to(ROOT)): f.read_text("utf-8") for f in files}


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "GLOSSARY.md"])
def test_names_of_code_are_in_the_code(name: str) -> None:
    sources = _sources()
    everything = "\n".join([*sources, *sources.values()])
    for term in set(re.findall(r"`([A-Za-z_][\w./]*(?:/\d)?)`", without_fences(ROOT / name))):
        last = re.split(r"[./]", term.removesuffix("/1").removesuffix(".py"))[-1]
        assert re.search(rf"\b{re.escape(last)}\b", everything), f"{name} names `{term}`"


def test_architecture_has_the_edges_that_the_test_of_layers_holds() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    written = dict(re.findall(r"^([a-z]+) +► ([a-z ]+)$", text, re.MULTILINE))
    assert {k: set(v.split()) for k, v in written.items()} == {k: v for k, v in EDGES.items() if v}


def test_every_concept_folder_says_what_it_owns() -> None:
    folders = [p for p in (ROOT / "src" / "safetynet").iterdir() if (p / "__init__.py").exists()]
    assert not [p.name for p in folders if not (p / "README.md").exists()]


def test_both_readmes_have_the_same_blocks_for_figures() -> None:
    blocks = [
        re.findall(r"<!-- (/?rehearsal(?::\w+)?) -->", (ROOT / n).read_text("utf-8"))
        for n in ("README.md", "README.ko.md")
    ]
    assert (
        blocks[0]
        == blocks[1]
        == ["rehearsal:synthetic", "/rehearsal", "rehearsal:real", "/rehearsal"]
    )


def test_settings_in_the_guide_can_be_read(tmp_path: Path) -> None:
    guide = ROOT / "docs" / "guide" / "operate.md"
    hub, district, desk = (f.text for f in list_fences(guide) if f.language == "toml")
    (tmp_path / "hub.toml").write_text(hub, "utf-8")
    (tmp_path / "mapo.toml").write_text(district + desk, "utf-8")
    settings.load_settings(tmp_path / "hub.toml", settings.HubSettings)
    mapo = settings.load_settings(tmp_path / "mapo.toml", settings.DistrictProcessSettings)
    assert mapo.districts[0].desk is not None


def test_settings_in_the_guide_are_spelt_right() -> None:
    """Unknown fields are ignored when settings are read, so a slip would go unseen."""
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    known = set(re.findall(r"^\| `(\w+)`", reference, re.MULTILINE))
    guide = ROOT / "docs" / "guide" / "operate.md"
    for fence in (f for f in list_fences(guide) if f.language == "toml"):
        assert set(re.findall(r"^(\w+) =", fence.text, re.MULTILINE)) <= known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_speak_of_the_project_alone(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(r"/root/|/home/\w|\.\./shared", text)
