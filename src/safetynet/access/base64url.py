"""Base64url without padding, strictly: one text per value (RFC 7515 §2)."""

import base64
import binascii


def encode(data: bytes) -> str:
    """The one text of these bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of a text; raises ``ValueError`` for any other text than ``encode`` gives."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_")
    except (binascii.Error, UnicodeEncodeError) as e:
        raise ValueError("not base64url") from e
    if encode(data) != text:
        raise ValueError("not the canonical base64url")
    return data
