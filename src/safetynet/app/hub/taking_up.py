"""A desk goes on where it was: open incidents of before, and what viewers said of views."""

from sqlalchemy import Connection

from safetynet.app.hub.elsewhere import taken_apart
from safetynet.app.hub.eyes import Eyes
from safetynet.app.hub.intake import Intake
from safetynet.app.hub.leftover import close_left
from safetynet.app.hub.responder import Responder
from safetynet.app.hub.response import Response
from safetynet.app.hub.words import as_it_stands, named_in
from safetynet.base.ids import CameraId
from safetynet.federation.inventory import list_moved
from safetynet.incident.read import KeptIncident, list_judgements, list_open
from safetynet.journal.append import Journal


async def take_up(journal: Journal, intake: Intake, responder: Responder, eyes: Eyes) -> None:
    """Bring open incidents into memory; their views are chosen anew when their owners are here."""
    await close_left(journal)
    node, store = journal.node, journal.store

    def read(conn: Connection) -> list[tuple[KeptIncident, bool]]:
        found = list_open(conn, node)
        return [(one, taken_apart(conn, node, one.body.incident)) for one in found]

    found = await store.read(read)
    opened = await intake.open_all([one for one, _ in found])
    for (one, apart), incident in zip(found, opened, strict=True):
        response = Response(incident=incident, apart=apart)
        response.still_ms, response.eyes_ms = one.still_ms, one.eyes_on_ms
        responder.responses[response.incident.id] = response
    words = await store.read(lambda conn: list_judgements(conn, node))
    for word in words:
        if (known := responder.responses.get(word.incident)) is not None:
            known.set_word(word)
    named = set[CameraId]().union(*map(named_in, words))
    moved = await store.read(lambda conn: list_moved(conn, named))
    await eyes.learn([w for word in words if (w := as_it_stands(word, moved)) is not None])
