"""Running a command so that its answer can be kept."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sonde.stacks.cache import entries, watching


class Tee:
    """A text stream that also notes what is written. Whoever goes below the text makes the run one that is not kept."""

    def __init__(self, stream: Any, watch: watching.Watch, descriptor: int) -> None:
        self._stream = stream
        self._watch = watch
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        self._watch.printed.append((self._descriptor, text.encode(self._stream.encoding, self._stream.errors)))
        return int(self._stream.write(text))

    def writelines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach", "reconfigure", "truncate", "seek"):
            watching.unrepeatable("bytes written below the text", None)
        return getattr(self._stream, name)


def _flushed(streams: Sequence[Any]) -> bool:
    """Whether everything printed is out; what is not is told when the process ends."""
    try:
        for stream in streams:
            stream.flush()
    except OSError:
        return False
    return True


def run(argv: Sequence[str], env: Mapping[str, str], command: Callable[[], int]) -> int:
    """The command's exit code. What a call prints that ends well is kept, if the same call can be answered from it."""
    place, name = entries.folder(env), entries.call(argv, env)
    if place is None or name is None:
        return command()
    streams = sys.stdout, sys.stderr
    with watching.watch() as watch:
        sys.stdout, sys.stderr = Tee(streams[0], watch, 1), Tee(streams[1], watch, 2)
        try:
            code = command()
        finally:
            sys.stdout, sys.stderr = streams
        found = watch.facts(env) if code == 0 else None
    if found is not None and _flushed(streams):
        parts = [(descriptor, len(piece)) for descriptor, piece in watch.printed]
        entries.save(place, {"call": name, "facts": found, "parts": parts}, [piece for _, piece in watch.printed])
    return code
