"""RTSP 1.0 requests and answers as text (RFC 2326)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from safetynet.base.errors import InvalidError

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 64 << 10

STATUS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
    505: "RTSP Version Not Supported",
    551: "Option not supported",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    uri: str
    version: str
    headers: Mapping[str, str]

    @property
    def path(self) -> tuple[str, ...]:
        """Parts of the address behind host and port, without the query."""
        rest = self.uri.split("://", 1)[-1].split("?", 1)[0]
        return tuple(part for part in rest.split("/")[1:] if part)

    @property
    def session(self) -> str | None:
        """Id of the session that the request belongs to."""
        value = self.headers.get("session")
        return value.split(";")[0].strip() if value else None


@dataclass(frozen=True, kw_only=True)
class Interleaved:
    """A binary packet inside the RTSP connection (RFC 2326 §10.12)."""

    channel: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Response:
    """One answer, without the headers that every answer has."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


async def read_message(reader: asyncio.StreamReader) -> Request | Interleaved | None:
    """The next message, or None at the end of the connection; raises ``InvalidError``."""
    try:
        first = await reader.readexactly(1)
        while first in b"\r\n":
            first = await reader.readexactly(1)
        if first == b"$":
            head = await reader.readexactly(3)
            size = int.from_bytes(head[1:], "big")
            return Interleaved(channel=head[0], data=await reader.readexactly(size))
        text = first + await reader.readuntil(b"\r\n\r\n")
        request = parse_request(text)
        await reader.readexactly(_body_bytes(request))
        return request
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise InvalidError("rtsp.too_long", "request is too long") from None


def parse_request(text: bytes) -> Request:
    """Request line and headers; raises ``InvalidError``."""
    try:
        lines = text.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise InvalidError("rtsp.malformed", "request is not text") from None
    parts = lines[0].split()
    if len(parts) != 3 or not parts[2].startswith("RTSP/"):
        raise InvalidError("rtsp.malformed", "no request line")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if line and not colon:
            raise InvalidError("rtsp.malformed", "header without a colon")
        if line:
            headers[name.strip().lower()] = value.strip()
    return Request(method=parts[0], uri=parts[1], version=parts[2], headers=headers)


def _body_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()) or int(length) > MAX_BODY_BYTES:
        raise InvalidError("rtsp.malformed", "unusable content length")
    return int(length)


def encode_response(response: Response, cseq: str | None) -> bytes:
    """The answer's bytes."""
    lines = [f"RTSP/1.0 {response.status} {STATUS[response.status]}"]
    if cseq is not None:
        lines.append(f"CSeq: {cseq}")
    lines.append("Server: safetynet-sim")
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if response.body:
        lines.append(f"Content-Length: {len(response.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + response.body
