"""The shape that the benches of reading commands share: sizes, rounds, ratios to the Go CLI, growth between sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench import measure, peers, repositories
from bench.measure import Command, Sample
from bench.report import Report, beside, ratio, seconds, shown, table
from bench.repositories import Size

TITLES = ("command", "seconds", "cpu", "peak MB", "runs", "Go / Sonde", "by cpu")
PEER = "Go "  # before the name of a command that the Go CLI runs


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    sizes: Sequence[Size]
    peer: str | None
    rounds: int
    budget: float
    seconds: float


@dataclass(frozen=True)
class Case:
    """Names of our commands with their words. Before each run the cache is deleted (`cold`) or one line edited (`edited`)."""

    name: str
    words: Sequence[str]
    cold: bool = False
    edited: bool = False


Prepare = Callable[[Path], Sequence[Case]]  # changes the repository as needed, and says what to run in it


def compare(report: Report, asked: Asked, folder: Path, prepare: Prepare) -> None:
    """Run the cases at every size, beside the Go CLI where there is one, and print a table for each size."""
    script = repositories.generator()
    if script is None:
        report.missing("everything", "no gen_repo.py; SONDE_CONFORMANCE_DIR names the folder of the corpus")
        return
    peer, version = peers.go_cli(asked.peer)
    if peer is None:
        report.missing("the ratio to the Go CLI", version)
    else:
        report.say(f"  beside the Go CLI {version}")
    by_size: dict[Size, Mapping[str, Sequence[Sample]]] = {}
    for size in asked.sizes:
        repository = repositories.make(script, size, folder)
        cases = prepare(repository)
        commands = _commands(cases, repository, folder, peer)
        if not by_size:  # the first run of all reads what no later one has to: programs from the disk, our bytecode
            measure.interleave(commands, 1, budget=0)
        by_size[size] = measure.interleave(commands, asked.rounds, budget=asked.budget)
        _print(report, size, cases, by_size[size])
    _print_growth(report, by_size)


def _commands(cases: Sequence[Case], repository: Path, folder: Path, peer: str | None) -> list[Command]:
    commands = [Command("python -c pass", peers.FLOOR, repository, measure.quiet_env(folder))]
    for program, prefix in ((peers.sonde(), ""), (peer, PEER)):
        home = folder / f"home {prefix}".strip()
        home.mkdir(exist_ok=True)
        for case in cases if program else ():
            # of the Go CLI one run in each round stands beside all of ours
            if not (prefix and _plain(case) != case.name):
                before = _before(case, repository, home)
                argv = (str(program), *case.words)
                commands.append(Command(prefix + _plain(case), argv, repository, measure.quiet_env(home), before))
    return commands


def _plain(case: Case) -> str:
    return f"{case.name} (cold)" if case.cold else f"{case.name} (edited)" if case.edited else case.name


def _before(case: Case, repository: Path, home: Path) -> Callable[[], object] | None:
    if case.cold:
        return measure.without_cache(home)
    return repositories.editing_one_line(repository) if case.edited else None


def _print(report: Report, size: Size, cases: Sequence[Case], samples: Mapping[str, Sequence[Sample]]) -> None:
    report.say(f"\n  {size}: {size.stacks} stacks of {size.components} components, {size.entries} entries")
    sides = {_plain(case): samples.get(PEER + case.name, ()) for case in cases}
    rows = []
    for name, mine in samples.items():
        theirs = sides.get(name, ())
        rows.append((name, *shown(mine), str(len(mine)), *beside(mine, theirs)))
        report.keep(str(size), name, seconds=seconds(mine).median, peak=max(sample.peak for sample in mine))
        if theirs:
            report.keep(str(size), name, "Go / Sonde", ratio=ratio(mine, theirs).median)
        if theirs and {sample.answer for sample in mine} != {sample.answer for sample in theirs}:
            report.fault(f"{name}: an answer of {mine[0].answer} bytes, of the Go CLI one of {theirs[0].answer}")
    table(report, TITLES, rows)


def _print_growth(report: Report, by_size: Mapping[Size, Mapping[str, Sequence[Sample]]]) -> None:
    sizes = sorted(by_size, key=lambda size: size.entries)
    for small, big in pairwise(sizes):
        report.say(f"\n  growth {small} to {big}: {big.entries / small.entries:.1f} times the entries")
        rows = []
        for name, before in by_size[small].items():
            after = by_size[big][name]
            time = seconds(after).median / seconds(before).median
            memory = max(one.peak for one in after) / max(one.peak for one in before)
            rows.append((name, f"{time:.1f}", f"{memory:.1f}"))
        table(report, ("command", "times the seconds", "times the memory"), rows)
