"""Build hook: a wheel (and an sdist) holds the built console."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface[Any]):
    """Builds the console before packing; an editable install does without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        root = Path(self.root)
        static = root / "src" / "safetynet" / "web" / "static"
        if version == "editable":
            return
        if not (root / "PKG-INFO").exists() or not static.exists():
            subprocess.run([sys.executable, str(root / "tools" / "build_console.py")], check=True)
        build_data.setdefault("artifacts", []).append("src/safetynet/web/static/**")
