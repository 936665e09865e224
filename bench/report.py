"""What a bench found, as text for people and as JSON for whoever keeps a history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.measure import Sample, Spread, spread


@dataclass
class Report:
    """Collects lines, figures, what could not be measured and what was wrong."""

    figures: dict[str, Any] = field(default_factory=dict)
    not_measured: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def say(self, line: str = "") -> None:
        """A line for people, at once: a bench takes minutes."""
        print(line, flush=True)

    def missing(self, what: str, why: str) -> None:
        """Something that was asked for and could not be measured: exit 2 at the end."""
        self.not_measured.append(f"{what}: {why}")
        self.say(f"  not measured: {what}: {why}")

    def fault(self, what: str) -> None:
        """An answer that is wrong or lost: speed with loss counts nothing, exit 1 at the end."""
        self.wrong.append(what)
        self.say(f"  WRONG: {what}")

    def keep(self, *path: str, **values: float) -> None:
        """A figure for the JSON file."""
        self.figures[" ".join(path)] = {name: round(value, 6) for name, value in values.items()}


def table(report: Report, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    for row in (titles, *rows):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        report.say("  " + "  ".join((row[0].ljust(widths[0]), *cells)))


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample]) -> Spread:
    """Theirs by ours, round by round, so that both saw the same load: 5 means that we take a fifth of the time."""
    return spread([b.seconds / a.seconds for a, b in zip(ours, theirs, strict=False)])


def beside(ours: Sequence[Sample], theirs: Sequence[Sample]) -> tuple[str, str]:
    """The ratio of wall and of processor seconds; blank without a peer. The second is what a busy machine distorts least."""
    if not theirs:
        return "", ""
    cpu = spread([b.cpu / a.cpu for a, b in zip(ours, theirs, strict=False)])
    return f"{ratio(ours, theirs).median:.2f}", f"{cpu.median:.2f}"


def seconds(samples: Sequence[Sample]) -> Spread:
    return spread([sample.seconds for sample in samples])


def shown(samples: Sequence[Sample]) -> tuple[str, str, str]:
    """Median seconds with their range, processor seconds, peak memory."""
    wall = seconds(samples)
    cpu = spread([sample.cpu for sample in samples])
    peak = max(sample.peak for sample in samples)
    return f"{wall.median:.3f} ±{wall.iqr / 2:.3f}", f"{cpu.median:.2f}", f"{peak:.0f}"
