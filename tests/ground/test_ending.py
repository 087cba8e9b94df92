"""Whatever ends the demo ends everything that it started."""

import os
import signal
import sys

import pytest

from .conftest import DEADLINE_S, RunDemo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="death signals and /proc are Linux's"),
]

FEWEST = 1 + 1 + 4 + 26
"""Hub, simulation, four district processes and a message server for every node."""


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 3], ids=["TERM", "INT"])
def test_asked_to_end_the_demo_leaves_no_process(
    run_demo: RunDemo, signals: list[signal.Signals]
) -> None:
    demo = run_demo()
    assert len(demo.pids) >= FEWEST
    for number in signals:  # an impatient hand on Ctrl-C changes nothing
        os.kill(demo.process.pid, number)
    assert demo.process.wait(DEADLINE_S) == 0
    assert demo.wait_all_gone() == []


def test_children_die_with_a_killed_parent(run_demo: RunDemo) -> None:
    demo = run_demo()
    assert len(demo.pids) >= FEWEST
    demo.process.kill()
    demo.process.wait(DEADLINE_S)
    assert demo.wait_all_gone() == []
