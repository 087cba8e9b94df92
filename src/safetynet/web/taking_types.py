"""What the API says of turns, stills and clips."""

from datetime import datetime
from typing import Annotated

import msgspec

from safetynet.base.ids import CameraId, NodeId, ViewerId

Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")]


class TurnIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an operator wants an open view's PTZ camera to look."""

    viewer: ViewerId
    """Whose grant it is; the hub told it in the snapshot."""
    azimuth_deg: Annotated[float, msgspec.Meta(ge=0, lt=360)]
    tilt_deg: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    hfov_deg: Annotated[float, msgspec.Meta(gt=0, le=120)]


class StillIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants a still of an open view."""

    viewer: ViewerId
    key: Key = ""
    """The same key is the same still, however often it is asked; empty: each time another one."""


class StillView(msgspec.Struct, frozen=True, kw_only=True):
    """A still that was taken, and is in the owner's journal."""

    id: str
    camera: CameraId
    owner: NodeId
    captured_at: datetime
    octets: int
    sha256: str
    jpeg: bytes | None
    """Base64; null where it waits at the owner's gateway and is fetched there by its id."""


class ClipIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants an open view recorded, how long, and who approved it."""

    viewer: ViewerId
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    """From now on; the pictures since the last key frame come before them."""
    approved_by: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,64}\Z")]
    """The office that approved it, never a person's name."""
    key: Key = ""
    """The same key is the same clip, however often it is asked; empty: each time another one."""


class ClipView(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that is being recorded."""

    id: str
    camera: CameraId
    owner: NodeId
    seconds: float


class ClipMade(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a clip: a file at its owner, fetched at the gateway by its id, or why there is none."""

    id: str
    camera: CameraId
    owner: NodeId
    failed: str = ""
    """Error code; else empty."""
    first_at: str = ""
    last_at: str = ""
    frames: int = 0
    skipped: int = 0
    octets: int = 0
    sha256: str = ""
