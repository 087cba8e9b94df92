"""The verdict: what the senders know, against what is on the disks. Reads files alone, when nothing runs any more."""

import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.federation.nodes import PRODUCT, ROOT, Federation
from bench.federation.stores import opened
from chaos.finding import Finding, find
from chaos.lost import Loss
from chaos.senders import Ledger, Receipt, Told
from chaos.viewers import Ended

from safetynet.access.seal import SealedValue, Vault
from safetynet.base.clock import SystemClock
from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import HUB, IncidentId, NodeId
from safetynet.incident.entries import REPORT_ACCEPTED, ReportBody
from safetynet.incident.model import Progress
from safetynet.incident.state import Outcome
from safetynet.journal.entry import Entry, parse_entry
from safetynet.store.engines import sqlite_url
from safetynet.store.schema import KEYS_SCHEMA
from safetynet.store.store import Store

NOTHING_NEW = (Outcome.DUPLICATE, Outcome.LATE)


async def judge(
    city: Federation, ledger: Ledger, ended: Sequence[Ended], losses: Sequence[Loss]
) -> list[Finding]:
    """All promises on reports and journals, of a federation that has ended."""
    reports = read_reports(city.store_of(HUB))
    incidents = read_incidents(city.store_of(HUB))
    stores = [city.store_of(node) for node in (HUB, *city.nodes)]
    return [
        judge_counts(ledger, reports, incidents, losses),
        judge_operators(ended, incidents, losses),
        await judge_bytes(city.data_of(HUB) / "keys" / "keys.sqlite", ledger, reports, losses),
        judge_check([city.data_of(node) for node in (HUB, *city.nodes)]),
        judge_copies(city),
        judge_sequences([*stores, *(loss.store for loss in losses)]),
        judge_standing(city.store_of(HUB)),
    ]


def judge_counts(
    ledger: Ledger,
    reports: dict[Told, list[ReportBody]],
    incidents: dict[str, list[str]],
    losses: Sequence[Loss],
) -> Finding:
    """Every acknowledged report counts exactly once, in one incident that stands as it says.

    One that only a lost disk of the hub had may be gone; it never counts twice.
    """
    wrong: list[str] = []
    gone = 0
    for (key, progress), receipt in ledger.acknowledged.items():
        counting = [b for b in reports.get((key, progress), ()) if b.outcome not in NOTHING_NEW]
        states = incidents.get(key, [])
        if not counting and may_be_gone(receipt, losses):
            gone += 1
        elif len(counting) != 1:
            wrong.append(f"{key}/{int(progress)} counts {len(counting)} times")
        elif len(states) != 1:
            wrong.append(f"{key} is {len(states)} incidents")
        elif progress is Progress.ENDED and states[0] != "ended":
            wrong.append(f"{key} was ended and is {states[0]}")
    kept = sum(len(found) for found in reports.values())
    said = f"{len(ledger.acknowledged)} acknowledged, {kept} receipts on disk"
    if any(loss.node == HUB for loss in losses):
        said += f"; {gone} gone with lost disks of the hub, all between backup and loss"
    return find("every acknowledged report is in the hub's state exactly once", wrong, said)


def may_be_gone(receipt: Receipt | Ended, losses: Sequence[Loss]) -> bool:
    """True for what a hub acknowledged between a backup and the loss of its disk."""
    times = (receipt.sent_s, receipt.acknowledged_s)
    return any(loss.node == HUB and loss.took(*times) for loss in losses)


def judge_operators(
    ended: Sequence[Ended], incidents: dict[str, list[str]], losses: Sequence[Loss]
) -> Finding:
    """What an operator ended is ended."""
    wrong = [
        f"{one.key} was ended and is {incidents.get(one.key)}"
        for one in ended
        if incidents.get(one.key) != ["ended"] and not may_be_gone(one, losses)
    ]
    said = f"{len({one.key for one in ended})} incidents"
    return find("every incident that an operator ended is ended", wrong, said)


async def judge_bytes(
    keys: Path, ledger: Ledger, reports: dict[Told, list[ReportBody]], losses: Sequence[Loss]
) -> Finding:
    """What was sealed opens to the bytes that were sent."""
    wrong: list[str] = []
    async with Store(sqlite_url(keys), schema=KEYS_SCHEMA) as store:
        vault = Vault(store, SystemClock())
        for told, receipt in ledger.acknowledged.items():
            opened_ = [await _open(vault, body) for body in reports.get(told, ())]
            if not opened_ and may_be_gone(receipt, losses):
                continue
            if receipt.frame not in opened_:
                wrong.append(f"{told[0]}/{int(told[1])} does not open to what was sent")
    promise = "every acknowledged report opens to the bytes that were sent"
    return find(promise, wrong, f"{len(ledger.acknowledged)} opened")


async def _open(vault: Vault, body: ReportBody) -> bytes | None:
    if body.raw is None:
        return None
    try:
        value = SealedValue(sealed=body.raw.sealed, key=body.raw.key)
        return await vault.open_sealed(IncidentId(body.incident), value)
    except SafetyNetError:
        return None


def judge_check(folders: Sequence[Path]) -> Finding:
    """``safetynet check`` of every node: chains, heads, and the fold done again in a copy."""
    wrong: list[str] = []
    journals = 0
    for folder in folders:
        said = subprocess.run(
            (*PRODUCT, "check", str(folder)), cwd=ROOT, capture_output=True, text=True, check=False
        )
        journals += said.stdout.count("holds")
        wrong += [line for line in said.stdout.splitlines() if line.startswith("BROKEN")]
        if said.returncode and not wrong:
            wrong.append(said.stderr.strip() or f"check of {folder.name} failed")
    promise = "every chain verifies, and every fold agrees with its journal"
    return find(promise, wrong, f"{journals} journals hold")


def judge_living(settings: Path) -> Finding:
    """``safetynet check --all``, while everything still runs."""
    command = (*PRODUCT, "check", "--all", str(settings))
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = [line for line in said.stdout.splitlines() if line.startswith("BROKEN")]
    if said.returncode and not wrong:
        wrong.append(said.stderr.strip()[-200:])
    promise = "the living nodes agree (safetynet check --all)"
    return find(promise, wrong, f"{said.stdout.count('agrees')} districts agree")


def judge_copies(city: Federation) -> Finding:
    """The hub's copy of each district's journal is the district's own, byte for byte."""
    wrong: list[str] = []
    entries = 0
    for node in city.nodes:
        own, copy = read_journal(city.store_of(node), node), read_journal(city.store_of(HUB), node)
        entries += len(own)
        if own != copy:
            wrong.append(f"{node}: {len(own)} own entries, {len(copy)} at the hub, not the same")
    promise = "the hub's copies are the districts' own journals"
    return find(promise, wrong, f"{entries} entries of {len(city.nodes)} districts")


def judge_sequences(stores: Sequence[Path]) -> Finding:
    """No position names two entries, wherever they are kept, refused ones and those of lost disks too."""
    leaves: defaultdict[tuple[str, int, int], set[str]] = defaultdict(set)
    for path in set(stores):
        with opened(path) as conn:
            for node, epoch, seq, leaf in conn.execute(
                "SELECT node, epoch, seq, leaf FROM journal_entries"
            ):
                leaves[node, epoch, seq].add(leaf)
            for (line,) in conn.execute(
                "SELECT broken_line FROM nodes WHERE broken_line IS NOT NULL"
            ):
                entry = parse_entry(line)
                leaves[entry.node, entry.epoch, entry.seq].add(entry.leaf)
    wrong = [f"{n} epoch {e} seq {s}" for (n, e, s), found in leaves.items() if len(found) > 1]
    return find("no sequence was used twice", wrong, f"{len(leaves)} positions")


def judge_standing(hub: Path) -> Finding:
    """No honest district is quarantined."""
    with opened(hub) as conn:
        rows = conn.execute("SELECT node, state, broken_rule FROM nodes").fetchall()
    wrong = [f"{node}: {state} by {rule}" for node, state, rule in rows if state != "good"]
    return find("no district is quarantined", wrong, f"{len(rows)} journals followed")


def read_reports(hub: Path) -> dict[Told, list[ReportBody]]:
    """What the hub's journal says was accepted."""
    found: defaultdict[Told, list[ReportBody]] = defaultdict(list)
    with opened(hub) as conn:
        rows = conn.execute(
            "SELECT line FROM journal_entries WHERE kind = ? ORDER BY epoch, seq",
            (REPORT_ACCEPTED,),
        )
        for (line,) in rows:
            body = parse_entry(line).read(ReportBody)
            found[body.key, body.progress].append(body)
    return found


def read_incidents(hub: Path) -> dict[str, list[str]]:
    """The states of the incidents of each number, in the folded table."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    with opened(hub) as conn:
        for key, state in conn.execute("SELECT key, state FROM incidents"):
            found[key].append(state)
    return found


def read_entries(path: Path, node: NodeId) -> list[Entry]:
    """A node's own entries in its store, in order."""
    return [parse_entry(line) for _, _, line in read_journal(path, node)]


def read_journal(path: Path, node: NodeId) -> list[tuple[int, int, bytes]]:
    """Every entry of a node in a store, in order."""
    with opened(path) as conn:
        return conn.execute(
            "SELECT epoch, seq, line FROM journal_entries WHERE node = ? "
            "AND superseded_by IS NULL ORDER BY epoch, seq",
            (node,),
        ).fetchall()
