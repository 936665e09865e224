"""Version constraints: Masterminds/semver v3, constraints.go."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.semver import Version, compare_prerelease, parse
from sonde.gotemplate.strconv import quote

_PART: Final = r"[0-9|xX*]+"
_VERSION: Final = rf"v?({_PART})(\.{_PART})?(\.{_PART})?(-(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(\+(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
_PLAIN: Final = re.sub(r"\((?!\?)", "(?:", _VERSION)
_OPERATOR: Final = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^"
_ONE: Final = re.compile(rf"\s*({_OPERATOR})\s*({_VERSION})\s*", re.ASCII)
_FIND: Final = re.compile(rf"(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)\s*(?:{_PLAIN})", re.ASCII)
_VALID: Final = re.compile(
    rf"(?:\s*(?:{_OPERATOR})\s*(?:{_PLAIN})\s*)(?:(?:\s+|,\s*)(?:{_OPERATOR})\s*(?:{_PLAIN})\s*)*", re.ASCII
)
_RANGE: Final = re.compile(rf"\s*({_PLAIN})\s+-\s+({_PLAIN})\s*", re.ASCII)


@dataclass(frozen=True)
class Constraint:
    """One comparison; the loose flags tell which parts of the version are wildcards or absent."""

    operator: str
    version: Version
    any_minor: bool
    any_patch: bool
    loose: bool


def check(constraint: str, version: str) -> bool:
    """SemverCompare."""
    alternatives = _parse(constraint)
    found = parse(version)
    return any(_all(alternative, found) for alternative in alternatives)


def _all(alternative: tuple[Constraint, ...], version: Version) -> bool:
    prereleases = any(one.version.prerelease for one in alternative)
    if version.prerelease and not prereleases:
        return False
    return all(_CHECKS[one.operator](version, one) for one in alternative)


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[tuple[Constraint, ...], ...]:
    rewritten = _RANGE.sub(lambda found: f">= {found[1]}, <= {found[2]} ", text)
    return tuple(_alternative(part) for part in rewritten.split("||"))


def _alternative(text: str) -> tuple[Constraint, ...]:
    if not _VALID.fullmatch(text):
        raise FunctionError(f"improper constraint: {quote(text)}")
    return tuple(map(_constraint, _FIND.findall(text)))


def _constraint(text: str) -> Constraint:
    found = _ONE.fullmatch(text)
    if not found:
        raise FunctionError(f"improper constraint: {quote(text)}")
    operator, whole, major, minor, patch, prerelease = found.groups()[:6]
    prerelease = prerelease or ""
    any_minor = any_patch = loose = False
    if _wild(major):
        whole, loose = f"0.0.0{prerelease}", True
    elif not minor or _wild(minor[1:]):
        whole, loose, any_minor = f"{major}.0.0{prerelease}", True, True
    elif not patch or _wild(patch[1:]):
        whole, loose, any_patch = f"{major}{minor}.0{prerelease}", True, True
    try:
        version = parse(whole)
    except FunctionError:
        raise FunctionError("constraint parser error") from None
    return Constraint(operator, version, any_minor, any_patch, loose)


def _wild(part: str) -> bool:
    return part in ("x", "X", "*")


def _not_equal(version: Version, one: Constraint) -> bool:
    wanted = one.version
    if not one.loose:
        return version.compare(wanted) != 0
    if wanted.major != version.major or (wanted.minor != version.minor and not one.any_minor):
        return True
    if one.any_minor:
        return False
    if not one.any_patch:
        return wanted.patch != version.patch or version.compare(wanted) != 0
    if version.prerelease or wanted.prerelease:
        return compare_prerelease(version.prerelease, wanted.prerelease) != 0
    return False


def _greater(version: Version, one: Constraint) -> bool:
    wanted = one.version
    if not one.loose:
        return version.compare(wanted) == 1
    if version.major != wanted.major:
        return version.major > wanted.major
    if one.any_minor:
        return False
    if one.any_patch:
        return version.minor > wanted.minor
    return version.compare(wanted) == 1


def _less_or_equal(version: Version, one: Constraint) -> bool:
    wanted = one.version
    if not one.loose:
        return version.compare(wanted) <= 0
    if version.major > wanted.major:
        return False
    return not (version.major == wanted.major and version.minor > wanted.minor and not one.any_minor)


def _tilde(version: Version, one: Constraint) -> bool:
    wanted = one.version
    if version.compare(wanted) < 0:
        return False
    if wanted.major == wanted.minor == wanted.patch == 0 and not one.any_minor and not one.any_patch:
        return True
    return version.major == wanted.major and (version.minor == wanted.minor or one.any_minor)


def _tilde_or_equal(version: Version, one: Constraint) -> bool:
    return _tilde(version, one) if one.loose else version.compare(one.version) == 0


def _caret(version: Version, one: Constraint) -> bool:
    wanted = one.version
    if version.compare(wanted) < 0:
        return False
    if wanted.major > 0 or one.any_minor or version.major > 0:
        return version.major == wanted.major
    if wanted.minor > 0 or one.any_patch or version.minor > 0:
        return version.minor == wanted.minor
    return version.patch == wanted.patch


_CHECKS: Final[dict[str, Callable[[Version, Constraint], bool]]] = {
    "": _tilde_or_equal,
    "=": _tilde_or_equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda version, one: version.compare(one.version) < 0,
    ">=": lambda version, one: version.compare(one.version) >= 0,
    "=>": lambda version, one: version.compare(one.version) >= 0,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
