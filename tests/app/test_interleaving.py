"""However the journals of the nodes are mixed, the folded rows are the same: each is folded from one."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from safetynet.access import entries as access
from safetynet.access.destruction import Because, destroyed
from safetynet.access.entries import PtzBody, PtzMove
from safetynet.access.model import EndReason, Grant, ViewerKey
from safetynet.app.check import FOLDS
from safetynet.base.clock import ManualClock
from safetynet.base.geo import LonLat
from safetynet.base.ids import (
    HUB,
    CameraId,
    GrantId,
    IncidentId,
    NodeId,
    ReportId,
    SessionId,
    ViewerId,
)
from safetynet.federation.catalogue import Change
from safetynet.federation.inventory import drafts_of
from safetynet.federation.messages import CameraRecord
from safetynet.incident import showing
from safetynet.incident.entries import PlaceBody, Sealed, incident_moved, report_accepted
from safetynet.incident.model import IncidentKind, IncidentPlace, PlaceOrigin, Progress, Report
from safetynet.incident.moment import AimBody
from safetynet.incident.showing import JudgedBody, ReasonBody, ViewBody
from safetynet.incident.state import apply_report
from safetynet.journal.append import Journal
from safetynet.journal.entry import Draft, time_text
from safetynet.journal.follow import Follower
from safetynet.journal.read import read_range
from safetynet.journal.snapshot import make_snapshot, rebuild
from safetynet.store.store import Store
from safetynet.store.tables import FOLDED

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NODES = (HUB, NodeId("mapo"), NodeId("seocho"))
INCIDENTS = ("inc_1", "inc_2", "inc_3")
CAMERAS = ("mapo-1", "seocho-1")
PLACE = IncidentPlace(
    at=LonLat(126.9, 37.5),
    error_m=5.0,
    origin=PlaceOrigin.REPORTED,
    address="",
    dong_code="",
)
SEALED = Sealed(sealed="c2VhbGVk", key="key_1")

type Rows = dict[str, set[str]]


class Writer:
    """Makes entries about few things, the same at every node, so that whatever could mix would."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = NOW

    def drafts(self, count: int) -> list[Draft]:
        """Some entries of all kinds that are folded."""
        made: list[Draft] = []
        while len(made) < count:
            self.now += timedelta(seconds=1)
            made += self.random.choice(
                [
                    self.report,
                    self.choice,
                    self.seen,
                    self.grant,
                    self.over,
                    self.watch,
                    self.turn,
                    self.change_list,
                ]
            )()
            if self.random.random() < 0.15:
                made.append(self.destruction())
        return made

    def incident(self) -> IncidentId:
        return IncidentId(self.random.choice(INCIDENTS))

    def camera(self) -> CameraId:
        return CameraId(self.random.choice(CAMERAS))

    def report(self) -> list[Draft]:
        incident = self.incident()
        report = Report(
            id=ReportId(f"rep_{incident[4:]}"),
            sender="119",
            key=incident,
            format="http",
            progress=self.random.choice([Progress.OCCURRED, Progress.ENDED]),
            kind=IncidentKind.FIRE,
            grade=str(self.random.randrange(9)),
            detail="",
            at=None,
            error_m=None,
            address="",
            dong_code="",
            occurred_at=self.now,
            received_at=self.now,
            drill=False,
            raw=b"",
        )
        change = apply_report(None, report, PLACE, self.now)
        moved = incident_moved(change, words=SEALED, report=report.id)
        assert moved is not None
        return [report_accepted(report, change, words=SEALED, raw=SEALED), moved]

    def destruction(self) -> Draft:
        incident = self.incident()
        return destroyed(
            incident,
            incident=incident,
            because=self.random.choice(list(Because)),
            by="control",
            at=time_text(self.now),
        )

    def choice(self) -> list[Draft]:
        views = [
            ViewBody.of(
                camera=CameraId(camera),
                owner=NodeId(camera.split("-")[0]),
                aim=AimBody.of(azimuth_deg=1.0, tilt_deg=2.0, hfov_deg=3.0),
                distance_m=41.0,
                px_per_m=62.0,
                share_seen=0.5,
                slew_s=0.4,
                reasons=[ReasonBody.of("quality", value=62.0, unit="px/m", limit=20.0)],
            )
            for camera in self.random.sample(CAMERAS, self.random.randrange(1, 3))
        ]
        return [
            showing.choice_made(
                self.incident(),
                decided_at=self.now,
                decided_ms=self.random.randrange(100),
                service="119UC001",
                target="fire",
                min_px_per_m=20.0,
                views=views,
                passed_over=[],
            )
        ]

    def seen(self) -> list[Draft]:
        incident, camera = self.incident(), self.camera()
        grant, viewer = GrantId("grant_1"), ViewerId("view_1")
        took = self.random.randrange(1000)
        judged = JudgedBody(
            incident=incident,
            camera=camera,
            viewer=viewer,
            at=time_text(self.now),
            shown=self.random.random() < 0.5,
            place=PlaceBody.of(PLACE),
            target="fire",
            aim=None,
            drill=False,
        )
        changed = showing.view_changed(incident, camera, state=f"state-{took}")
        still = showing.still_shown(
            incident, camera, grant=grant, viewer=viewer, at=self.now, took_ms=took
        )
        eyes = showing.eyes_on(
            incident, camera, grant=grant, viewer=viewer, at=self.now, took_ms=took + 1
        )
        return [changed, still, eyes, showing.view_judged(judged)]

    def grant_of(self, incident: IncidentId, camera: CameraId) -> Grant:
        return Grant(
            id=GrantId(f"grant_{incident}_{camera}"),
            issuer=HUB,
            audience=NodeId(camera.split("-")[0]),
            incident=incident,
            camera=camera,
            viewer=ViewerId("view_1"),
            viewer_key=ViewerKey(kty="EC", crv="P-256", x="x", y="y"),
            agency=self.random.choice(["119", "112"]),
            service="119UC001",
            purpose="fire",
            basis="law",
            drill=False,
            issued_at=self.now,
            hard_end=self.now + timedelta(minutes=15),
            lease_s=15.0,
        )

    def grant(self) -> list[Draft]:
        grant = self.grant_of(self.incident(), self.camera())
        made = self.random.choice([access.issued(grant, generation="g"), access.received(grant)])
        return [
            made,
            *([access.closed(grant.id, grant.incident, "ended")] * self.random.randrange(2)),
        ]

    def over(self) -> list[Draft]:
        return [access.incident_over(self.incident(), "by_issuer")]

    def watch(self) -> list[Draft]:
        grant = self.grant_of(self.incident(), self.camera())
        session = SessionId(f"ses_{self.now.timestamp():.0f}")
        return [
            access.opened(session, grant),
            access.first_frame(session, grant.incident, self.random.randrange(500)),
            access.ended(session, grant, EndReason.CLOSED, frames=3, octets=9),
        ]

    def change_list(self) -> list[Draft]:
        camera, kind = self.camera(), self.random.randrange(2)
        if self.random.random() < 0.2:
            return drafts_of(Change(removed=(camera,)))
        at = (126.9, 37.5, self.random.choice([5.0, 6.0]))
        name = self.random.choice(["a", "b"])
        return drafts_of(
            Change(put=(CameraRecord(camera, name, *at, 1.0, 15.0, 60.0, kind, 0, 2, 2),))
        )

    def turn(self) -> list[Draft]:
        body = PtzBody(
            camera=self.camera(),
            move=PtzMove.TURNED,
            incident=self.incident(),
            purpose="fire",
            azimuth_mdeg=self.random.randrange(360_000),
            tilt_mdeg=0,
            hfov_mdeg=60_000,
            took_ms=1,
        )
        return [access.ptz_moved(body)]


def folded(conn: Connection) -> Rows:
    """All rows of all folded tables."""
    return {
        table.name: {repr(tuple(row)) for row in conn.execute(select(table))} for table in FOLDED
    }


async def write_journals(folder: Path, seeds: Sequence[int]) -> dict[NodeId, list[bytes]]:
    """Each node's own journal, in a store of its own, as lines."""
    lines: dict[NodeId, list[bytes]] = {}
    for node, seed in zip(NODES, seeds, strict=True):
        async with Store(f"sqlite:///{folder}/{node}-own.db") as store:
            journal = Journal(node, store, ManualClock(NOW), FOLDS)
            await journal.append(Writer(seed).drafts(25))
            lines[node] = [e.line for e in await read_range(store, node)]
    return lines


async def mix(path: Path, lines: dict[NodeId, list[bytes]], order: random.Random) -> Rows:
    """Apply the journals in pieces of any length, mixed in any order, with snapshots in between."""
    waiting = {node: list(all_) for node, all_ in lines.items()}
    async with Store(f"sqlite:///{path}") as store:
        follower = Follower(store, ManualClock(NOW), FOLDS)
        while left := [node for node in NODES if waiting[node]]:
            node = order.choice(left)
            count = order.randrange(1, 8)
            await follower.apply(node, waiting[node][:count])
            waiting[node] = waiting[node][count:]
            if order.random() < 0.2:
                await make_snapshot(store, node, ManualClock(NOW))
        rows = await store.read(folded)
        for whole in (False, True):
            for node in order.sample(NODES, len(NODES)):
                await store.write(lambda conn, n=node, w=whole: rebuild(conn, n, FOLDS, whole=w))  # type: ignore[misc]
            assert await store.read(folded) == rows, f"rebuilt, from the start: {whole}"
        return rows


async def compare(seeds: Sequence[int], orders: Sequence[int]) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        lines = await write_journals(Path(folder), seeds)
        first, *others = [
            await mix(Path(folder) / f"{n}.db", lines, random.Random(order))
            for n, order in enumerate(orders)
        ]
        for other in others:
            assert other == first
        return first


seeds = st.integers(0, 2**32)


@settings(max_examples=10, deadline=None)
@given(st.tuples(seeds, seeds, seeds), st.tuples(seeds, seeds))
def test_any_mixture_of_the_journals_gives_the_same_rows(
    journals: tuple[int, int, int], orders: tuple[int, int]
) -> None:
    asyncio.run(compare(journals, orders))


def test_the_journals_of_this_test_fill_every_table_that_they_can() -> None:
    rows = asyncio.run(compare((11, 12, 13), (4, 5)))
    unused = {"camera_states"}
    assert {name for name, found in rows.items() if not found} == unused
    cleared = [row for row in rows["incidents"] if row.endswith("None)")]
    assert cleared, "some were destroyed"
    assert msgspec.json.encode(SEALED).decode() in str(rows["incidents"]), "and some were not"
