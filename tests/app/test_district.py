"""One district's control on a clock that the test moves: its own last word, in its own journal."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from sqlalchemy import Connection

from safetynet.access.authority import Authority
from safetynet.access.entries import SESSION_ENDED, EndedBody, PtzBody, closed, issued
from safetynet.access.fold import ACCESS_FOLDS
from safetynet.access.grants import encode_grant
from safetynet.access.keys import KeyRing, NodeKey, open_node_key
from safetynet.access.lease import HubLoss, LeaseTable
from safetynet.access.model import Grant
from safetynet.access.policy import Policy
from safetynet.access.proof import new_nonce, new_viewer_key, sign_proof, viewer_key
from safetynet.app.district.hearing import Hearing
from safetynet.app.district.keeping import Keeper
from safetynet.app.district.node import DistrictNode
from safetynet.app.settings import ExportSettings
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import HUB, CameraId, GrantId, IncidentId, NodeId, SessionId, ViewerId
from safetynet.city.model import CameraKind
from safetynet.federation.catalogue import Catalogue, Change
from safetynet.federation.directory import AWAY_AFTER_S
from safetynet.federation.messages import (
    Answer,
    CameraRecord,
    CloseViews,
    OpenViews,
    RenewLeases,
    ViewStatus,
    WantedTurn,
    WantedView,
)
from safetynet.incident.entries import incident_moved
from safetynet.incident.fold import FOLDS as INCIDENT_FOLDS
from safetynet.incident.model import (
    Incident,
    IncidentKind,
    IncidentPlace,
    IncidentState,
    PlaceOrigin,
)
from safetynet.incident.state import Change as IncidentChange
from safetynet.incident.state import Outcome
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft
from safetynet.journal.read import read_range
from safetynet.journal.rows import fold
from safetynet.sight.model import HealthState
from safetynet.store.store import Store
from safetynet.video import ipc
from safetynet.video.ipc import Source, ToWorker, Turn

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
MAPO = NodeId("mapo")
FIXED, PTZ = CameraId("mapo-00001"), CameraId("mapo-00002")
INCIDENT = IncidentId("inc_1")
SESSION = SessionId("ses_1")
LEASE_S, HARD_S = 15.0, 900.0
NO_ONE = "permit (principal, action, resource) when { false };"


def record(camera: CameraId, kind: CameraKind) -> CameraRecord:
    return CameraRecord(camera, camera, 126.9, 37.5, 5.0, 10.0, 15.0, 60.0, int(kind), 0, 2, 2)


@dataclass
class District:
    """The node, and everything at its seams."""

    node: DistrictNode
    journal: Journal
    clock: ManualClock
    key: NodeKey
    said: list[ToWorker]
    health: list[tuple[CameraId, HealthState]]
    viewer: EllipticCurvePrivateKey = field(default_factory=new_viewer_key)

    def grant(self, camera: CameraId = FIXED, name: str = "grant_1") -> Grant:
        return Grant(
            id=GrantId(name),
            issuer=HUB,
            audience=MAPO,
            incident=INCIDENT,
            camera=camera,
            viewer=ViewerId("view_1"),
            viewer_key=viewer_key(self.viewer),
            agency="119",
            service="119UC001",
            purpose="fire",
            basis="개인정보 보호법 제18조제2항제3호",
            drill=False,
            issued_at=self.clock.now(),
            hard_end=self.clock.now() + timedelta(seconds=HARD_S),
            lease_s=LEASE_S,
        )

    async def present(
        self, grant: Grant, session: SessionId = SESSION, *, file: str = ""
    ) -> ipc.Verdict:
        nonce = new_nonce()
        proof = sign_proof(self.viewer, MAPO, grant.id, nonce)
        token = encode_grant(grant, self.key)
        ask = ipc.Ask(
            session=session, audience=MAPO, token=token, proof=proof, nonce=nonce, file=file
        )
        await self.node.judge(ask)
        return [m for m in self.said if isinstance(m, ipc.Verdict)][-1]

    async def pass_time(self, seconds: float, *, hub: bool) -> None:
        """Tick by tick; the hub is heard, and renews, only where said."""
        for _ in range(round(seconds / 0.5)):
            self.clock.advance(0.5)
            if hub:
                self.node.hear_hub()
            self.node.tick(AWAY_AFTER_S)

    async def open(self, *cameras: CameraId, agency: str = "119") -> Answer:
        turn = WantedTurn(azimuth_deg=90, tilt_deg=20, hfov_deg=30)
        views = (WantedView(camera=c, turn=turn if c == PTZ else None) for c in cameras)
        return await self.ask(*views, agency=agency)

    async def ask(self, *views: WantedView, agency: str = "119") -> Answer:
        return await self.node.execute(
            OpenViews(
                key="k1",
                generation="g1",
                incident=INCIDENT,
                agency=agency,
                service="119UC001",
                purpose="fire",
                basis="개인정보 보호법 제18조제2항제3호",
                drill=False,
                views=views,
                lease_s=LEASE_S,
            )
        )

    async def renew(self) -> None:
        await self.node.execute(
            RenewLeases(
                key="k",
                generation="g1",
                grants=(GrantId("grant_1"),),
                incidents=(INCIDENT,),
                lease_s=LEASE_S,
            )
        )

    async def close(self, *grants: GrantId, over: bool, cameras: tuple[CameraId, ...] = ()) -> None:
        await self.node.execute(
            CloseViews(
                key="k",
                generation="g1",
                incident=INCIDENT,
                grants=grants,
                cameras=cameras,
                incident_over=over,
            )
        )

    def sent[T](self, kind: type[T]) -> list[T]:
        return [m for m in self.said if isinstance(m, kind)]

    async def kinds(self) -> list[str]:
        return [e.kind for e in await read_range(self.journal.store, MAPO)]

    async def ends(self) -> list[str]:
        """Reasons of the sessions that ended, as the journal has them."""
        entries = await read_range(self.journal.store, MAPO)
        return [e.read(EndedBody).reason for e in entries if e.kind == SESSION_ENDED]


@dataclass(frozen=True)
class Will:
    """How a district is set up."""

    hub_loss: HubLoss = HubLoss.HOLD
    policy: str | None = None
    probes_per_minute: float = 0.0


@pytest.fixture
async def district(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[District]:
    will: Will = getattr(request, "param", Will())
    clock = ManualClock(NOW)
    key = open_node_key(tmp_path, HUB)
    said: list[ToWorker] = []
    health: list[tuple[CameraId, HealthState]] = []
    catalogue = Catalogue(MAPO, [record(FIXED, CameraKind.FIXED), record(PTZ, CameraKind.PTZ)])
    policy = Policy(will.policy) if will.policy else Policy.default()
    async with Store(f"sqlite:///{tmp_path}/node.sqlite") as store:
        journal = Journal(MAPO, store, clock, ACCESS_FOLDS)
        authority = Authority(
            MAPO,
            keyring=KeyRing([key.jwk()]),
            policy=policy,
            leases=LeaseTable(will.hub_loss),
            owns={FIXED, PTZ}.__contains__,
            clock=clock,
        )
        keeper = Keeper(
            MAPO,
            tmp_path,
            ExportSettings(),
            journal=journal,
            policy=policy,
            send=said.append,
            clock=clock,
        )
        await keeper.open()
        node = DistrictNode(
            node=MAPO,
            catalogue=catalogue,
            source_of=lambda r: Source(rtsp_url=f"rtsp://x/{r.id}", onvif_url=None),
            journal=journal,
            authority=authority,
            policy=policy,
            send=said.append,
            on_health=lambda camera, state: health.append((camera, state)),
            keeper=keeper,
            clock=clock,
            probes_per_minute=will.probes_per_minute,
        )
        yield District(node, journal, clock, key, said, health)


def with_will(hub_loss: HubLoss = HubLoss.HOLD, policy: str | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("district", [Will(hub_loss, policy)], indirect=True)


async def test_a_viewer_hears_yes_only_after_the_journal_has_it(district: District) -> None:
    verdict = await district.present(district.grant())
    assert (verdict.accepted, verdict.camera, verdict.lease_s) == (True, FIXED, LEASE_S)
    assert await district.kinds() == ["grant.received/1", "session.opened/1"]
    (prepared,) = district.sent(ipc.Prepare)
    assert (prepared.camera, prepared.turn) == (FIXED, None)


@with_will(HubLoss.HOLD)
async def test_under_hold_a_session_outlives_the_hub_to_the_hard_end(district: District) -> None:
    await district.present(district.grant())
    await district.pass_time(HARD_S - 2, hub=False)
    assert district.sent(ipc.Cut) == []
    told = district.sent(ipc.Extend)[-1]
    assert told.lease_s == pytest.approx(2, abs=1), "the worker is told to go on"
    await district.pass_time(3, hub=False)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["hard_end"]


@with_will(HubLoss.CUT)
async def test_under_cut_a_session_ends_with_its_lease(district: District) -> None:
    await district.present(district.grant())
    await district.pass_time(LEASE_S - 1, hub=False)
    assert district.sent(ipc.Cut) == []
    await district.pass_time(2, hub=False)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["lease_ran_out"]


@pytest.mark.parametrize("district", [Will(HubLoss.HOLD), Will(HubLoss.CUT)], indirect=True)
async def test_a_hub_that_is_here_but_does_not_renew_lets_the_lease_run_out(
    district: District,
) -> None:
    await district.present(district.grant())
    await district.pass_time(LEASE_S + 1, hub=True)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["lease_ran_out"]


@with_will(HubLoss.CUT)
async def test_renewals_keep_a_session_going(district: District) -> None:
    await district.present(district.grant())
    for _ in range(6):
        await district.pass_time(LEASE_S - 5, hub=True)
        await district.renew()
    assert district.sent(ipc.Cut) == []


async def test_a_hub_that_comes_back_has_a_leases_time_to_renew(district: District) -> None:
    await district.present(district.grant())
    await district.pass_time(60, hub=False)
    await district.pass_time(LEASE_S - 2, hub=True)
    assert district.sent(ipc.Cut) == []
    await district.pass_time(4, hub=True)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["lease_ran_out"]


async def test_a_close_cuts_before_anything_else_and_stays_closed(district: District) -> None:
    grant = district.grant()
    await district.present(grant)
    await district.close(grant.id, over=False)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["closed"]
    await district.node.note_end(ipc.Ended(session=SESSION, reason="closed", frames=9, bytes=99))
    assert await district.ends() == ["closed"]
    again = await district.present(grant, SessionId("ses_2"))
    assert (again.accepted, again.code) == (False, "grant.closed")
    assert (await district.kinds())[-1] == "session.refused/1"


async def test_a_grant_of_an_incident_that_is_over_is_worth_nothing(district: District) -> None:
    await district.close(over=True)
    verdict = await district.present(district.grant())
    assert (verdict.accepted, verdict.code) == (False, "grant.closed")


async def test_a_replayed_or_foreign_proof_is_refused(district: District) -> None:
    grant = district.grant()
    token, nonce = encode_grant(grant, district.key), new_nonce()
    proof = sign_proof(district.viewer, MAPO, grant.id, nonce)
    other = sign_proof(new_viewer_key(), MAPO, grant.id, nonce)
    for wrong_proof, wrong_nonce in ((proof, new_nonce()), (other, nonce)):
        await district.node.judge(
            ipc.Ask(
                session=SESSION, audience=MAPO, token=token, proof=wrong_proof, nonce=wrong_nonce
            )
        )
        verdict = district.sent(ipc.Verdict)[-1]
        assert (verdict.accepted, verdict.code) == (False, "proof.signature")


async def test_another_owners_camera_is_refused(district: District) -> None:
    verdict = await district.present(district.grant(CameraId("seocho-00001")))
    assert (verdict.accepted, verdict.code) == (False, "grant.camera")


@with_will(policy=NO_ONE)
async def test_the_owners_policy_has_the_last_word(district: District) -> None:
    answer = await district.open(FIXED)
    assert [(v.status, v.code) for v in answer.views] == [(ViewStatus.REFUSED, "policy.denied")]
    assert district.sent(ipc.Prepare) == []
    verdict = await district.present(district.grant())
    assert (verdict.accepted, verdict.code) == (False, "policy.denied")


async def test_views_are_opened_turned_and_given_up_with_the_incident(district: District) -> None:
    answer = await district.open(FIXED, PTZ, CameraId("mapo-99999"))
    assert [(v.status, v.code) for v in answer.views] == [
        (ViewStatus.READY, ""),
        (ViewStatus.READY, ""),
        (ViewStatus.REFUSED, "view.no_such_camera"),
    ]
    turns = {p.camera: p.turn for p in district.sent(ipc.Prepare)}
    assert turns == {FIXED: None, PTZ: Turn(azimuth_deg=90, tilt_deg=20, hfov_deg=30)}
    await district.close(over=True)
    released = {(r.camera, r.lock) for r in district.sent(ipc.Release)}
    assert released == {(FIXED, INCIDENT), (PTZ, INCIDENT)}


async def test_a_view_that_is_no_longer_wanted_is_given_up_alone(district: District) -> None:
    await district.open(FIXED, PTZ)
    await district.close(over=False, cameras=(PTZ,))
    assert [r.camera for r in district.sent(ipc.Release)] == [PTZ]


async def test_cameras_go_home_when_nobody_speaks_of_their_incident(district: District) -> None:
    await district.open(PTZ)
    await district.pass_time(2 * LEASE_S - 1, hub=True)
    assert district.sent(ipc.Release) == []
    await district.renew()
    await district.pass_time(2 * LEASE_S - 1, hub=True)
    assert district.sent(ipc.Release) == []
    await district.pass_time(2, hub=True)
    assert [r.camera for r in district.sent(ipc.Release)] == [PTZ]


async def test_moves_of_a_camera_are_in_the_journal_with_their_purpose(district: District) -> None:
    await district.open(PTZ)
    to = Turn(azimuth_deg=90, tilt_deg=20, hfov_deg=30)
    await district.node.note_turn(ipc.Turned(camera=PTZ, lock=INCIDENT, to=to, took_s=1.5))
    await district.node.note_return(ipc.Returned(camera=PTZ))
    turned, returned = await read_range(district.journal.store, MAPO)
    body = turned.read(dict[str, object])
    assert (body["move"], body["incident"], body["purpose"], body["azimuth_mdeg"]) == (
        "turned",
        INCIDENT,
        "fire",
        90_000,
    )
    assert returned.read(dict[str, object])["move"] == "returned"


async def test_a_worker_that_died_leaves_no_session_open_in_the_record(district: District) -> None:
    await district.present(district.grant())
    await district.node.stop()
    assert await district.ends() == ["node_stopped"]
    await district.node.note_end(ipc.Ended(session=SESSION, reason="closed", frames=0, bytes=0))
    assert await district.ends() == ["node_stopped"], "and none twice"


async def test_a_lost_stream_is_ill_until_it_comes_back(district: District) -> None:
    for status in (ipc.SourceStatus.LOST, ipc.SourceStatus.OPENING, ipc.SourceStatus.LIVE):
        district.node.note_source(ipc.SourceState(camera=FIXED, status=status))
    assert district.health == [(FIXED, HealthState.DEAD), (FIXED, HealthState.OK)]


async def test_a_camera_taken_off_the_list_is_shown_to_nobody_any_more(district: District) -> None:
    await district.open(PTZ)
    await district.present(district.grant(PTZ))
    change = Change(removed=(PTZ,))
    district.node.change_catalogue(district.node.catalogue.changed(change), change)
    assert [c.reason for c in district.sent(ipc.Cut)] == ["source_lost"]
    assert {(r.camera, r.lock) for r in district.sent(ipc.Release)} == {(PTZ, INCIDENT)}
    await district.node.note_end(
        ipc.Ended(session=SESSION, reason="source_lost", frames=1, bytes=9)
    )
    assert await district.ends() == ["source_lost"]
    (answer,) = (await district.open(PTZ)).views
    assert (answer.status, answer.code) == (ViewStatus.REFUSED, "view.no_such_camera")
    verdict = await district.present(district.grant(PTZ, "grant_2"), SessionId("ses_2"))
    assert (verdict.accepted, verdict.code) == (False, "grant.camera")
    assert await district.ends() == ["source_lost", "source_lost"]
    for late in (ipc.Returned(camera=PTZ), ipc.Returned(camera=PTZ, error="x")):
        await district.node.note_return(late)
    district.node.note_probe(ipc.Probed(camera=PTZ, state="dead"))
    assert district.health[-1] == (PTZ, HealthState.OK)
    await district.node.take_up()


async def test_a_camera_that_was_turned_for_good_is_sent_to_its_new_home(
    district: District,
) -> None:
    turned = msgspec.structs.replace(record(FIXED, CameraKind.FIXED), azimuth_deg=200.0)
    change = Change(put=(turned, record(CameraId("mapo-00003"), CameraKind.FIXED)))
    district.node.change_catalogue(district.node.catalogue.changed(change), change)
    answer = await district.open(FIXED, CameraId("mapo-00003"))
    assert [v.status for v in answer.views] == [ViewStatus.READY] * 2


@pytest.mark.parametrize("district", [Will(probes_per_minute=60)], indirect=True)
async def test_cameras_that_nobody_watches_are_probed_in_turn(district: District) -> None:
    await district.open(PTZ)
    for _ in range(3):
        await district.pass_time(1.5, hub=True)
        for probe in district.sent(ipc.Probe):
            district.node.note_probe(ipc.Probed(camera=probe.camera, state="frozen"))
    assert {p.camera for p in district.sent(ipc.Probe)} == {FIXED}
    assert district.health[-1] == (FIXED, HealthState.FROZEN)
    await district.close(over=True)
    await district.pass_time(5, hub=True)
    assert PTZ in {p.camera for p in district.sent(ipc.Probe)}


async def hear(district: District, tmp_path: Path, *drafts: Draft) -> None:
    """What the hub's journal says reaches the district in order, and is acted on."""
    store = district.journal.store
    async with Store(f"sqlite:///{tmp_path}/hub.sqlite") as hub:
        entries = await Journal(HUB, hub, district.clock, {}).append(drafts)
    folds = {**INCIDENT_FOLDS, **ACCESS_FOLDS}

    def keep(conn: Connection) -> None:
        fold(conn, entries, folds)

    await store.write(keep)
    await Hearing(district.node, store, district.clock).take(entries)


def over(state: IncidentState = IncidentState.ENDED) -> Draft:
    """The hub says that the incident is so now."""
    place = IncidentPlace(
        at=LonLat(126.9, 37.5), error_m=9, origin=PlaceOrigin.REPORTED, address="", dong_code=""
    )
    incident = Incident(
        id=INCIDENT,
        sender="119",
        key="T1",
        state=state,
        kind=IncidentKind.FIRE,
        grade="",
        detail="",
        place=place,
        drill=False,
        occurred_at=NOW,
        received_at=NOW,
        changed_at=NOW,
    )
    change = IncidentChange(outcome=Outcome.ENDED, before=None, after=incident)
    draft = incident_moved(change, words=None)
    assert draft is not None
    return draft


async def test_a_close_that_was_never_commanded_is_heard_in_the_hubs_journal(
    district: District, tmp_path: Path
) -> None:
    grant = district.grant()
    await district.present(grant)
    await hear(district, tmp_path, issued(grant, generation="g"))
    assert district.sent(ipc.Cut) == []
    await hear(district, tmp_path, closed(grant.id, INCIDENT, "ended"))
    assert [c.reason for c in district.sent(ipc.Cut)] == ["closed"]
    before = await district.kinds()
    await hear(district, tmp_path, closed(grant.id, INCIDENT, "ended"))
    assert await district.kinds() == before, "what is closed is not closed again"


async def test_an_incident_that_is_over_at_the_hub_is_over_here(
    district: District, tmp_path: Path
) -> None:
    await district.open(PTZ)
    await district.present(district.grant(PTZ))
    await hear(district, tmp_path, over())
    assert [c.reason for c in district.sent(ipc.Cut)] == ["closed"]
    assert [r.camera for r in district.sent(ipc.Release)] == [PTZ]
    again = await district.present(district.grant(PTZ, "grant_2"), SessionId("ses_2"))
    assert again.code == "grant.closed"


async def test_what_is_open_or_long_past_or_nobodys_here_changes_nothing(
    district: District, tmp_path: Path
) -> None:
    await hear(district, tmp_path, over())  # no camera of ours was ever asked for
    assert await district.kinds() == []
    await district.present(district.grant())
    await hear(district, tmp_path, over(IncidentState.OPEN))
    assert district.sent(ipc.Cut) == []


async def test_a_sweep_is_written_once_and_held_where_somebody_saw_it(district: District) -> None:
    turns = [WantedTurn(azimuth_deg=a, tilt_deg=20, hfov_deg=30) for a in (90, 150, 210)]
    wanted = WantedView(camera=PTZ, turn=turns[0], sweep=tuple(turns), dwell_s=1.2)
    await district.ask(wanted)
    (prepared,) = district.sent(ipc.Prepare)
    assert [t.azimuth_deg for t in prepared.sweep] == [90, 150, 210]
    for round_ in (1, 2):
        for stop, turn in enumerate(prepared.sweep, start=1):
            await district.node.note_turn(
                ipc.Turned(camera=PTZ, lock=INCIDENT, to=turn, took_s=0.5, stop=stop, round_=round_)
            )
            district.clock.advance(1.7)
    entries = await read_range(district.journal.store, MAPO)
    assert [e.read(PtzBody).stop for e in entries] == [1, 2, 3]

    held = await district.ask(msgspec.structs.replace(wanted, sweep=(), hold=True))
    assert held.views[0].held == turns[2]
    standing = district.sent(ipc.Prepare)[-1]
    assert (standing.turn, standing.sweep) == (prepared.sweep[2], ())
    again = await district.ask(msgspec.structs.replace(wanted, sweep=(), hold=True))
    assert again.views[0].held == turns[2], "it stays, however often it is said"


async def test_a_worker_that_comes_back_goes_on_with_the_sweep(district: District) -> None:
    turns = tuple(WantedTurn(azimuth_deg=a, tilt_deg=20, hfov_deg=30) for a in (90, 150))
    await district.ask(WantedView(camera=PTZ, turn=turns[0], sweep=turns, dwell_s=1.2))
    await district.node.take_up()
    first, second = district.sent(ipc.Prepare)
    assert first == second
    assert (len(second.sweep), second.dwell_s) == (2, 1.2)
