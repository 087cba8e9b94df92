"""Follow a guide word by word: each block of shell runs where its first line says, on pretended machines.

    python -m tests.deploy.following            build a city, join three districts, and time it

Each machine has folders of its own in a temporary place and a loopback address of its own; the stick is one
more folder. PostgreSQL and the NATS servers are real.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from safetynet.app.ports import find_free_ports
from tests.conftest import find_postgres
from tests.docs.pages import ROOT, list_fences
from tests.postgres import USER, Server, running_server

GUIDES = ROOT / "docs" / "guide"
BLOCK_WITHIN_S = 240.0
EVERY_SHELL = "every shell"
HUBS = ("a", "b", "c")
DISTRICTS = ("mapo", "seocho", "gangnam")
PLACES = {
    "the city": ("city",),
    "the database": ("database",),
    "a": ("a",),
    "b": ("b",),
    "b and c": ("b", "c"),
    "a, b and c": HUBS,
    "the district": ("district",),
}
"""What a block's first line may say, and the machines that it means; ``, as root`` may follow."""


@dataclass(frozen=True)
class Step:
    """One block: where it runs, its text, and what it is to print, if the guide says so."""

    where: str
    text: str
    told: str | None


@dataclass
class City:
    """Pretended machines that follow guides."""

    folder: Path
    database: Server | None
    """None where nothing is started."""
    addresses: dict[str, str]
    ports: dict[str, int]
    """Of districts' NATS servers, which are all on 127.0.0.1 here."""
    took_s: dict[str, float] = field(default_factory=dict)
    """By guide and district."""

    def follow(self, page: str, district: str = "", *, without: Sequence[str] = ()) -> None:
        """Run every block of a guide in order; fails where a command does, or prints something else.

        Blocks that name one of ``without`` are left out.
        """
        began = time.monotonic()
        prelude, steps = read_steps(page)
        for step in steps:
            if any(word in step.text for word in without):
                continue
            for machine in PLACES[step.where]:
                name = district if machine == "district" else machine
                printed = self._run(name, prelude + step.text, district)
                assert step.told is None or fits(step.told, printed), (
                    f"{step.text}\n{printed}\n{self.logs(name)}"
                )
        self.took_s[f"{page} {district}".strip()] = time.monotonic() - began

    def environment(self, name: str) -> dict[str, str]:
        """What a shell of one machine knows."""
        machine = self.folder / name
        peers = (self.addresses[other] for other in HUBS if other != name)
        tools = [self.folder / "bin", Path(sys.executable).parent]
        own = {
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "BIN": str(tools[1]),
            "ETC": str(machine / "etc"),
            "VAR": str(machine / "var"),
            "STICK": str(self.folder / "stick"),
            "A": self.addresses["a"],
            "B": self.addresses["b"],
            "C": self.addresses["c"],
            "DB": self.addresses["database"],
            "HERE": self.addresses.get(name, self.addresses["a"]),
            "PEERS": " ".join(peers),
            "CLIENTS": f"127.0.0.1:{self.ports.get(name, 4222)}",
            "SCALE": "0.01",
        }
        if self.database is not None:
            tools.append(self.database.bin)
            if name == "database":
                own |= {"PGHOST": str(self.database.folder), "PGUSER": USER}
        return {**os.environ, "PATH": ":".join([*map(str, tools), os.environ["PATH"]]), **own}

    def run(self, name: str, text: str) -> str:
        """A command of the test's own on one machine."""
        return self._run(name, text, "")

    def _run(self, name: str, text: str, district: str) -> str:
        environment = self.environment(name) | {"DISTRICT": district}
        for variable in ("ETC", "VAR"):
            Path(environment[variable]).mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder / name,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, (
            f"at {name}:\n{text}\n{done.stdout}\n{done.stderr}\n{self.logs(name)}"
        )
        return done.stdout

    def logs(self, name: str) -> str:
        """The last that a machine's services said."""
        found = sorted((self.folder / name / "var" / "run").glob("*.log"))
        return "\n".join(f"== {p.name}\n{p.read_text(errors='replace')[-3000:]}" for p in found)

    def stop(self) -> None:
        """End every service of every machine."""
        for machine in self.folder.iterdir():
            for pid_file in (machine / "var" / "run").glob("*.pid"):
                environment = self.environment(machine.name)
                command = [str(self.folder / "bin" / "systemctl"), "stop", pid_file.stem]
                subprocess.run(command, env=environment, check=False)


def read_steps(page: str) -> tuple[str, list[Step]]:
    """The block that each shell begins with, and the steps of a guide."""
    fences = list_fences(GUIDES / page)
    prelude, steps = "", []
    for number, fence in enumerate(fences):
        if fence.language != "sh":
            continue
        first, _, text = fence.text.partition("\n")
        where = first.removeprefix("# ").removesuffix(", as root")
        if where == EVERY_SHELL:
            prelude = text
            continue
        assert where in PLACES, f"{page}: where does this run? {first}"
        after = fences[number + 1] if number + 1 < len(fences) else None
        told = after.text if after is not None and after.language == "text" else None
        steps.append(Step(where, text, told))
    return prelude, steps


def fits(told: str, printed: str) -> bool:
    """True where the text has what the guide shows; ``…`` stands for anything."""
    parts = " ".join(told.split()).split("…")
    pattern = ".*".join(re.escape(part.strip()) for part in parts)
    return re.search(pattern, " ".join(printed.split())) is not None


def make_machines(folder: Path, names: Sequence[str]) -> None:
    """Folders of pretended machines, the stick, and a ``systemctl`` for all of them."""
    for name in (*names, "city", "stick", "bin"):
        (folder / name).mkdir()
    shim = folder / "bin" / "systemctl"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/systemctl.py "$@"\n')
    shim.chmod(0o755)


@contextmanager
def pretended(postgres_bin: Path) -> Iterator[City]:
    """Machines on loopback addresses that nobody else is likely to use, and their end."""
    folder = Path(tempfile.mkdtemp(prefix="safetynet-city-"))
    net = f"127.{random.randrange(64, 250)}.{random.randrange(1, 250)}"
    names = (*HUBS, "database", *DISTRICTS)
    make_machines(folder, names)
    addresses = {name: f"{net}.{number}" for number, name in enumerate(names, start=1)}
    ports = dict(zip(DISTRICTS, find_free_ports(len(DISTRICTS)), strict=True))
    with running_server(postgres_bin, f"listen_addresses={addresses['database']}") as database:
        city = City(folder, database, addresses, ports)
        try:
            yield city
        finally:
            city.stop()
    shutil.rmtree(folder)


def main() -> int:
    """Build a city of a hub of three, join two districts, then a third, and print what each took."""
    postgres = find_postgres()
    if postgres is None:
        sys.stderr.write("needs PostgreSQL\n")
        return 2
    with pretended(postgres.resolve().parent) as city:
        city.follow("build-a-city.md")
        for district in DISTRICTS:
            city.follow("join.md", district)
        for what, took_s in city.took_s.items():
            sys.stdout.write(f"{what:24} {took_s:6.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
