"""Reading a whole repository: `describe stacks` cold and warm, and `describe component`."""

from collections.abc import Sequence
from pathlib import Path

from bench import repositories
from bench.clients import Asked, Case, compare
from bench.report import Report


def bench(report: Report, asked: Asked, folder: Path) -> None:
    """Time, peak memory and growth; the Go CLI in the same rounds."""
    compare(report, asked, folder, _cases)


def _cases(repository: Path) -> Sequence[Case]:
    _, stack = repositories.a_stack(repository)
    stacks = ("describe", "stacks", "--format", "json")
    return (
        Case("describe stacks", stacks, cold=True),
        Case("describe stacks", stacks),
        Case("describe component", ("describe", "component", "c000", "-s", stack, "--format", "json")),
    )
