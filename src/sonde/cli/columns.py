"""Text for a terminal: columns that are aligned, and nothing in them that a terminal would obey."""

import unicodedata
from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest cell. All lines have as many cells."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def printable(text: str) -> str:
    """A text that others wrote, such as a lock's message, on one line and without control characters."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in text)
