"""Somebody who looks at the views of a past incident and says of each whether it shows it."""

import zlib
from collections.abc import Sequence

from bench.eyes_on.ask import Said, View
from bench.eyes_on.eyes import Eyes
from bench.eyes_on.scenario import Scenario, Staged

ERROR = 0.05
"""Share of wrong clicks, either way."""


def say(past: Scenario, eyes: Eyes, one: Staged, views: Sequence[View]) -> list[Said]:
    """What the viewer says of four views at most; the same each time."""
    return [
        Said(
            incident=one.asked.id,
            camera=view.camera,
            shown=eyes.look(past, one, one.moments[0], view).shown
            ^ _is_wrong(past.seed, one.asked.id, view),
        )
        for view in views[:4]
    ]


def _is_wrong(seed: int, incident: str, view: View) -> bool:
    luck = zlib.crc32(f"{seed} {incident} {view.camera}".encode()) / 2**32
    return luck < ERROR
