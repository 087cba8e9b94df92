"""What a generation before left open: grants whose consoles are on their way to the process that answers now."""

from collections.abc import Sequence

import structlog

from safetynet.access import entries
from safetynet.access.entries import GrantBody
from safetynet.access.outstanding import list_outstanding
from safetynet.app.hub.owners import Owners
from safetynet.app.hub.response import Response
from safetynet.base.clock import Clock
from safetynet.base.errors import SafetyNetError
from safetynet.base.ids import IncidentId
from safetynet.journal.append import Journal

CONSOLES_COME_WITHIN_S = 30.0
"""A console that lost its hub comes again after at most eight seconds, with grants of its own; what it
watches meanwhile goes on. After this nobody needs the old grants any more."""


log = structlog.get_logger()


class Inherited:
    """Grants of generations before: renewed with their incidents, and closed in time."""

    def __init__(self, journal: Journal, owners: Owners, clock: Clock) -> None:
        self._journal = journal
        self._owners = owners
        self._clock = clock
        self._open: list[GrantBody] = []
        self._late: list[GrantBody] = []
        """Of incidents that were over before: their lines are closed, their owners may not know."""

    async def look(self) -> None:
        """Find what is open, before the record of what is over is closed."""
        node, now = self._journal.node, self._clock.now()
        self._open = await self._journal.store.read(lambda c: list_outstanding(c, node, now))

    def hand_over(self, responses: dict[IncidentId, Response]) -> None:
        """Put what is open with its incident."""
        for grant in self._open:
            response = responses.get(grant.incident)
            if response is None:
                self._late.append(grant)
            else:
                response.inherited = (*response.inherited, grant)
        self._open = []

    async def close(self, responses: dict[IncidentId, Response]) -> None:
        """Close at once what is late, and the rest when the consoles have had their time."""
        for incident in {grant.incident for grant in self._late}:
            late = [grant for grant in self._late if grant.incident == incident]
            await self._tell(incident, late, over=True)
        await self._clock.sleep(CONSOLES_COME_WITHIN_S)
        for response in list(responses.values()):
            if grants := response.drop_inherited():
                await self._close(response.incident.id, grants)

    async def _close(self, incident: IncidentId, grants: Sequence[GrantBody]) -> None:
        drafts = [entries.closed(g.id, incident, "viewer_left") for g in grants]
        try:
            await self._journal.append(drafts)
        except SafetyNetError as error:  # the next generation finds them open, and closes them
            log.error("hub.grants_not_closed", incident=incident, code=error.code)
        await self._tell(incident, grants, over=False)

    async def _tell(self, incident: IncidentId, grants: Sequence[GrantBody], *, over: bool) -> None:
        for owner in sorted({g.owner for g in grants} - self._owners.list_away()):
            mine = [g.id for g in grants if g.owner == owner]
            await self._owners.close_views(owner, incident, grants=mine, cameras=(), over=over)
