"""TLS of outgoing calls: the system's roots, and the ones of `SONDE_CA_FILE`."""

import ssl
from pathlib import Path


def outgoing(ca_file: Path | None) -> ssl.SSLContext:
    """One context for every outgoing call; reading the system's roots takes longer than a call does."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
