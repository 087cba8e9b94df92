"""What a lost disk of the hub excuses: only what was answered between its backup and its end, and never a second copy."""

from pathlib import Path

import pytest
from chaos.judge import judge_counts, judge_operators
from chaos.lost import Loss
from chaos.senders import Ledger, Receipt
from chaos.viewers import Ended

from safetynet.base.ids import HUB, NodeId
from safetynet.incident.model import Progress

TOLD = ("T00100000000001", Progress.OCCURRED)


def loss(node: NodeId = HUB) -> Loss:
    return Loss(node=node, backup_s=100.0, died_s=103.0, store=Path("lost.sqlite"))


def ledger(sent_s: float, acknowledged_s: float) -> Ledger:
    receipt = Receipt(frame=b"frame", sent_s=sent_s, acknowledged_s=acknowledged_s)
    return Ledger(acknowledged={TOLD: receipt})


@pytest.mark.parametrize(
    ("sent_s", "acknowledged_s", "holds"),
    [
        (99.0, 99.9, False),  # the backup has it
        (99.0, 100.1, True),  # the answer came while it was backed up
        (101.0, 102.0, True),
        (102.9, 103.2, True),  # the answer was still on its way when the process was dead
        (103.1, 110.0, False),  # the restored hub said so
    ],
)
def test_only_what_was_answered_between_backup_and_loss_may_be_gone(
    sent_s: float, acknowledged_s: float, holds: bool
) -> None:
    found = judge_counts(ledger(sent_s, acknowledged_s), {}, {}, [loss()])
    assert found.holds is holds
    assert ("1 gone" in found.detail) is holds


def test_the_lost_disk_of_a_district_excuses_no_report_and_no_loss_excuses_nothing() -> None:
    assert not judge_counts(ledger(101.0, 102.0), {}, {}, [loss(NodeId("mapo"))]).holds
    assert not judge_counts(ledger(101.0, 102.0), {}, {}, []).holds


def test_how_long_a_hub_that_was_started_is_silent() -> None:
    told = ledger(109.0, 110.0)
    assert told.find_again_s([]) is None
    assert told.find_again_s([103.0]) == 7.0
    assert told.find_again_s([103.0, 108.0]) == 2.0, (
        "nobody can tell what the first would have done"
    )
    assert told.find_again_s([111.0]) is None


def test_what_an_operator_ended_may_be_open_again_after_a_loss_alone() -> None:
    ended = [Ended(key="P1", sent_s=101.0, acknowledged_s=102.0)]
    assert judge_operators(ended, {"P1": ["open"]}, [loss()]).holds
    assert not judge_operators(ended, {"P1": ["open"]}, []).holds
    assert judge_operators(ended, {"P1": ["ended"]}, []).holds
