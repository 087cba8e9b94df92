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
        for node in public(ast.parse(path.read_text(encoding="utf-8")))
        if not ast.get_docstring(node)
    ]
    assert not bare, bare


def public(
    tree: ast.Module | ast.ClassDef,
) -> list[ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef]:
    """Public classes and functions of a module and of its public classes, overloads left out."""
    found: list[ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += [node, *public(node)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            overload = any(
                isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list
            )
            if not node.name.startswith("_") and not overload:
                found.append(node)
    return found
