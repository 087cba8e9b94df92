"""A process's line to its video worker, shared by its districts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from safetynet.app.district.line import WorkerLine
from safetynet.app.district.node import DistrictNode
from safetynet.base.clock import ManualClock
from safetynet.base.ids import NodeId
from safetynet.video import ipc
from safetynet.video.control import VideoWorker
from safetynet.video.limits import Limits


class ListeningWorker:
    """A worker that says once where it listens, and then stays."""

    async def __aiter__(self) -> AsyncIterator[ipc.Listening]:
        yield ipc.Listening(host="127.0.0.1", port=1)
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Nothing to end."""


async def test_a_district_may_join_while_others_are_taken_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def start(_: Limits) -> ListeningWorker:
        return ListeningWorker()

    monkeypatch.setattr(VideoWorker, "start", start)
    line = WorkerLine(Limits(), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))
    taken: list[str] = []
    all_taken = asyncio.Event()

    def district(name: str, also: str = "") -> DistrictNode:
        async def take_up() -> None:
            taken.append(name)
            if also:
                line.add(district(also))
            else:
                all_taken.set()

        catalogue = SimpleNamespace(cameras=())
        found: Any = SimpleNamespace(node=NodeId(name), take_up=take_up, catalogue=catalogue)
        return cast(DistrictNode, found)

    line.add(district("mapo", also="seocho"))
    line.add(district("jongno"))
    running = asyncio.create_task(line.run())
    waiting = asyncio.create_task(all_taken.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert taken == ["mapo", "jongno"]
    waiting.cancel()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
