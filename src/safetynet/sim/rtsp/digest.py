"""HTTP digest authentication as RTSP clients do it (RFC 2617, RFC 7616 with MD5)."""

import hashlib
import hmac
import random
import re
from dataclasses import dataclass

from safetynet.base.clock import Clock

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_NONCE_LIFE_S = 300


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The one user that the cameras know."""

    user: str
    password: str


class DigestGuard:
    """Makes challenges and checks answers; nonces carry their time, so nothing is kept."""

    def __init__(self, credentials: Credentials, clock: Clock, rng: random.Random) -> None:
        self._credentials = credentials
        self._clock = clock
        self._secret = rng.randbytes(32)
        self._realm = "safetynet-sim"

    def challenge(self) -> str:
        """A ``WWW-Authenticate`` value."""
        nonce = self._nonce(int(self._clock.monotonic_s()))
        return f'Digest realm="{self._realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'

    def accepts(self, method: str, authorization: str | None) -> bool:
        """True where the ``Authorization`` value proves the password for this method."""
        if authorization is None or not authorization.lower().startswith("digest "):
            return False
        fields = {m[1].lower(): m[2] or m[3] or "" for m in _FIELD.finditer(authorization)}
        if not self._is_fresh(fields.get("nonce", "")):
            return False
        known = self._credentials
        if fields.get("username") != known.user or fields.get("realm") != self._realm:
            return False
        a1 = _md5(f"{known.user}:{self._realm}:{known.password}")
        a2 = _md5(f"{method}:{fields.get('uri', '')}")
        middle = fields["nonce"]
        if fields.get("qop"):
            middle += f":{fields.get('nc', '')}:{fields.get('cnonce', '')}:{fields['qop']}"
        expected = _md5(f"{a1}:{middle}:{a2}")
        return hmac.compare_digest(
            expected.encode(), fields.get("response", "").encode("utf-8", "replace")
        )

    def _nonce(self, made_s: int) -> str:
        mac = hmac.new(self._secret, str(made_s).encode(), hashlib.sha256).hexdigest()[:32]
        return f"{made_s:x}-{mac}"

    def _is_fresh(self, nonce: str) -> bool:
        try:
            made_s = int(nonce.split("-")[0], 16)
        except ValueError:
            return False
        age_s = self._clock.monotonic_s() - made_s
        return age_s <= _NONCE_LIFE_S and hmac.compare_digest(
            self._nonce(made_s).encode(), nonce.encode("utf-8", "replace")
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
