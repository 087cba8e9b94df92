"""What goes out often and is not journalled: bounded, and the newest word on each thing wins."""

import asyncio
from itertools import islice


class NewestWins[K, V]:
    """What waits to be told, one value for each key. One reader.

    Full policy: a new key pushes out the one that waits longest, and ``dropped`` counts it. A newer value
    takes the place of the one that waits under its key.
    """

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        """Keys pushed out so far."""
        self._limit = limit
        self._waiting: dict[K, V] = {}
        self._any = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, key: K, value: V) -> None:
        """Take in a value; never waits."""
        if key not in self._waiting and len(self._waiting) >= self._limit:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        self._waiting[key] = value
        self._any.set()

    async def take(self, most: int) -> dict[K, V]:
        """Up to so many that wait, the longest waiting first; waits until there is one."""
        await self._any.wait()
        taken = dict(islice(self._waiting.items(), most))
        for key in taken:
            del self._waiting[key]
        if not self._waiting:
            self._any.clear()
        return taken
