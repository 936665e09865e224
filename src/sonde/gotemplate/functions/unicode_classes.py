"""Unicode general categories and a few scripts as ranges for a character class."""

import unicodedata
from functools import lru_cache
from typing import Final

_SCRIPTS: Final = {
    "Latin": "LATIN",
    "Greek": "GREEK",
    "Cyrillic": "CYRILLIC",
    "Han": "CJK",
    "Hiragana": "HIRAGANA",
    "Katakana": "KATAKANA",
    "Arabic": "ARABIC",
    "Hebrew": "HEBREW",
    "Thai": "THAI",
    "Hangul": "HANGUL",
    "Armenian": "ARMENIAN",
    "Devanagari": "DEVANAGARI",
}
_CATEGORIES: Final = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
    ]
)


@lru_cache(maxsize=64)
def category_ranges(name: str, *, negated: bool) -> str | None:
    """The inside of a character class for a name as in p{name}; None for a name that is unknown."""
    if name == "Any":
        return r"\x00-\U0010ffff" if not negated else None
    prefix = _SCRIPTS.get(name)
    if name not in _CATEGORIES and prefix is None:
        return None

    def belongs(char: str) -> bool:
        if prefix is not None:
            return unicodedata.category(char)[0] == "L" and unicodedata.name(char, "").startswith(prefix)
        found = unicodedata.category(char)
        return found.startswith(name) and found != "Cn"

    return _ranges([belongs(chr(code)) != negated for code in range(0x110000)])


def _ranges(members: list[bool]) -> str:
    parts, start = [], None
    for code, member in enumerate([*members, False]):
        if member and start is None:
            start = code
        elif not member and start is not None:
            parts.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(parts)
