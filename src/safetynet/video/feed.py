"""What waits for one viewer: bounded, and a slow viewer skips to the next key frame."""

import asyncio
from collections import deque

import msgspec

from safetynet.video.limits import Limits
from safetynet.video.wire import MediaType


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One media message, encoded once for all viewers."""

    type: MediaType
    data: bytes


class Feed:
    """A queue of pieces from one stream to one viewer; ``first`` is what a newcomer starts with."""

    def __init__(self, limits: Limits, first: list[Piece]) -> None:
        self._waiting = deque(first)
        self._bytes = sum(len(p.data) for p in first)
        self._max_messages = limits.queue_messages + len(first)
        self._max_bytes = limits.queue_bytes + self._bytes
        self._awake = asyncio.Event()
        self._skipping = all(p.type is not MediaType.KEY for p in first)
        self.skipped = 0
        """Frames that the viewer was too slow for."""

    @property
    def waiting(self) -> int:
        """How many pieces wait."""
        return len(self._waiting)

    def put(self, piece: Piece) -> None:
        """Add a piece; on overflow everything up to the next key frame is dropped."""
        if piece.type is MediaType.INIT:
            self._drop_frames(keep_init=False)
        elif self._is_full(piece):
            self._drop_frames(keep_init=True)
        if piece.type is MediaType.KEY:
            self._skipping = False
        if piece.type is MediaType.DELTA and self._skipping:
            self.skipped += 1
            return
        self._waiting.append(piece)
        self._bytes += len(piece.data)
        self._awake.set()

    async def get(self) -> Piece:
        """The next piece, when there is one; for one reader."""
        while not self._waiting:
            self._awake.clear()
            await self._awake.wait()
        piece = self._waiting.popleft()
        self._bytes -= len(piece.data)
        return piece

    def _is_full(self, piece: Piece) -> bool:
        return (
            len(self._waiting) >= self._max_messages
            or self._bytes + len(piece.data) > self._max_bytes
        )

    def _drop_frames(self, *, keep_init: bool) -> None:
        """A viewer without the initialisation segment could never play again, so it stays."""
        kept = [p for p in self._waiting if keep_init and p.type is MediaType.INIT]
        self.skipped += len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        self._bytes = sum(len(p.data) for p in kept)
        self._skipping = True
