"""Asks a recorded decision again, with what its moment and the journals say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from safetynet.app.border import border_part
from safetynet.app.cameras import cameras_of, join_cameras
from safetynet.app.hub.moment import now_of, read_asked, read_circumstances
from safetynet.app.hub.words import Words, as_it_stands
from safetynet.app.replay.compare import differences
from safetynet.app.replay.past import Decided, Known, Past
from safetynet.base.errors import InvalidError
from safetynet.base.ids import HUB, CameraId, NodeId
from safetynet.city.model import City
from safetynet.city.near import Surroundings
from safetynet.incident.moment import KnownBody, MomentBody
from safetynet.incident.showing import JudgedBody
from safetynet.sight.service import Sight

LATE_WORDS = 8
"""A word may stand in the journal just before a decision that was made without it: so many of the last
ones are left out, one by one, until what was learned is what the decision had learned."""


class Verdict(StrEnum):
    """How a recorded decision fares when it is asked again."""

    SAME = "same"
    DIFFERS = "differs"
    OLDER = "older"
    """An entry of before moments were kept, or one that chose nothing."""
    NOT_REPLAYED = "not replayed"
    """What it was asked in is not here."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One decision asked again."""

    decided: Decided
    verdict: Verdict
    where: tuple[str, ...] = ()
    """What differs, or why it was not asked."""


class Replayer:
    """Asks decisions over one city; keeps the eyes of the last one, for the next is often the same."""

    def __init__(self, city: City, past: Past) -> None:
        self._city = city
        self._past = past
        self._around = Surroundings(city.districts, city.plane)
        self._bare: dict[bool, Sight] = {}
        self._eyes: tuple[object, Sight] | None = None

    def replay(self, one: Decided) -> Replayed:
        """One decision asked again."""
        moment = one.body.moment
        if moment is None:
            return Replayed(decided=one, verdict=Verdict.OLDER)
        known = {k.owner: self._find_known(one, k) for k in moment.catalogues}
        lacking = tuple(self._lacking(moment, known))
        if lacking:
            return Replayed(decided=one, verdict=Verdict.NOT_REPLAYED, where=lacking)
        try:
            where = self._ask(one, moment, {node: k for node, k in known.items() if k is not None})
        except (InvalidError, ValueError) as error:  # a moment that no program wrote
            return Replayed(decided=one, verdict=Verdict.DIFFERS, where=(f"no question: {error}",))
        verdict = Verdict.DIFFERS if where else Verdict.SAME
        return Replayed(decided=one, verdict=verdict, where=where)

    def _find_known(self, one: Decided, known: KnownBody) -> Known | None:
        """The catalogue that a decision counted on: an owner's, or of a neighbour's what stood at the border."""
        found = self._past.find_known(known.catalogue, one.body.decided_at)
        if found is not None or one.node in (HUB, known.owner):
            return found
        for whole in reversed(self._past.beside.get(known.owner, ())):
            part = border_part(whole.catalogue, one.node, self._around)
            if whole.since <= one.body.decided_at and part.checksum == known.catalogue:
                return replace(whole, catalogue=part)
        return None

    def _lacking(self, moment: MomentBody, known: Mapping[NodeId, Known | None]) -> Iterator[str]:
        """Why it cannot be asked again."""
        if moment.bundle != self._city.version:
            yield f"decided on bundle {moment.bundle or 'without a version'}"
        owners = {district.node for district in self._city.districts}
        for owner, found in known.items():
            if found is None:
                yield f"no journal here has the catalogue of {owner}"
            elif owner not in owners:
                yield f"the bundle has no {owner}"
        if moment.left_out:
            yield f"{moment.left_out} cameras were too many for the entry"

    def _ask(
        self, one: Decided, moment: MomentBody, known: Mapping[NodeId, Known]
    ) -> tuple[str, ...]:
        sight = self._sight(moment.assumed, known)
        words = self._past.words_before(one)
        where = []
        if not self._learn(sight, words, known, moment.beliefs):
            where.append("what was learned")
        now = now_of(sight, read_circumstances(moment))
        choice = sight.choose(read_asked(moment.asked), now)
        return (*where, *differences(one.body, choice))

    def _sight(self, assumed: bool, known: Mapping[NodeId, Known]) -> Sight:
        """The city seen by the cameras of these catalogues, before anything was learned."""
        key = assumed, tuple((node, k.catalogue.checksum) for node, k in sorted(known.items()))
        if self._eyes is None or self._eyes[0] != key:
            bare = self._bare.get(assumed)
            if bare is None:
                nobody = cameras_of([], [], self._city)
                bare = self._bare[assumed] = Sight(
                    replace(self._city, cameras=nobody), assumed=assumed
                )
            parts = [cameras_of([], [], self._city)]
            for node, one in sorted(known.items()):
                records = one.catalogue.cameras
                parts.append(cameras_of(records, [node] * len(records), self._city))
            self._eyes = key, bare.with_cameras(join_cameras(parts))
        return self._eyes[1]

    def _learn(
        self,
        sight: Sight,
        words: Sequence[JudgedBody],
        known: Mapping[NodeId, Known],
        digest: str,
    ) -> bool:
        """Learn the words that a decision knew; False where what is learned so has another digest."""
        moved = {camera: at for k in known.values() for camera, at in k.moved.items()}
        told = sorted({word.camera for word in words})
        for left_out in range(min(LATE_WORDS, len(words)) + 1):
            said = last_words(words[: len(words) - left_out], moved)
            for camera in told:
                sight.forget(camera)
                sight.learn(said.of(camera))
            if sight.digest_beliefs() == digest:
                return True
        return False


def last_words(words: Sequence[JudgedBody], moved: Mapping[CameraId, str]) -> Words:
    """What each viewer last said of each camera since it was last moved; the same as a hub learns that
    starts with these words."""
    said = Words()
    for word in words:
        if (stands := as_it_stands(word, moved)) is not None:
            said.say(stands)
    return said
