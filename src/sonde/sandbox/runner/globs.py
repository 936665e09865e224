"""Filter patterns of `branches` and `paths` (GitHub docs, "Workflow syntax", Filter pattern cheat sheet)."""

import re
from collections.abc import Sequence
from functools import lru_cache

GLOB = re.compile(r"\\(.)|(\*\*/)|(\*\*)|(\*)|([?+])|(\[[^\]]*\])|(.)", re.DOTALL)


@lru_cache(maxsize=512)
def glob(pattern: str) -> re.Pattern[str]:
    """GitHub's filter pattern: `*` stops at a slash, `**` does not, `?` and `+` repeat the character before, `[a-z]`.

    re.error if the pattern is none, e.g. it begins with `+`.
    """

    def translated(match: re.Match[str]) -> str:
        escaped, folders, anything, segment, repeat, choice, literal = match.groups()
        if repeat or choice:
            return str(match[0])
        if folders:
            return "(?:.*/)?"
        return ".*" if anything else "[^/]*" if segment else re.escape(escaped or literal)

    return re.compile(GLOB.sub(translated, pattern), re.DOTALL)


def included(name: str, patterns: Sequence[str]) -> bool:
    """The last pattern that matches decides; `!pattern` takes away what an earlier one took in."""
    inside = False
    for pattern in patterns:
        if glob(pattern.removeprefix("!")).fullmatch(name):
            inside = not pattern.startswith("!")
    return inside
