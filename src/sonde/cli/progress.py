"""How far a long upload is: a bar on a terminal, a line for each part in a log, and what is left when it breaks off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sonde.cli.errors import ApiError
from sonde.cli.process import Process

WIDTH = 24


@contextmanager
def part(process: Process, index: int, sizes: Sequence[int], what: str) -> Iterator[None]:
    """Show that part `index` (from 0) of an upload is under way; `sizes` are the items in each part. One part shows nothing."""
    if len(sizes) == 1:
        yield
        return
    err, done, total = process.stderr, sum(sizes[:index]), sum(sizes)
    if not err.isatty() or process.env.get("TERM") == "dumb":
        err.write(f"Uploading part {index + 1} of {len(sizes)} ({sizes[index]} of {total} {what}).\n")
        err.flush()
        yield
        return
    full = done * WIDTH // total
    err.write(
        f"\r\033[K[{'█' * full}{'░' * (WIDTH - full)}] part {index + 1} of {len(sizes)}, {done} of {total} {what}"
    )
    err.flush()
    try:
        yield
    finally:
        err.write("\r\033[K")
        err.flush()


def how_to_resume(process: Process, error: ApiError, index: int, sizes: Sequence[int]) -> str:
    """What arrived when part `index` (from 0) failed, and the command that sends it again."""
    lost = error.doubtful
    if len(sizes) == 1:
        arrived = "Whether it arrived is not known; to send it twice does no harm." if lost else "Nothing was uploaded."
        return f"{arrived} Send it again: {process.command}"
    return (
        f"{_arrived(index, sizes, lost=lost)} The control plane acts on nothing before it has all parts. "
        f"Send all of them again: {process.command}"
    )


def _arrived(index: int, sizes: Sequence[int], *, lost: bool) -> str:
    if not index:
        return "Whether part 1 arrived is not known; the others were not sent." if lost else "Nothing was uploaded."
    parts = "Part 1" if index == 1 else f"Parts 1 to {index}"
    doubt = f"; whether part {index + 1} did is not known" if lost else ""
    return f"{parts} of {len(sizes)} arrived ({sum(sizes[:index])} of {sum(sizes)} items){doubt}; the others were not sent."
