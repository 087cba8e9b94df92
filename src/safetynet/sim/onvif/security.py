"""WS-UsernameToken with a password digest (WSS UsernameToken Profile 1.0), as ONVIF asks."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from xml.etree import ElementTree

from safetynet.base.clock import Clock
from safetynet.sim.onvif.soap import NS, SoapFault
from safetynet.sim.rtsp.digest import Credentials

_MAX_SKEW_S = 300.0


class TokenGuard:
    """Lets requests in that prove the password and were made just now."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock

    def check(self, token: ElementTree.Element | None) -> None:
        """Raises ``SoapFault`` (NotAuthorized) unless the token is good."""
        if token is None or not self._is_good(token):
            raise SoapFault("Sender", ("ter:NotAuthorized",), "Sender not authorized")

    def _is_good(self, token: ElementTree.Element) -> bool:
        user, given = _text(token, "wsse:Username"), _text(token, "wsse:Password")
        nonce, created = _text(token, "wsse:Nonce"), _text(token, "wsu:Created")
        try:
            made = datetime.fromisoformat(created)
            salt = base64.b64decode(nonce, validate=True)
        except (ValueError, binascii.Error):
            return False
        if made.tzinfo is None:
            return False
        skew_s = abs((self._clock.now() - made).total_seconds())
        text = salt + created.encode() + self._credentials.password.encode()
        expected = base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest())
        return (
            skew_s <= _MAX_SKEW_S
            and user == self._credentials.user
            and hmac.compare_digest(expected, given.encode())
        )


def _text(token: ElementTree.Element, path: str) -> str:
    found = token.find(path, dict(NS))
    return "" if found is None else (found.text or "").strip()
