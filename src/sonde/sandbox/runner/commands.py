"""What a step says to its runner: the files behind GITHUB_ENV, GITHUB_OUTPUT, GITHUB_PATH, and `::add-mask::`."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sonde.sandbox.runner.model import RunnerError

ADD_MASK = re.compile(r"^::add-mask::(.+)$", re.MULTILINE)
LOG_LIMIT = 8 << 20  # bytes of a log or a command file that are read; GitHub's own limits are of that size
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")


class BadCommandFile(RunnerError):  # noqa: N818 - it names what was met
    """A step wrote something into a command file that GitHub would not take: the step fails."""


def read_text(path: Path) -> str:
    """Up to LOG_LIMIT bytes of a file as text; what was cut off is said. Empty if the step removed the file."""
    try:
        with path.open("rb") as file:
            data = file.read(LOG_LIMIT + 1)
    except FileNotFoundError:
        return ""
    text = data[:LOG_LIMIT].decode(errors="replace")
    return text if len(data) <= LOG_LIMIT else f"{text}\n… cut off after {LOG_LIMIT} bytes\n"


def pairs(text: str, file: str) -> dict[str, str]:
    """`NAME=value` lines and `NAME<<END` blocks (GitHub docs, "Workflow commands", Environment files)."""
    found = {}
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for line in lines:
        if not line:
            continue
        name, separator, rest = partition(line)
        if not (name and separator):
            raise BadCommandFile(f"Unable to process file command '{file}' successfully. Invalid format '{line}'")
        found[name] = rest if separator == "=" else block(lines, name, rest, file)
    return found


def partition(line: str) -> tuple[str, str, str]:
    """Split at `=` or `<<`, whichever comes first."""
    equals, heredoc = line.find("="), line.find("<<")
    separator = "<<" if heredoc >= 0 and (equals < 0 or heredoc < equals) else "="
    return line.partition(separator)


def block(lines: Iterator[str], name: str, delimiter: str, file: str) -> str:
    held: list[str] = []
    for line in lines:
        if line == delimiter:
            return "\n".join(held)
        held.append(line)
    raise BadCommandFile(
        f"Unable to process file command '{file}' successfully. "
        f"The value of '{name}' does not end: there is no line '{delimiter}'"
    )


def masks_in(log: str) -> set[str]:
    return {match.strip() for match in ADD_MASK.findall(log) if match.strip()}


def masked(log: str, secrets: Iterable[str]) -> str:
    """The log with every secret, and every line of a secret of several lines, as ***; the longest first."""
    parts = {line for secret in secrets for line in (secret, *secret.splitlines()) if line.strip()}
    for part in sorted(parts, key=len, reverse=True):
        log = log.replace(part, "***")
    return log
