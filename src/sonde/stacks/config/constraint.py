"""Version constraints as the Go semver library reads them: `>= 1.2, < 2 || ~1.4` (stacks.md §1, version gate)."""

import re

from sonde.stacks.errors import StacksError

Version = tuple[int, int, int]

_TERM = re.compile(
    r"\s*(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?([0-9]+|[xX*])(?:\.([0-9]+|[xX*]))?(?:\.([0-9]+|[xX*]))?(?:[-+][0-9A-Za-z.+-]*)?\s*"
)


def satisfies(version: str, constraint: str) -> bool:
    """Say whether a version meets a constraint. Raises `StacksError` for one that cannot be read."""
    numbers = _numbers(version)
    return any(all(_term(numbers, term, constraint) for term in _split(group)) for group in constraint.split("||"))


def _split(group: str) -> list[str]:
    spaced = re.sub(r"([<>=!~^])\s+", r"\1", group.strip())
    return [term for term in re.split(r"[,\s]+", spaced) if term]


def _numbers(version: str) -> Version:
    parts = [int(part) for part in re.findall(r"[0-9]+", version.partition("-")[0])[:3]]
    return (*parts, 0, 0, 0)[:3]  # type: ignore[return-value]


def _term(version: Version, term: str, constraint: str) -> bool:
    match = _TERM.fullmatch(term)
    if not match:
        raise StacksError(f"invalid version constraint: {constraint}", hints=["Write it like `>= 1.200.0, < 2.0.0`."])
    sign = match[1] or "="
    given = [None if part is None or part in "xX*" else int(part) for part in match.groups()[1:]]
    known = [part for part in given[: given.index(None) if None in given else 3] if part is not None]
    low = (*known, 0, 0, 0)[:3]
    if sign in (">=", "=>"):
        return version >= low
    if sign == "<":
        return version < low
    if sign == ">":
        return version >= _next(known) if len(known) < 3 else version > low
    if sign in ("<=", "=<"):
        return version < _next(known) if len(known) < 3 else version <= low
    inside = low <= version < _upper(sign, known)
    return not inside if sign == "!=" else inside


def _upper(sign: str, known: list[int]) -> tuple[float, ...]:
    if sign == "^":
        leading = next((index for index, part in enumerate(known) if part), len(known) - 1)
        return _next(known[: leading + 1])
    if sign in ("~", "~>"):
        return _next(known[:2] if len(known) > 1 else known)
    return _next(known)


def _next(known: list[int]) -> tuple[float, ...]:
    """The first version behind all that begin with these numbers."""
    return (*known[:-1], known[-1] + 1) if known else (float("inf"),)
