"""``safetynet check --all``: do the living nodes agree with each other, and does what is open have a right to be?"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, and_, or_, select

from safetynet.app.check import check_database, check_files, set_in_columns, tell_checked
from safetynet.app.keys import open_keys
from safetynet.app.settings import HubSettings, load_settings
from safetynet.base.clock import SystemClock
from safetynet.base.errors import InvalidError, UnavailableError
from safetynet.base.ids import HUB, NodeId
from safetynet.city.bundle import load_city
from safetynet.federation import subjects
from safetynet.federation.bus import Bus, connect_bus
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.inventory import list_cameras
from safetynet.federation.messages import Beat, EntryBatch, RangeRequest, decode, encode
from safetynet.journal.entry import parse_entry, time_text
from safetynet.journal.generation import Answering, read_answering
from safetynet.journal.rows import Head, read_head
from safetynet.store.engines import make_engine, sqlite_url
from safetynet.store.tables import grants, incidents, nodes, sessions, views

LISTEN_S = 2.0
"""Four beats: who says nothing in this time is not here."""
CATCH_UP_S = 10.0
"""What a district had when it spoke must be at the hub after so long."""
ASK_WITHIN_S = 5.0
ON_THE_WAY_S = 5.0
"""An end is enforced within a second; the word of it may take this long to be in the hub's store."""


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """One district as the hub has it, and as it says itself."""

    node: NodeId
    here: Head
    """In the hub's store."""
    state: str
    """How its journal stands there."""
    catalogue: str
    """Checksum of its cameras as they are folded there."""
    said: Beat | None
    """The district's own word; None where none was heard."""
    leaf: str | None
    """Of the district's own entry at the position ``here``; None where it has none or does not answer."""


def find_faults(ends: Ends) -> list[str]:
    """What both ends do not agree on."""
    if ends.state != "good":
        return ["its chain broke: the hub takes nothing more of it"]
    said, here = ends.said, ends.here
    if said is None:
        return ["it is silent"]
    faults: list[str] = []
    if (here.epoch, here.seq) < (said.epoch, said.head):
        faults.append(f"the hub is at {here.epoch}/{here.seq}, it is at {said.epoch}/{said.head}")
    if here.seq and ends.leaf != here.leaf:
        faults.append(f"its own entry {here.epoch}/{here.seq} is not the one that the hub has")
    if ends.catalogue != said.catalogue and not faults:
        faults.append("its catalogue is another than its journal at the hub says")
    return faults


def run_live_check(place: str | None) -> int:
    """Check the hub's store, then every district against it; 0 where all of it holds, else 1."""
    if place is None:
        raise InvalidError("check.settings", "--all needs the hub's settings file")
    settings = load_settings(Path(place), HubSettings)
    store = Path(settings.data) / "node.sqlite"
    checked = check_database(settings.store_url) if settings.store_url else check_files(store)
    holds = tell_checked(checked)
    found = asyncio.run(_look(settings))
    ends, rights = found.ends, found.rights
    print()
    print(_table(ends))
    faults = [f"{one.node}: {fault}" for one in ends for fault in find_faults(one)]
    if found.answering is None:
        faults.append("hub: no process answers")
    else:
        print(f"hub: answered by {found.answering.address} since {found.answering.since}")
    for fault in (*faults, *rights):
        print(f"BROKEN {fault}")
    return 0 if holds and not faults and not rights else 1


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found beside the hub's own store."""

    ends: list[Ends]
    rights: list[str]
    """What is open and has no right to be."""
    answering: Answering | None
    """Which process of the hub answers; None where none was heard."""


async def _look(settings: HubSettings) -> Found:
    expected = [d.node for d in load_city(Path(settings.bundle)).districts]
    url = settings.store_url or sqlite_url(Path(settings.data) / "node.sqlite")
    engine = make_engine(url, writes=False, connections=1)
    bus = await connect_bus(
        settings.nats_servers, HUB, open_keys(settings.keys, HUB, SystemClock())
    )
    try:
        said = await _listen(bus)
        with engine.connect() as conn:
            known = [NodeId(n) for n in conn.scalars(select(nodes.c.node)) if n != HUB]
            conn.rollback()
            here = [n for n in expected if n in said or n in known]
            ends = [await _look_at(conn, bus, node, said.get(node)) for node in here]
            with conn.begin():
                return Found(
                    ends=ends,
                    rights=find_rights(conn, SystemClock().now()),
                    answering=read_answering(conn, HUB) if HUB in said else None,
                )
    finally:
        await bus.close()
        engine.dispose()


async def _listen(bus: Bus) -> dict[NodeId, Beat]:
    said: dict[NodeId, Beat] = {}

    async def hear(subject: str, data: bytes) -> None:
        beat = decode(data, Beat)
        if beat.node == subjects.node_of(subject):
            said[beat.node] = beat

    await bus.subscribe(subjects.ALL_BEATS, hear)
    await SystemClock().sleep(LISTEN_S)
    return dict(said)


async def _look_at(conn: Connection, bus: Bus, node: NodeId, said: Beat | None) -> Ends:
    """Wait until the hub has what the district said that it has, but not for ever."""
    clock = SystemClock()
    ends_s = clock.monotonic_s() + CATCH_UP_S
    while True:
        with conn.begin():
            here = read_head(conn, node)
            state = conn.scalar(select(nodes.c.state).where(nodes.c.node == node)) or "good"
            catalogue = Catalogue(node, list(list_cameras(conn, node))).checksum
        late = said is not None and (here.epoch, here.seq) < (said.epoch, said.head)
        if not late or state != "good" or clock.monotonic_s() > ends_s:
            break
        await clock.sleep(0.2)
    leaf = await _ask_leaf(bus, node, here) if said and here.seq else None
    return Ends(node=node, here=here, state=state, catalogue=catalogue, said=said, leaf=leaf)


async def _ask_leaf(bus: Bus, node: NodeId, at: Head) -> str | None:
    """The district's own entry at a position of the hub's."""
    request = RangeRequest(after_epoch=at.epoch, after_seq=at.seq - 1, limit=1)
    try:
        reply = await bus.ask(subjects.entry_range(node), encode(request), ASK_WITHIN_S)
        entries = [parse_entry(line) for line in decode(reply, EntryBatch).entries]
    except (UnavailableError, InvalidError):
        return None
    found = (e.leaf for e in entries if (e.epoch, e.seq) == (at.epoch, at.seq))
    return next(found, None)


def find_rights(conn: Connection, now: datetime) -> list[str]:
    """Sessions that go on without a right, rights of incidents that are over, rows that nobody owns."""
    late = time_text(now - timedelta(seconds=ON_THE_WAY_S))
    s, g = sessions.c, grants.c
    of = and_(g.node == s.node, g.id == s.grant)
    over = or_(g.closed_at < late, g.hard_end < late)
    outlived = select(s.node, s.id).join(grants, of).where(s.ended_at.is_(None), over)
    without = select(s.node, s.id).outerjoin(grants, of).where(g.id.is_(None))
    ended = and_(incidents.c.node == g.node, incidents.c.id == g.incident)
    left = (
        select(g.node, g.id)
        .join(incidents, ended)
        .where(g.side == "issued", g.closed_at.is_(None), incidents.c.ended_at < late)
        .where(g.hard_end > time_text(now))
    )
    its = and_(incidents.c.node == views.c.node, incidents.c.id == views.c.incident)
    lost = select(views.c.node, views.c.incident).outerjoin(incidents, its)
    hub, other = incidents.alias(), incidents.alias()
    same = and_(hub.c.sender == other.c.sender, hub.c.key == other.c.key, other.c.node != HUB)
    parted = (
        select(other.c.node, other.c.id)
        .join(hub, same)
        .where(hub.c.node == HUB, hub.c.state != other.c.state)
        .where(hub.c.changed_at < late, other.c.changed_at < late)
    )
    asked = (
        (outlived, "session goes on after its grant ended"),
        (without, "session without a grant"),
        (left, "grant is open though its incident is over"),
        (lost.where(incidents.c.id.is_(None)), "views of no incident"),
        (parted, "incident stands otherwise than the hub's on the same event"),
    )
    return [
        f"{node}: {what}: {id_}"
        for statement, what in asked
        for node, id_ in conn.execute(statement)
    ]


def _table(ends: Sequence[Ends]) -> str:
    rows = [("district", "at the hub", "its own word", "catalogue", "")]
    for one in ends:
        said = one.said
        rows.append(
            (
                one.node,
                f"{one.here.epoch}/{one.here.seq}",
                f"{said.epoch}/{said.head}" if said else "",
                said.catalogue[:16] if said else "",
                "BROKEN" if find_faults(one) else "agrees",
            )
        )
    return set_in_columns(rows)
