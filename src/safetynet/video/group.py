"""The group of pictures kept for newcomers, and the pieces made of a stream's pictures."""

from safetynet.video.feed import Piece
from safetynet.video.fmp4 import Timeline, fragment, init_segment
from safetynet.video.h264 import Parameters
from safetynet.video.limits import Limits
from safetynet.video.pull import Picture
from safetynet.video.wire import MediaMessage, MediaType, encode_media


class Group:
    """One epoch of a stream: its parameters, its media time and its last group of pictures."""

    def __init__(self, parameters: Parameters, epoch: int, now_us: int, limits: Limits) -> None:
        self.parameters = parameters
        self.epoch = epoch
        self.key: Picture | None = None
        """The last key frame."""
        self._limits = limits
        self._timeline = Timeline()
        self._number = 0
        self._kept: list[Piece] = []
        self._bytes = 0
        self.init = self.piece(MediaType.INIT, init_segment(parameters), now_us)

    def add(self, picture: Picture) -> Piece | None:
        """The picture as a piece, kept for newcomers; None before the first key frame."""
        if picture.key:
            self.key, self._kept, self._bytes = picture, [], 0
        elif self.key is None:
            return None
        start, duration = self._timeline.place(picture.timestamp)
        self._number += 1
        data = fragment(
            picture.units, number=self._number, start=start, duration=duration, key=picture.key
        )
        kind = MediaType.KEY if picture.key else MediaType.DELTA
        piece = self.piece(kind, data, picture.captured_us)
        self._keep(piece)
        return piece

    def first(self) -> list[Piece]:
        """What a newcomer starts with: initialisation segment, key frame and what followed it."""
        return [self.init, *self._kept]

    def piece(self, kind: MediaType, payload: bytes, captured_us: int) -> Piece:
        """A media message of this epoch."""
        message = MediaMessage(
            type=kind, epoch=self.epoch, captured_us=captured_us, payload=payload
        )
        return Piece(type=kind, data=encode_media(message))

    def _keep(self, piece: Piece) -> None:
        """A group beyond the bounds is dropped whole: its rest is no use without its beginning."""
        if not self._kept and piece.type is not MediaType.KEY:
            return
        self._kept.append(piece)
        self._bytes += len(piece.data)
        if len(self._kept) > self._limits.group_frames or self._bytes > self._limits.group_bytes:
            self._kept = []
