"""Bound the maximum: no module over 500 lines, no function over 60."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "safetynet"
MAX_MODULE = 500
MAX_FUNCTION = 60
EXCEPTIONS: set[str] = set()
"""Reasoned exceptions; this list may only shrink."""


def test_no_module_is_too_long() -> None:
    long = {
        str(p.relative_to(SRC)): n
        for p in SRC.rglob("*.py")
        if (n := p.read_text(encoding="utf-8").count("\n")) > MAX_MODULE
    }
    assert not set(long) - EXCEPTIONS, long


def test_no_function_is_too_long() -> None:
    long = [
        (f"{path.relative_to(SRC)}:{node.lineno} {node.name}", size)
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION
    ]
    assert not long, long


def test_every_public_thing_has_a_docstring() -> None:
    bare = [
        f"{path.relative_to(SRC)}:{node.lineno} {node.name}"
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_inner(path, node)
    ]
    assert not bare, bare


def _is_inner(path: Path, node: ast.AST) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    line = getattr(node, "lineno", 0)
    return any(
        isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        and outer.lineno < line <= (outer.end_lineno or 0)
        for outer in ast.walk(tree)
    )
