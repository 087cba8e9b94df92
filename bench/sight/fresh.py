"""One process that begins to serve: from the bundle to the first answer, and what it then holds.

The bench runs it with a bundle, a file of requests and, to serve on, a file of walls that were found
before. It prints a line of JSON at the first answer, and one when it has answered everything.
"""

import gc
import sys
from pathlib import Path

import msgspec
from bench.sight.places import as_joined

from safetynet.city.bundle import load_city
from safetynet.sight.model import Request
from safetynet.sight.service import Sight


def main() -> None:
    """Load, answer, tell."""
    bundle, questions, *walls = map(Path, sys.argv[1:])
    asked = msgspec.json.decode(questions.read_bytes(), type=list[Request])
    city = load_city(bundle)
    sight = Sight(city if not walls else as_joined(city))
    now = sight.now()
    tell(views=len(sight.choose(asked[0], now).views))
    if walls:
        sight.prepare(walls[0])
        for request in asked:
            sight.choose(request, now)
        gc.collect()
        tell(**memory_mb())


def memory_mb() -> dict[str, float]:
    """Resident memory of this process, now and at its highest."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(lines[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM")}


def tell(**words: float) -> None:
    """One line of JSON."""
    print(msgspec.json.encode(words).decode(), flush=True)


if __name__ == "__main__":
    main()
