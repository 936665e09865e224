"""What a change touches: `describe affected` after a change of one line, cold, warm, and warm after one more edit."""

from collections.abc import Sequence
from pathlib import Path

from bench import repositories
from bench.clients import Asked, Case, compare
from bench.report import Report


def bench(report: Report, asked: Asked, folder: Path) -> None:
    """Time, peak memory and growth; the Go CLI in the same rounds."""
    compare(report, asked, folder, _cases)


def _cases(repository: Path) -> Sequence[Case]:
    repositories.change_one_line(repository)
    words = ("describe", "affected", "--format", "json")
    return (
        Case("describe affected", words, cold=True),
        Case("describe affected", words),
        Case("describe affected", words, edited=True),
    )
