"""The harness proves itself: it finds builds that lose an entry, use a sequence twice or cut late, and passes an honest one."""

from pathlib import Path

import pytest
from chaos.report import Report
from chaos.run import Order, run_chaos


async def run(spoil: str, folder: Path) -> tuple[Report, set[str]]:
    """A small run without faults from outside, and the promises that were broken."""
    order = Order(seed=5, districts=2, seconds=10, rate=8, scenes=1, viewers=2, spoil=spoil)
    report = await run_chaos(order, folder, None)
    return report, {finding.promise for finding in report.findings if not finding.holds}


@pytest.mark.slow
async def test_an_honest_build_passes(tmp_path: Path) -> None:
    report, broken = await run("none", tmp_path)
    assert not broken
    assert report.holds
    assert report.acknowledged > 20


@pytest.mark.slow
async def test_a_build_that_drops_one_acknowledged_report_is_found(tmp_path: Path) -> None:
    report, broken = await run("drop", tmp_path)
    assert not report.holds
    assert "every acknowledged report is in the hub's state exactly once" in broken


@pytest.mark.slow
async def test_a_build_that_uses_a_sequence_twice_is_found(tmp_path: Path) -> None:
    report, broken = await run("double", tmp_path)
    assert not report.holds
    assert "no sequence was used twice" in broken
    assert "no district is quarantined" in broken


@pytest.mark.slow
async def test_a_build_that_cuts_three_seconds_late_is_found(tmp_path: Path) -> None:
    report, broken = await run("late", tmp_path)
    assert not report.holds
    promise = "no session outlived its end by more than a second of the owner's clock"
    (finding,) = (f for f in report.findings if f.promise == promise)
    assert promise in broken
    assert "after its end (closed)" in finding.detail
