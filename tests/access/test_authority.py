"""The owner's last word, and what of it stands in the journal and the ledger."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from sqlalchemy import Connection, select

from safetynet.access import entries
from safetynet.access.authority import Authority, Verdict
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.grants import encode_grant
from safetynet.access.keys import KeyRing, NodeKey
from safetynet.access.lease import HubLoss, LeaseTable
from safetynet.access.ledger import HEADINGS, read_ledger
from safetynet.access.model import EndReason, Grant
from safetynet.access.policy import Policy
from safetynet.access.proof import sign_proof
from safetynet.access.remember import end_left, remember_closed
from safetynet.base.clock import ManualClock
from safetynet.base.ids import CameraId, GrantId, IncidentId, NodeId, SessionId
from safetynet.journal.append import Journal
from safetynet.journal.entry import time_text
from safetynet.journal.verify import verify_store
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED, grants, sessions

MAPO, HUB = NodeId("mapo"), NodeId("hub")
S = SessionId("ses_1")


@pytest.fixture
def authority(keyring: KeyRing, clock: ManualClock) -> Authority:
    return Authority(
        MAPO,
        keyring=keyring,
        policy=Policy.default(),
        leases=LeaseTable(HubLoss.HOLD),
        owns=lambda camera: camera == CameraId("mapo-00001"),
        clock=clock,
    )


class Presentation:
    """A viewer that presents a grant, or what it makes of one."""

    def __init__(self, authority: Authority, key: NodeKey, viewer: EllipticCurvePrivateKey) -> None:
        self._authority = authority
        self._key = key
        self._viewer = viewer

    def __call__(self, grant: Grant, *, session: SessionId = S, said: str = "n") -> Verdict:
        token = encode_grant(grant, self._key)
        proof = sign_proof(self._viewer, MAPO, grant.id, said)
        return self._authority.judge(session, token, proof, "n")


@pytest.fixture
def present(
    authority: Authority, hub_key: NodeKey, viewer: EllipticCurvePrivateKey
) -> Presentation:
    return Presentation(authority, hub_key, viewer)


def kinds(verdict: Verdict) -> list[str]:
    return [draft.kind for draft in verdict.drafts]


def test_a_good_grant_is_accepted_and_journalled(
    present: Presentation, grant: Grant, authority: Authority
) -> None:
    verdict = present(grant)
    assert verdict.accepted
    assert kinds(verdict) == [entries.GRANT_RECEIVED, entries.SESSION_OPENED]
    assert authority.leases.running() == {}
    assert authority.admit(verdict) == grant.lease_s
    assert authority.leases.running() == {S: grant}
    again = present(grant, session=SessionId("ses_2"))
    assert kinds(again) == [entries.SESSION_OPENED]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"camera": "mapo-00002"}, "grant.camera"),
        ({"agency": "SKT"}, "policy.denied"),
        ({"basis": ""}, "policy.denied"),
    ],
)
def test_a_refusal_names_its_code_and_the_grant(
    change: dict[str, str], code: str, present: Presentation, grant: Grant, authority: Authority
) -> None:
    verdict = present(msgspec.structs.replace(grant, **change))
    assert verdict.error is not None
    assert verdict.error.code == code
    (draft,) = verdict.drafts
    body = msgspec.to_builtins(draft.body)
    assert (draft.kind, body["code"], body["grant"]) == (entries.SESSION_REFUSED, code, grant.id)
    with pytest.raises(ValueError, match="accepted"):
        authority.admit(verdict)


def test_a_forged_grant_names_nothing_it_claims(
    authority: Authority, grant: Grant, hub_key: NodeKey
) -> None:
    token = encode_grant(grant, hub_key)
    verdict = authority.judge(S, token[:-8] + "AAAAAAAA", "", "n")
    assert verdict.error is not None
    assert verdict.error.code in {"grant.signature", "grant.malformed"}
    assert set(msgspec.to_builtins(verdict.drafts[0].body)) == {"session", "code"}


def test_a_proof_for_another_challenge_is_refused(present: Presentation, grant: Grant) -> None:
    verdict = present(grant, said="an older nonce")
    assert verdict.error is not None
    assert verdict.error.code == "proof.signature"


def close_grant(leases: LeaseTable, clock: ManualClock) -> None:
    leases.close_grants([GrantId("gr_1")], clock.monotonic_s())


def close_incident(leases: LeaseTable, clock: ManualClock) -> None:
    leases.close_incident(IncidentId("inc_1"), clock.monotonic_s())


def let_the_lease_run_out(_: LeaseTable, clock: ManualClock) -> None:
    clock.advance(6)


def let_it_end(_: LeaseTable, clock: ManualClock) -> None:
    clock.advance(900)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (close_grant, "grant.closed"),
        (close_incident, "grant.closed"),
        (let_the_lease_run_out, "grant.lease"),
        (let_it_end, "grant.expired"),
    ],
)
def test_a_grant_that_is_over_opens_nothing_more(
    harm: Callable[[LeaseTable, ManualClock], None],
    code: str,
    present: Presentation,
    grant: Grant,
    authority: Authority,
    clock: ManualClock,
) -> None:
    authority.admit(present(grant))
    harm(authority.leases, clock)
    verdict = present(grant, session=SessionId("ses_2"))
    assert verdict.error is not None
    assert verdict.error.code == code


def test_a_jump_of_the_wall_clock_lengthens_no_session(
    present: Presentation, grant: Grant, authority: Authority, clock: ManualClock
) -> None:
    clock.set_wall(clock.now() - timedelta(seconds=20))
    authority.admit(present(grant))
    clock.set_wall(clock.now() - timedelta(days=1))
    for _ in range(899):
        clock.advance(1)
        authority.leases.renew([grant.id], 5, clock.monotonic_s())
        assert authority.leases.due(clock.monotonic_s()) == []
    clock.advance(1)
    (due,) = authority.leases.due(clock.monotonic_s())
    assert due.reason is EndReason.HARD_END


def everything(conn: Connection) -> list[list[tuple[Any, ...]]]:
    return [
        [tuple(r) for r in conn.execute(select(t).order_by(*t.primary_key.columns))] for t in FOLDED
    ]


async def test_a_session_s_life_is_folded_and_folds_again_to_the_same(
    present: Presentation, grant: Grant, store: Store, clock: ManualClock
) -> None:
    journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
    await journal.append(present(grant).drafts)
    await journal.append([entries.received(grant)])
    clock.advance(2)
    await journal.append([entries.first_frame(S, grant.incident, 640)])
    await journal.append([entries.first_frame(S, grant.incident, 900)])
    await journal.append([entries.ended(S, grant, EndReason.CLOSED, frames=20, octets=4096)])
    await journal.append([entries.closed(grant.id, grant.incident, "ended")])
    await journal.append([entries.incident_over(grant.incident, "later")])
    await journal.append([_move(grant)])
    row = await store.read(lambda conn: conn.execute(select(sessions)).one())
    assert row.first_frame_at == "2026-03-01T04:05:06.640000Z"
    assert (row.end_reason, row.frames, row.octets) == ("closed", 20, 4096)
    held = await store.read(lambda conn: conn.execute(select(grants)).one())
    assert (held.side, held.closed_because) == ("received", "ended")
    before = await store.read(everything)
    await journal.rebuild()
    assert await store.read(everything) == before
    assert (await verify_store(store, MAPO)).ok


def _move(grant: Grant) -> Any:
    return entries.ptz_moved(
        entries.PtzBody(
            camera=grant.camera,
            move=entries.PtzMove.TURNED,
            incident=grant.incident,
            purpose=grant.purpose,
            azimuth_mdeg=90_000,
            tilt_mdeg=10_000,
            hfov_mdeg=30_000,
            took_ms=800,
        )
    )


async def test_a_restart_remembers_every_close(
    grant: Grant, store: Store, clock: ManualClock
) -> None:
    journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
    await journal.append(
        [
            entries.closed(GrantId("gr_9"), IncidentId("inc_9"), "ended"),
            entries.incident_over(IncidentId("inc_1"), "ended"),
        ]
    )
    leases = LeaseTable(HubLoss.HOLD)
    assert leases.refusal(grant, 0) is None
    assert await remember_closed(store, MAPO, leases, clock) == 2
    assert leases.refusal(grant, 0) is EndReason.CLOSED
    other = msgspec.structs.replace(grant, id=GrantId("gr_9"), incident=IncidentId("inc_2"))
    assert leases.refusal(other, 0) is EndReason.CLOSED


async def test_a_restart_ends_what_a_killed_process_left_open_and_nothing_else(
    grant: Grant, store: Store, clock: ManualClock
) -> None:
    journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
    other = Journal(NodeId("seocho"), store, clock, ACCESS_FOLDS)
    over, left = SessionId("ses_over"), SessionId("ses_left")
    await journal.append([entries.opened(over, grant), entries.opened(left, grant)])
    await journal.append([entries.ended(over, grant, EndReason.CLOSED, frames=7, octets=9)])
    await other.append([entries.opened(SessionId("ses_other"), grant)])
    assert await end_left(journal) == 1
    assert await end_left(journal) == 0
    (row,) = await store.read(
        lambda conn: conn.execute(select(sessions).where(sessions.c.id == left)).all()
    )
    assert (row.end_reason, row.ended_at) == (EndReason.NODE_STOPPED, time_text(clock.now()))
    running = select(sessions.c.id).where(sessions.c.ended_at.is_(None))
    assert await store.read(lambda conn: conn.scalars(running).all()) == ["ses_other"]


async def test_the_journal_s_line_is_the_ledger_s_line(
    grant: Grant, store: Store, clock: ManualClock
) -> None:
    journal = Journal(HUB, store, clock, ACCESS_FOLDS)
    own = msgspec.structs.replace(grant, id=GrantId("gr_2"), agency="control", drill=True)
    await journal.append([entries.issued(grant, generation="boot1")])
    clock.advance(60)
    await journal.append([entries.issued(own, generation="boot1")])
    await journal.append([entries.closed(grant.id, grant.incident, "ended")])
    given, used = await read_ledger(store)
    assert dict(zip(HEADINGS, given.cells(), strict=True)) == {
        "번호": "hub-1-1",
        "구분": "제공",
        "일시": "2026-03-01T04:05:06.000000Z",
        "파일명·형태": "mapo-00001 실시간 영상",
        "담당자": "hub/119UC001",
        "목적·사유": "fire inc_1",
        "제3자": "119",
        "근거": "개인정보 보호법 제18조제2항제3호",
        "형태": "실시간 열람",
        "기간": "2026-03-01T04:20:06.000000Z",
        "종료": "2026-03-01T04:06:06.000000Z",
    }
    assert (used.ledger.division, used.ledger.third_party, used.closed_at) == ("이용", "", None)
    assert used.ledger.reason.endswith("(훈련)")
    assert await read_ledger(store, since="2026-03-01T04:06") == [used]
    assert await read_ledger(store, node=MAPO) == []


async def test_two_openings_of_one_session_are_a_mistake_that_writes_nothing(
    present: Presentation, grant: Grant, store: Store, clock: ManualClock
) -> None:
    journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
    drafts = present(grant).drafts
    results = await asyncio.gather(
        journal.append(drafts), journal.append(drafts), return_exceptions=True
    )
    assert sum(isinstance(r, Exception) for r in results) == 1
    assert (await journal.head()).seq == 2
