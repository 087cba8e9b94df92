"""The verdict on what viewers saw: every session against its end, and against its owner's record."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.federation.nodes import Federation
from chaos.ends import End, find_end
from chaos.finding import Finding, find
from chaos.judge import read_entries
from chaos.lost import Loss
from chaos.node import notes_file
from chaos.viewers import Watched
from chaos.witness import Began, Presented, Word, read_words

from safetynet.access import entries
from safetynet.access.lease import HubLoss
from safetynet.base.ids import GrantId, IncidentId, NodeId, SessionId
from safetynet.journal.entry import Entry

LATE_S = 1.0
"""By how much a session may outlive its end."""


class Measured(NamedTuple):
    """A session and its end."""

    watched: Watched
    end: End

    @property
    def late_s(self) -> float:
        """How long after its end its last picture came at the least; negative where it stopped before."""
        return self.watched.came_s - self.end.at_s


def judge_ends(
    watched: Sequence[Watched],
    words: Mapping[NodeId, Sequence[Word]],
    policies: Mapping[NodeId, HubLoss],
) -> Finding:
    """No session outlived its end by more than a second of its owner's clock."""
    wrong: list[str] = []
    measured: list[Measured] = []
    for one in watched:
        said = words.get(one.owner, ())
        shown = (w for w in said if isinstance(w, Presented) and w.session == one.session)
        session = next(shown, None)
        if session is None:
            wrong.append(f"{one.owner} was never asked about {one.session}")
            continue
        end = find_end(session, said, policies.get(one.owner, HubLoss.HOLD))
        measured.append(Measured(one, end))
    wrong += [
        f"{m.watched.session} at {m.watched.owner} went on {m.late_s:.1f} s after its end ({m.end.why})"
        for m in sorted(measured, key=lambda m: -m.late_s)
        if m.late_s > LATE_S
    ]
    seen = [m for m in measured if m.watched.pictures]
    if not seen:
        wrong.append("nobody saw a picture")
    promise = "no session outlived its end by more than a second of the owner's clock"
    return find(promise, wrong, _describe(seen))


def _describe(seen: Sequence[Measured]) -> str:
    counts = Counter(m.watched.said or "lost" for m in seen)
    ends = ", ".join(f"{n} × {why}" for why, n in counts.most_common())
    latest_s = max((m.watched.last_s - m.end.at_s for m in seen), default=0.0)
    unsure_s = max((m.watched.last_s - m.watched.came_s for m in seen), default=0.0)
    return (
        f"{len(seen)} sessions watched ({ends}); the latest picture was read {latest_s:.2f} s after an end"
        f" (and may have come {unsure_s:.2f} s before it was read, at the most)"
    )


def judge_record(city: Federation, watched: Sequence[Watched], lost: Sequence[Loss]) -> Finding:
    """What was shown stands in its owner's journal, and nothing was opened after its end stood there."""
    wrong: list[str] = []
    opened: dict[NodeId, set[SessionId]] = {}
    for owner in {one.owner for one in watched}:
        journal = read_entries(city.store_of(owner), owner)
        opened[owner] = {
            e.read(entries.OpenedBody).session for e in journal if e.kind == entries.SESSION_OPENED
        }
        wrong += [f"{owner} opened {session} after its end" for session in _late_openings(journal)]
    for one in watched:
        gone = any(loss.node == one.owner and loss.took(one.began_s) for loss in lost)
        if one.session not in opened[one.owner] and not gone:
            wrong.append(f"{one.session} is not in the journal of {one.owner}")
    promise = "every session stands in its owner's journal, and none was opened after its end"
    return find(promise, wrong, f"{len(watched)} sessions in {len(opened)} journals")


def _late_openings(journal: Sequence[Entry]) -> list[SessionId]:
    closed: set[GrantId] = set()
    over: set[IncidentId] = set()
    late: list[SessionId] = []
    for entry in journal:
        match entry.kind:
            case entries.GRANT_CLOSED:
                closed.add(entry.read(entries.ClosedBody).id)
            case entries.INCIDENT_OVER:
                over.add(entry.read(entries.OverBody).incident)
            case entries.SESSION_OPENED:
                body = entry.read(entries.OpenedBody)
                if body.grant in closed or body.incident in over:
                    late.append(body.session)
            case _:
                pass
    return late


def read_owners(
    folder: Path, nodes: Sequence[NodeId], deaths: Mapping[NodeId, Sequence[float]]
) -> dict[NodeId, list[Word]]:
    """What the owners noted, with their deaths as the harness knows them."""
    found: defaultdict[NodeId, list[Word]] = defaultdict(list)
    for node in nodes:
        died = [Began(at_s=at_s) for at_s in deaths.get(node, ())]
        words = [*read_words(notes_file(folder, node)), *died]
        found[node] = sorted(words, key=lambda word: word.at_s)
    return dict(found)
