"""Caps on request bodies, in bytes after decompression (decisions.md, Shape)."""

from collections.abc import Mapping

MIB = 1024 * 1024
DEFAULT_CAP = 32 * MIB
SHORT_CAP = MIB  # of what carries no upload: a lock, a token, a status. Some are read before anybody knows who asks
_SHORT = (
    "auth/github-oidc",
    "locks",
    "locks/all",
    "locks/wait",
    "sts",
    "repos/{owner:path}/{repo}/instances",
    "repos/{owner}/{repo}/instances/{stack}/{component:path}",
)
CAPS: Mapping[str, int] = {**dict.fromkeys(_SHORT, SHORT_CAP), "git/commit": 64 * MIB, "atmos/exec/data": 64 * MIB}
WEBHOOK_CAP = 25 * MIB
MAX_MAP = 256 * 1024  # bytes of JSON: one instance's settings, one execution's metrics. Real ones have some KiB
DEFAULT_MAX_PAYLOAD = 4 * MIB  # what a client puts into one request before it chunks (protocol.md §6.4)


def cap_of(path: str) -> int:
    """The cap of a path below `/api/v1/`."""
    return CAPS.get(path, DEFAULT_CAP)
