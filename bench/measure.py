"""Child processes timed and weighed one at a time, in rounds that interleave them, and what the rounds say together."""

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

UNSTEADY = 0.25  # a floor that varies more than this (IQR / median) carries no verdict (reliability.md §5.3)


class FailedError(Exception):
    """What was measured did not do its work, so its time means nothing."""


@dataclass(frozen=True)
class Command:
    """One thing to time. `before` runs ahead of each run, untimed: it deletes a cache, for example."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    before: Callable[[], object] | None = None


@dataclass(frozen=True)
class Sample:
    """One run: wall and processor seconds, peak memory in MB (its own or that of its largest child), bytes of the answer."""

    seconds: float
    cpu: float
    peak: float
    answer: int


@dataclass(frozen=True)
class Spread:
    """The median of some values, and how far apart the middle half of them is."""

    median: float
    iqr: float
    count: int

    @property
    def unsteady(self) -> bool:
        return bool(self.median) and self.iqr / self.median > UNSTEADY


def spread(values: Sequence[float]) -> Spread:
    """Median and interquartile range; of one value the range is 0."""
    if len(values) < 2:
        return Spread(values[0], 0.0, len(values))
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), high - low, len(values))


def run(command: Command) -> Sample:
    """Run to its end. Raises FailedError with the end of its stderr where it did not exit with 0."""
    if command.before:
        command.before()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = perf_counter()
        child = subprocess.Popen(
            command.argv, cwd=command.cwd, env=command.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            err.seek(0)
            said = err.read()[-600:].decode(errors="replace").strip()
            raise FailedError(f"{command.name}: exit {child.returncode}: {said}")
        return Sample(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.seek(0, os.SEEK_END))


def interleave(commands: Sequence[Command], rounds: int, *, budget: float) -> dict[str, list[Sample]]:
    """Every command once in each round, so that a busy minute hits all of them.

    A command that has used up `budget` seconds is not run again; it has run once in any case.
    """
    samples: dict[str, list[Sample]] = {command.name: [] for command in commands}
    for _ in range(rounds):
        for command in commands:
            mine = samples[command.name]
            if not mine or sum(sample.seconds for sample in mine) < budget:
                mine.append(run(command))
    return samples


def load_average() -> str:
    """The load of the last minute, as everybody prints it."""
    return f"{os.getloadavg()[0]:.1f}"


def quiet_env(home: Path, **more: str) -> dict[str, str]:
    """An environment in which a client asks nobody and says nothing: only PATH is the caller's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "ATMOS_LOGS_LEVEL": "Off",
        "ATMOS_PAGER": "false",
        "ATMOS_TELEMETRY_ENABLED": "false",
        "ATMOS_VERSION_CHECK_ENABLED": "false",
        "GIT_CONFIG_NOSYSTEM": "1",
        **more,
    }


def without_cache(home: Path) -> Callable[[], None]:
    """Deletes what a client keeps between runs: the difference between cold and warm."""
    return lambda: shutil.rmtree(home / ".cache", ignore_errors=True)
