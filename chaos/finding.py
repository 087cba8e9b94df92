"""One promise, and whether it was kept."""

from collections.abc import Sequence

import msgspec

SHOWN = 5
"""Of what is wrong, how much is told."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One promise, and whether it was kept."""

    promise: str
    holds: bool
    detail: str


def find(promise: str, wrong: Sequence[str], said: str) -> Finding:
    """It holds where nothing is wrong; ``said`` tells what was looked at."""
    more = f" … and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    detail = "; ".join(wrong[:SHOWN]) + more if wrong else said
    return Finding(promise=promise, holds=not wrong, detail=detail)
