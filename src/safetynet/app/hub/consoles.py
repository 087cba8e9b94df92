"""Who watches: registered consoles, their feeds, and sending to all of them."""

from datetime import datetime

import msgspec

from safetynet.access.model import Viewer
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.ids import ViewerId, new_id
from safetynet.web.desk import Feed
from safetynet.web.types import Hello, ToConsole

AGENCIES = ("control", "119", "112")
MAX_NAME = 64


class Console(msgspec.Struct, frozen=True):
    """A viewer and its way out."""

    viewer: Viewer
    feed: Feed


class Consoles:
    """All registered consoles of this hub process."""

    def __init__(self) -> None:
        self._consoles: dict[ViewerId, Console] = {}

    def open(self, hello: Hello, now: datetime) -> Console:
        """Register a viewer; raises ``InvalidError`` where its hello makes no sense."""
        if hello.agency not in AGENCIES:
            raise InvalidError("viewer.agency", "unknown agency", agency=hello.agency)
        if not 0 < len(hello.name) <= MAX_NAME:
            raise InvalidError("viewer.name", f"a name has 1 to {MAX_NAME} characters")
        if (hello.key.kty, hello.key.crv) != ("EC", "P-256"):
            raise InvalidError("viewer.key", "a viewer's key is EC P-256")
        viewer = Viewer(
            id=ViewerId(new_id("view", now)), agency=hello.agency, name=hello.name, key=hello.key
        )
        console = Console(viewer, Feed(viewer.id))
        self._consoles[viewer.id] = console
        return console

    def close(self, viewer: ViewerId) -> None:
        """Forget a viewer."""
        self._consoles.pop(viewer, None)

    def get(self, viewer: ViewerId) -> Console:
        """A registered console; raises ``NotFoundError``."""
        try:
            return self._consoles[viewer]
        except KeyError:
            raise NotFoundError("viewer.unknown", "no such viewer", viewer=viewer) from None

    def find(self, viewer: ViewerId) -> Console | None:
        """A registered console; None where it has left."""
        return self._consoles.get(viewer)

    def list_all(self) -> list[Console]:
        """Everybody who watches now."""
        return list(self._consoles.values())

    def end_all(self) -> None:
        """This process answers no more: every console goes, and comes again where one does."""
        for console in self._consoles.values():
            console.feed.end()

    def tell_all(self, message: ToConsole) -> None:
        """Send to every console; never waits."""
        for console in self._consoles.values():
            console.feed.put(message)
