"""SOAP 1.2 envelopes: a request in, an answer or a fault out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from safetynet.base.errors import InvalidError

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
TDS: Final = "http://www.onvif.org/ver10/device/wsdl"
TRT: Final = "http://www.onvif.org/ver10/media/wsdl"
TPTZ: Final = "http://www.onvif.org/ver20/ptz/wsdl"
TT: Final = "http://www.onvif.org/ver10/schema"
TER: Final = "http://www.onvif.org/ver10/error"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
XS: Final = "http://www.w3.org/2001/XMLSchema"

MAX_BODY_BYTES: Final = 256 << 10

NS: Final[Mapping[str, str]] = {
    "s": SOAP, "tds": TDS, "trt": TRT, "tptz": TPTZ, "tt": TT,
    "ter": TER, "wsse": WSSE, "wsu": WSU, "xs": XS,
}  # fmt: skip
_DECLARATIONS: Final = " ".join(
    f"xmlns:{prefix}={quoteattr(uri)}"
    for prefix, uri in NS.items()
    if prefix not in ("wsse", "wsu")
)


class SoapFault(Exception):  # noqa: N818 - the protocol's word
    """A fault to be told to the client: SOAP code, ONVIF subcodes, reason."""

    def __init__(self, code: str, subcodes: tuple[str, ...], reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.subcodes = subcodes
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class SoapRequest:
    """The operation asked for, and the security header where there is one."""

    operation: ElementTree.Element
    token: ElementTree.Element | None
    """``wsse:UsernameToken``."""

    @property
    def name(self) -> tuple[str, str]:
        """Namespace and name of the operation."""
        namespace, brace, local = self.operation.tag.removeprefix("{").partition("}")
        return (namespace, local) if brace else ("", namespace)

    def text(self, path: str) -> str | None:
        """Text at a path below the operation, None where nothing stands there."""
        found = self.operation.find(path, dict(NS))
        return None if found is None else (found.text or "").strip()

    def find(self, path: str) -> ElementTree.Element | None:
        """Element at a path below the operation."""
        return self.operation.find(path, dict(NS))


def parse_envelope(body: bytes) -> SoapRequest:
    """The request in an envelope; document types, and so entities, are refused.

    Raises ``InvalidError`` for what is no envelope with one operation.
    """
    if b"<!DOCTYPE" in body:
        raise InvalidError("soap.malformed", "document types are not welcome")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise InvalidError("soap.malformed", "not well-formed XML") from None
    if root.tag != f"{{{SOAP}}}Envelope":
        raise InvalidError("soap.malformed", "not a SOAP 1.2 envelope")
    found = root.find("s:Body", dict(NS))
    if found is None or len(found) != 1:
        raise InvalidError("soap.malformed", "the body does not hold one operation")
    token = root.find("s:Header/wsse:Security/wsse:UsernameToken", dict(NS))
    return SoapRequest(operation=found[0], token=token)


def encode_answer(inner: str) -> bytes:
    """The envelope around an answer's XML; the prefixes of ``NS`` are declared."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {_DECLARATIONS}>'
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


def encode_fault(fault: SoapFault) -> bytes:
    """The envelope of a fault."""
    nested = ""
    for subcode in reversed(fault.subcodes):
        nested = f"<s:Subcode><s:Value>{subcode}</s:Value>{nested}</s:Subcode>"
    return encode_answer(
        f"<s:Fault><s:Code><s:Value>s:{fault.code}</s:Value>{nested}</s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{escape(fault.reason)}</s:Text></s:Reason></s:Fault>'
    )
