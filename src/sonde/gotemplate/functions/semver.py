"""Semantic versions and constraints: Masterminds/semver v3."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import GoFunc, Uint64

_IDENTIFIERS: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION: Final = re.compile(
    rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII
)
_MAX: Final = 2**64 - 1


@dataclass(frozen=True, eq=False)
class Version:
    """A version; missing minor and patch are 0."""

    major: int
    minor: int
    patch: int
    prerelease: str
    metadata: str
    original: str

    kind: ClassVar[str] = "ptr"
    gotype: ClassVar[str] = "*semver.Version"
    gomethods: ClassVar[Mapping[str, GoFunc]]

    def gostring(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return (
            text + (f"-{self.prerelease}" if self.prerelease else "") + (f"+{self.metadata}" if self.metadata else "")
        )

    gojson = gostring

    def compare(self, other: "Version") -> int:
        mine, theirs = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if mine != theirs:
            return 1 if mine > theirs else -1
        if self.prerelease == other.prerelease:
            return 0
        if not self.prerelease or not other.prerelease:
            return -1 if self.prerelease else 1
        return compare_prerelease(self.prerelease, other.prerelease)

    def raised(self, part: str) -> "Version":
        """IncMajor, IncMinor, IncPatch; a prerelease only loses its mark under IncPatch."""
        major, minor, patch = self.major, self.minor, self.patch
        if part == "major":
            major, minor, patch = major + 1, 0, 0
        elif part == "minor":
            minor, patch = minor + 1, 0
        elif not self.prerelease:
            patch += 1
        return self._renamed(replace(self, major=major, minor=minor, patch=patch, prerelease="", metadata=""))

    def _renamed(self, changed: "Version") -> "Version":
        mark = "v" if self.original.startswith("v") else ""
        return replace(changed, original=mark + changed.gostring())

    def with_prerelease(self, text: str) -> "Version":
        _validate(text, numbers=True)
        return self._renamed(replace(self, prerelease=text))

    def with_metadata(self, text: str) -> "Version":
        _validate(text, numbers=False)
        return self._renamed(replace(self, metadata=text))


def _validate(text: str, *, numbers: bool) -> None:
    for part in text.split(".") if text else ():
        if not re.fullmatch(r"[0-9A-Za-z-]*", part):
            raise FunctionError("invalid prerelease string" if numbers else "invalid metadata string")
        if numbers and len(part) > 1 and part[0] == "0" and part.isdecimal():
            raise FunctionError("version segment starts with 0")


def parse(text: str) -> Version:
    """semver.NewVersion: tolerates a leading v and missing parts; FunctionError with its text."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise FunctionError("invalid semantic version")
    major, minor, patch = (int(part or 0) for part in found.groups()[:3])
    for number in (major, minor, patch):
        if number > _MAX:
            raise FunctionError(
                f'error parsing version segment: strconv.ParseUint: parsing "{number}": value out of range'
            )
    _validate(found[4] or "", numbers=True)
    return Version(major, minor, patch, found[4] or "", found[5] or "", text)


def compare_prerelease(first: str, second: str) -> int:
    """Identifier by identifier: numbers numerically and below words, the shorter one first."""
    one, two = first.split("."), second.split(".")
    for number in range(max(len(one), len(two))):
        left = one[number] if number < len(one) else ""
        right = two[number] if number < len(two) else ""
        if left != right:
            return _compare_identifier(left, right)
    return 0


def _compare_identifier(left: str, right: str) -> int:
    if not left or not right:
        return 1 if left else -1
    if left.isdecimal() and right.isdecimal():
        return 1 if int(left) > int(right) else -1
    if left.isdecimal() != right.isdecimal():
        return -1 if left.isdecimal() else 1
    return 1 if left > right else -1


def _method(call: Callable[..., object], *params: str) -> GoFunc:
    return GoFunc(call, *params)


_OTHER: Final = "*semver.Version"
Version.gomethods = {
    "Major": _method(lambda v: Uint64(v.major)),
    "Minor": _method(lambda v: Uint64(v.minor)),
    "Patch": _method(lambda v: Uint64(v.patch)),
    "Prerelease": _method(lambda v: v.prerelease),
    "Metadata": _method(lambda v: v.metadata),
    "Original": _method(lambda v: v.original),
    "String": _method(Version.gostring),
    "Compare": _method(Version.compare, _OTHER),
    "Equal": _method(lambda v, other: v.compare(other) == 0, _OTHER),
    "LessThan": _method(lambda v, other: v.compare(other) < 0, _OTHER),
    "LessThanEqual": _method(lambda v, other: v.compare(other) <= 0, _OTHER),
    "GreaterThan": _method(lambda v, other: v.compare(other) > 0, _OTHER),
    "GreaterThanEqual": _method(lambda v, other: v.compare(other) >= 0, _OTHER),
    "IncMajor": _method(lambda v: v.raised("major")),
    "IncMinor": _method(lambda v: v.raised("minor")),
    "IncPatch": _method(lambda v: v.raised("patch")),
    "SetPrerelease": _method(Version.with_prerelease, "string"),
    "SetMetadata": _method(Version.with_metadata, "string"),
}
