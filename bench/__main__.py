"""`python -m bench [BENCH …]`: run benches one after another. Exit 0 measured, 1 something was wrong, 2 not all measured."""

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from bench.clients import Asked
from bench.measure import FailedError, load_average
from bench.report import Report
from bench.repositories import size

BENCHES = ("stacks", "affected", "lock", "server")  # the server last: it loads much, and a child's peak counts ours


def main(words: list[str]) -> int:
    """Run what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", nargs="*", help=f"any of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--sizes", nargs="+", type=size, default=[size("50x20"), size("200x50")], metavar="SxC")
    parser.add_argument("--peer", metavar="PATH", help="the Go CLI; `atmos` from the PATH by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is repeated [5]")
    parser.add_argument("--budget", type=float, default=60, help="seconds after which a command is not repeated [60]")
    parser.add_argument("--seconds", type=float, default=3, help="how long each load on the server lasts [3]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    given = parser.parse_args(words)
    if unknown := set(given.bench) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    asked = Asked(given.sizes, given.peer, max(1, given.rounds), given.budget, given.seconds)
    report = Report()
    report.say(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in given.bench or BENCHES:
        _run(name, report, asked)
    if given.json:
        given.json.write_text(json.dumps(report.figures, indent=2) + "\n")
    report.say()
    for line in report.not_measured:
        report.say(f"not measured: {line}")
    return 1 if report.wrong else 2 if report.not_measured else 0


def _run(name: str, report: Report, asked: Asked) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sonde-bench-"))
    before = load_average()
    report.say(f"\n== {name}")
    try:
        importlib.import_module(f"bench.bench_{name}").bench(report, asked, folder)
    except FailedError as error:
        report.fault(f"{name}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.say(f"  load average {before} before, {load_average()} after")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
