"""Go's path and path/filepath on Unix: lexical work on slash-separated paths."""

import re

from sonde.gotemplate.errors import FunctionError


def clean(path: str) -> str:
    """path.Clean."""
    rooted = path.startswith("/")
    out: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and out and out[-1] != "..":
            out.pop()
        elif part != ".." or not rooted:
            out.append(part)
    joined = "/".join(out)
    return "/" + joined if rooted else joined or "."


def base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def directory(path: str) -> str:
    return clean(path[: path.rfind("/") + 1])


def extension(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


def join(*parts: str) -> str:
    given = [part for part in parts if part]
    return clean("/".join(given)) if given else ""


def split(path: str) -> list[str]:
    cut = path.rfind("/") + 1
    return [path[:cut], path[cut:]]


def relative(start: str, target: str) -> str:
    """filepath.Rel."""
    here, there = clean(start), clean(target)
    if here == there:
        return "."
    here = "" if here == "." else here
    if here.startswith("/") != there.startswith("/"):
        raise FunctionError(f"Rel: can't make {target} relative to {start}")
    mine, theirs = [p for p in here.split("/") if p], [p for p in there.split("/") if p]
    common = 0
    while common < min(len(mine), len(theirs)) and mine[common] == theirs[common]:
        common += 1
    if ".." in mine[common:]:
        raise FunctionError(f"Rel: can't make {target} relative to {start}")
    rest = [] if theirs == ["."] else theirs[common:]
    return "/".join([".."] * (len(mine) - common) + rest) or "."


def match(pattern: str, name: str) -> bool:
    """path.Match: * and ? stay within a path element."""
    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
            continue
        if char == "\\":
            at += 1
            if at >= len(pattern):
                raise FunctionError("syntax error in pattern")
            char = pattern[at]
            out.append(re.escape(char))
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return re.fullmatch("".join(out), name, re.DOTALL) is not None


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A character class as a regular expression, and where it ends; ranges that run backwards match nothing."""
    at += 1
    negated = pattern.startswith("^", at)
    at += negated
    members: list[str] = []
    while not (members and pattern.startswith("]", at)):
        low, at = _member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _member(pattern, at + 1)
        members.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    body = "".join(members)
    if not body:
        return ("[^/]" if negated else r"[^\s\S]"), at + 1
    return f"(?!/)[{'^' if negated else ''}{body}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\", at):
        at += 1
    elif pattern[at : at + 1] in ("-", "]"):
        raise FunctionError("syntax error in pattern")
    if at + 1 >= len(pattern):
        raise FunctionError("syntax error in pattern")
    return pattern[at], at + 1
