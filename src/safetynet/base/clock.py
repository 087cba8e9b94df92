"""Time as a dependency: nothing else in the product asks the machine what time it is."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back and that no clock correction moves."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Wait that long on this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The machine's wall time in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """The machine's monotonic time in seconds."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(duration_s)


class ManualClock:
    """A clock that moves only when told to; sleepers wake in order of their time."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._monotonic_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The set wall time."""
        return self._now

    def monotonic_s(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic_s

    async def sleep(self, duration_s: float) -> None:
        """Wait until ``advance`` has passed that much time."""
        if duration_s <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic_s + duration_s, wake))
        await wake

    def advance(self, duration_s: float) -> None:
        """Move both times forward and wake whoever's time has come."""
        self._monotonic_s += duration_s
        self._now += timedelta(seconds=duration_s)
        due = sorted((s for s in self._sleepers if s[0] <= self._monotonic_s), key=lambda s: s[0])
        self._sleepers = [s for s in self._sleepers if s[0] > self._monotonic_s]
        for _, wake in due:
            if not wake.done():
                wake.set_result(None)

    def set_wall(self, now: datetime) -> None:
        """Jump the wall time alone, as a clock correction does."""
        self._now = now
