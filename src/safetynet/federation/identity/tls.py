"""TLS as a node speaks it: its certificate shown, the other end's asked for."""

import ssl

from safetynet.federation.identity.node import Identity


def make_tls(identity: Identity) -> ssl.SSLContext:
    """A client's context: TLS 1.3, and nobody but this city is believed."""
    context = ssl.create_default_context(cafile=identity.city)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(identity.certificate, identity.key)
    return context
