"""Whose turn it is to be answered: incidents wait here in order of need, and give way to reports."""

import heapq
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from safetynet.app.hub.response import Response
from safetynet.base.clock import Clock
from safetynet.base.ids import IncidentId
from safetynet.incident.model import Incident

AT_ONCE: Final = 16
"""Incidents that are answered at once: most of that time is spent waiting for owners."""
FEW_REPORTS: Final = 8
"""So many may be on their way to disk without answers giving way to them."""
GIVE_WAY_S: Final = 0.1
"""While there are more, one answer begins in so long a time."""
GRADES: Final = {"CODE0": 0, "CODE1": 1, "": 1, "CODE2": 2, "CODE3": 3, "CODE4": 4}
"""Order of need; 119 has no grades, and stands with the urgent ones."""

type Key = tuple[bool, int, float, IncidentId]


class Turns:
    """Answers what waits, the most urgent first: real ones before drills, then by grade, then the newest.

    Waiting costs a few words of memory. The queue is bounded by the open incidents, each of which
    stands in it at most once; what a stopped hub had in it is open in the store, and wanted again.
    """

    def __init__(
        self,
        answer: Callable[[Response], Awaitable[object]],
        start: Callable[[Coroutine[Any, Any, None]], object],
        clock: Clock,
    ) -> None:
        self.reports_pending: Callable[[], int] = _none
        """How many reports are not on disk yet: they come first."""
        self._answer = answer
        self._start = start
        self._clock = clock
        self._order: list[Key] = []
        self._waiting: dict[IncidentId, Response] = {}
        self._at_work = 0
        self._next_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def want(self, response: Response) -> None:
        """Have an incident answered when its turn comes; nothing where it waits already."""
        incident = response.incident
        if incident.id in self._waiting:
            return
        self._waiting[incident.id] = response
        heapq.heappush(self._order, _key(incident))
        if self._at_work < AT_ONCE:
            self._start(self._work())
            self._at_work += 1

    async def _work(self) -> None:
        try:
            while self._order:
                await self._give_way()
                if self._order:
                    await self._answer(self._waiting.pop(heapq.heappop(self._order)[-1]))
        finally:
            self._at_work -= 1

    async def _give_way(self) -> None:
        if self.reports_pending() <= FEW_REPORTS:
            return
        now_s = self._clock.monotonic_s()
        self._next_s = max(self._next_s, now_s) + GIVE_WAY_S
        await self._clock.sleep(self._next_s - now_s)


def _key(incident: Incident) -> Key:
    newest_first = -incident.received_at.timestamp()
    return incident.drill, GRADES.get(incident.grade, 1), newest_first, incident.id


def _none() -> int:
    return 0
