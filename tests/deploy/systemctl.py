"""``systemctl`` for the guides' tests: starts what the real units say, without systemd.

Knows ``enable --now``, ``restart``, ``reload`` and ``stop``. It runs each unit's ``ExecStart`` with the folders
of one pretended machine in the place of /etc/safetynet, /var/lib/safetynet and /opt/safetynet/bin.
"""

import configparser
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
ENDS_WITHIN_S = 25.0


def main() -> int:
    """Do one verb for each named unit."""
    verb, *names = [word for word in sys.argv[1:] if not word.startswith("-")]
    for name in names:
        service = Service(name)
        match verb:
            case "enable":
                service.start()
            case "restart":
                service.stop()
                service.start()
            case "reload":
                service.signal(signal.SIGHUP)
            case "stop":
                service.stop()
            case _:
                sys.stderr.write(f"systemctl: no such verb here: {verb}\n")
                return 1
    return 0


class Service:
    """One unit on this pretended machine."""

    def __init__(self, name: str) -> None:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of units keep their case
        unit.read_string((UNITS / f"{name}.service").read_text("utf-8"))
        self._command = shlex.split(_here(unit["Service"]["ExecStart"]))
        run = Path(os.environ["VAR"]) / "run"
        run.mkdir(parents=True, exist_ok=True)
        self._pid_file, self._log = run / f"{name}.pid", run / f"{name}.log"

    def start(self) -> None:
        """Start it; what it says goes to a log of its own."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to its process."""
        os.kill(int(self._pid_file.read_text()), which)

    def stop(self) -> None:
        """End it, and wait for that."""
        if not self._pid_file.exists():
            return
        pid = int(self._pid_file.read_text())
        self._pid_file.unlink()
        ends = time.monotonic() + ENDS_WITHIN_S
        which = signal.SIGTERM
        while _lives(pid):
            os.kill(pid, which)
            which = signal.SIGTERM if time.monotonic() < ends else signal.SIGKILL
            time.sleep(0.1)


def _here(command: str) -> str:
    for there, name in (
        ("/opt/safetynet/bin", "BIN"),
        ("/etc/safetynet", "ETC"),
        ("/var/lib/safetynet", "VAR"),
    ):
        command = command.replace(there, os.environ[name])
    return command


def _lives(pid: int) -> bool:
    """False also for one that has ended and that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
