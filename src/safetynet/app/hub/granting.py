"""Rights to see: made for a viewer and a view, written down, handed over."""

from safetynet.access import entries
from safetynet.access.grants import encode_grant
from safetynet.access.keys import NodeKey
from safetynet.access.model import Grant, Viewer
from safetynet.app.hub.consoles import Consoles
from safetynet.app.hub.owners import Owners, line_of
from safetynet.app.hub.response import IssuedGrant, Response, hard_end_of
from safetynet.base.clock import Clock
from safetynet.base.ids import GrantId, new_id
from safetynet.journal.entry import Draft
from safetynet.services.model import Plan
from safetynet.sight.model import ChosenView
from safetynet.web.types import GrantsEvent, GrantView


class Granting:
    """Makes and hands over grants. What it made counts only when its drafts are on disk."""

    def __init__(self, key: NodeKey, owners: Owners, consoles: Consoles, clock: Clock) -> None:
        self._key = key
        self._owners = owners
        self._consoles = consoles
        self._clock = clock

    def issue(self, response: Response, plan: Plan, viewers: list[Viewer]) -> list[Draft]:
        """Grants for every chosen view that these viewers may see and hold no grant for yet.

        They stand in ``response.grants``; the drafts must be on disk before they are handed over.
        """
        held = {(g.grant.viewer, g.grant.camera) for g in response.grants.values()}
        fresh = [
            self._new(response, plan, view.chosen, viewer)
            for viewer in viewers
            for view in response.views.values()
            if viewer.agency in plan.receivers and (viewer.id, view.camera) not in held
        ]
        response.grants |= {g.grant.id: g for g in fresh}
        return [entries.issued(g.grant, generation=self._owners.generation) for g in fresh]

    def hand(self, response: Response, viewer: Viewer) -> None:
        """Give a viewer the grants that are its own; one that has left gets none."""
        console = self._consoles.find(viewer.id)
        grants = tuple(
            self._view(g, response)
            for g in response.grants_of(viewer)
            if response.rank(g.grant.camera)
        )
        if console is not None and grants:
            console.feed.put(GrantsEvent(incident=response.incident.id, grants=grants))

    def _new(self, response: Response, plan: Plan, view: ChosenView, viewer: Viewer) -> IssuedGrant:
        now = self._clock.now()
        grant = Grant(
            id=GrantId(new_id("grant", now)),
            issuer=self._key.node,
            audience=view.owner,
            incident=response.incident.id,
            camera=view.camera,
            viewer=viewer.id,
            viewer_key=viewer.key,
            agency=viewer.agency,
            service=plan.service.value,
            purpose=plan.purpose,
            basis=line_of(plan.basis),
            drill=response.incident.drill,
            issued_at=now,
            hard_end=hard_end_of(plan, now),
            lease_s=plan.lease_s,
        )
        return IssuedGrant(grant=grant, token=encode_grant(grant, self._key))

    def _view(self, issued: IssuedGrant, response: Response) -> GrantView:
        grant = issued.grant
        return GrantView(
            id=grant.id,
            incident=grant.incident,
            camera=grant.camera,
            owner=grant.audience,
            rank=response.rank(grant.camera),
            token=issued.token,
            gateway=self._owners.find_gateway(grant.audience) or "",
            relay=f"/api/relay/{grant.audience}",
            hard_end=grant.hard_end,
        )
