"""A door before PostgreSQL that can be told to cut a connection at its COMMIT."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from tests.postgres import USER, Server

PORT = 5432
"""Of the sockets' names; nothing listens on the network."""


class Cut(Enum):
    """When the connection is cut."""

    NEVER = "never"
    BEFORE = "before the server hears of the commit"
    AFTER = "after the server committed, before its answer comes"


class Door:
    """Hands bytes on between clients and the server, each connection in threads of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.cut = Cut.NEVER
        self._server = str(server.folder / f".s.PGSQL.{PORT}")
        self._folder = folder
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, database: str) -> str:
        """The URL of a database behind this door."""
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    def close(self) -> None:
        """Let nobody in any more; returns when those inside have left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                thread = threading.Thread(target=self._serve, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=_hand_on, args=(server, client))
        back.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data and self.cut is not Cut.NEVER:
                    self._cut(client, server, data)
                    break
                server.sendall(data)
        _end(server)
        back.join()
        client.close()
        server.close()

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        _end(client)
        if self.cut is Cut.AFTER:
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)  # it reads the commit, does it, and then sees the end
        self.cut = Cut.NEVER


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            with suppress(OSError):  # a client that was cut off hears nothing; go on reading
                target.sendall(data)
    _end(target)


def _end(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def door_before(server: Server) -> Iterator[Door]:
    """A door, and its end; close what goes through it first."""
    with tempfile.TemporaryDirectory(prefix="safetynet-door-") as folder:
        door = Door(server, Path(folder))
        try:
            yield door
        finally:
            door.close()
