"""Importing a package without the extras that it takes where they happen to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Inside, the named packages cannot be imported, as if they were not installed.

    For optional extras of foreign packages: nats-py loads aiohttp for a WebSocket transport and
    structlog loads rich for colours, whether or not anybody wants them. A control process that
    does without both is ready in two thirds of the time. A package that is loaded already stays.
    """
    absent = [name for name in packages if name not in sys.modules]
    for name in absent:
        # Python's own way to say "not to be found" (The import system, 5.3.1: the module cache).
        sys.modules[name] = None  # type: ignore[assignment]  # typeshed knows only modules
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
