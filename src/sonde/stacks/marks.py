"""Which parts of a value hold templates or YAML functions, so that the rest is never walked again.

Parsed maps and lists live as long as the process and are shared by every stack; each is looked at once and its marks
are kept under its identity. What a merge makes anew is not known here and is walked down to the parts that are.
"""

from typing import Any

TEMPLATE, FUNCTION = 1, 2
BOTH = TEMPLATE | FUNCTION
_known: dict[int, tuple[Any, int]] = {}  # holds the object, so that its identity cannot be used again


def mark(value: Any) -> int:
    """Look at a parsed value and remember the marks of all its maps and lists."""
    if isinstance(value, str):
        return of_text(value)
    if not isinstance(value, dict | list):
        return 0
    found = 0
    if isinstance(value, dict):
        for key, item in value.items():
            found |= mark(item)
            if "{{" in key:
                found |= TEMPLATE
    else:
        for item in value:
            found |= mark(item)
    _known[id(value)] = (value, found)
    return found


def of_text(text: str) -> int:
    return ((("{{" in text) or ("}}" in text)) and TEMPLATE) | (text[:1] == "!" and FUNCTION)


def free_of(value: Any, wanted: int) -> bool:
    """Whether a map or list is known to hold nothing of the kind; False also where that is not known."""
    if not value:
        return True
    known = _known.get(id(value))
    return known is not None and not known[1] & wanted


def is_shared(value: Any) -> bool:
    """Whether a map or list was parsed from a file, so that many stacks hold this very object."""
    return id(value) in _known


def of(value: Any) -> int:
    """The marks of any value, known or newly merged."""
    kind = type(value)
    if kind is str:
        return of_text(value)
    if kind is not dict and kind is not list:
        return 0
    known = _known.get(id(value))
    if known is not None:
        return known[1]
    found = 0
    for item in value.values() if kind is dict else value:
        found |= of(item)
        if found == BOTH:
            break
    if kind is dict and not found & TEMPLATE and any("{{" in key for key in value):
        found |= TEMPLATE
    return found
