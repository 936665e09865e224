"""One `init` at a time for a folder of providers that several components share.

Terraform says of its plugin cache that concurrent inits are undefined (Terraform docs, "Provider Plugin Cache"), and the Go
CLI does without the cache when it runs several at a time. We keep it, and let them wait for each other, those of other
processes on this machine too.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def alone(env: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, no other init of ours uses the plugin cache of `env`, if there is one.

    The folder itself is locked, so that nothing is left behind, not even by a process that was killed. Where it cannot be
    locked (it is not there, or on a file system without locks), nobody waits.
    """
    held = _locked(env.get("TF_PLUGIN_CACHE_DIR", ""))
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _locked(folder: str) -> int | None:
    if not folder:
        return None
    try:
        held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
    except OSError:
        os.close(held)
        return None
    except BaseException:
        os.close(held)
        raise
    return held
