"""Caps on request bodies, in bytes after decompression (decisions.md, Shape)."""

from collections.abc import Mapping

MIB = 1024 * 1024
DEFAULT_CAP = 32 * MIB
CAPS: Mapping[str, int] = {"git/commit": 64 * MIB, "atmos/exec/data": 64 * MIB}
WEBHOOK_CAP = 25 * MIB
DEFAULT_MAX_PAYLOAD = 4 * MIB  # what a client puts into one request before it chunks (protocol.md §6.4)


def cap_of(path: str) -> int:
    """The cap of a path below `/api/v1/`."""
    return CAPS.get(path, DEFAULT_CAP)
