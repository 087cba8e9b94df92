"""Waiting for values in tests: never a bare sleep, always a deadline."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import overload

DEADLINE_S = 30.0
"""Generous: what is waited for is there at once on an idle machine."""
LOOK_EVERY_S = 0.02


@overload
async def eventually[T](
    look: Callable[[], Awaitable[T | None]], *, within_s: float = DEADLINE_S
) -> T: ...
@overload
async def eventually[T](look: Callable[[], T | None], *, within_s: float = DEADLINE_S) -> T: ...
async def eventually(look: Callable[[], object], *, within_s: float = DEADLINE_S) -> object:
    """Look again and again until something true is there; fails where nothing is in time.

    An ``AssertionError``, a missing key or a refused connection while looking counts as nothing yet.
    """
    why: BaseException | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    found = look()
                    value: object = await found if inspect.isawaitable(found) else found
                except (AssertionError, LookupError, OSError) as error:
                    why, value = error, None
                if value:
                    return value
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"it never came: {why or inspect.getsource(look).strip()}") from why
