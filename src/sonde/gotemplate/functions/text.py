"""String work that sprig and gomplate share: Go's strings package and goutils."""

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import from_bytes, to_bytes


def split_n(text: str, separator: str, count: int) -> list[str]:
    """strings.SplitN: at most `count` parts, all if it is negative, none if it is 0; an empty separator splits characters."""
    if count == 0:
        return []
    if separator:
        return text.split(separator, count - 1 if count > 0 else -1)
    if 0 < count < len(text):
        return [*text[: count - 1], text[count - 1 :]]
    return list(text)


def trim(text: str, cutset: str) -> str:
    """strings.Trim; an empty cutset trims nothing."""
    return text.strip(cutset) if cutset else text


def wrap(text: str, width: int, mark: str, *, long_words: bool) -> str:
    """goutils.WrapCustom: words wrapped at a column, counted in bytes."""
    data, newline = to_bytes(text), to_bytes(mark or "\n")
    width = max(width, 1)
    out, offset = bytearray(), 0
    while len(data) - offset > width:
        if data[offset] == 0x20:
            offset += 1
            continue
        end = width + offset
        space = data.rfind(b" ", offset, end + 1)
        if space < 0 and long_words:
            out += data[offset:end] + newline
            offset = end
            continue
        if space < 0:
            space = data.find(b" ", end)
        if space < 0:
            out += data[offset:]
            offset = len(data)
            continue
        out += data[offset:space] + newline
        offset = space + 1
    return from_bytes(bytes(out + data[offset:]))


def abbreviate(text: str, offset: int, width: int) -> str:
    """goutils.AbbreviateFull: an ellipsis at the end, and in front when the part starts beyond offset 4."""
    data = to_bytes(text)
    if not data:
        return ""
    if width < 4:
        raise FunctionError("stringutils illegal argument: Minimum abbreviation width is 4")
    if len(data) <= width:
        return text
    offset = min(offset, len(data))
    if len(data) - offset < width - 3:
        offset = len(data) - (width - 3)
    if offset <= 4:
        return from_bytes(data[: width - 3]) + "..."
    if width < 7:
        raise FunctionError("stringutils illegal argument: Minimum abbreviation width with offset is 7")
    if offset + width - 3 < len(data):
        return "..." + abbreviate(from_bytes(data[offset:]), 0, width - 3)
    return "..." + from_bytes(data[len(data) - (width - 3) :])
