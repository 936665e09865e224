"""net/url: parsing, and putting a URL together again."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import GoFunc, StrListMap, from_bytes, to_bytes

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_SAFE: Final = {
    "path": frozenset(_UNRESERVED + b"$&+,/:;=@"),
    "segment": frozenset(_UNRESERVED + b"$&+=:@"),
    "host": frozenset(_UNRESERVED + b"!$&'()*+,;=:[]<>\""),
    "userinfo": frozenset(_UNRESERVED + b"$&+,;="),
    "fragment": frozenset(_UNRESERVED + b"$&+,/:;=?@!()*"),
}
_VALID_PATH: Final = re.compile(r"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/]|%[0-9A-Fa-f]{2})*")
_VALID_FRAGMENT: Final = _VALID_PATH
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def escape(text: str, mode: str) -> str:
    safe = _SAFE[mode]
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in to_bytes(text))


def unescape(text: str) -> str:
    bad = re.search(r"%(?![0-9A-Fa-f]{2}).{0,2}", text, re.DOTALL)
    if bad:
        raise FunctionError(f"invalid URL escape {quote(bad[0])}")
    return from_bytes(_PERCENT.sub(lambda found: bytes((int(found[1], 16),)), to_bytes(text)))


@dataclass(frozen=True)
class Userinfo:
    username: str
    password: str | None

    gotype: ClassVar[str] = "*url.Userinfo"

    def gofields(self) -> Iterable[tuple[str, Any]]:
        return ()

    def gostring(self) -> str:
        text = escape(self.username, "userinfo")
        return text if self.password is None else f"{text}:{escape(self.password, 'userinfo')}"


@dataclass(frozen=True, eq=False)
class URL:
    """net/url.URL."""

    scheme: str = ""
    opaque: str = ""
    user: Userinfo | None = None
    host: str = ""
    path: str = ""
    raw_path: str = ""
    force_query: bool = False
    raw_query: str = ""
    fragment: str = ""
    raw_fragment: str = ""

    kind: ClassVar[str] = "ptr"
    gotype: ClassVar[str] = "*url.URL"
    gomethods: ClassVar[Mapping[str, GoFunc]]

    def gofields(self) -> Iterable[tuple[str, Any]]:
        names = [
            "Scheme",
            "Opaque",
            "User",
            "Host",
            "Path",
            "Fragment",
            "RawQuery",
            "RawPath",
            "RawFragment",
            "ForceQuery",
            "OmitHost",
        ]
        values = (
            self.scheme,
            self.opaque,
            self.user,
            self.host,
            self.path,
            self.fragment,
            self.raw_query,
            self.raw_path,
        )
        return zip(names, (*values, self.raw_fragment, self.force_query, False), strict=True)

    def escaped_path(self) -> str:
        if self.raw_path and _VALID_PATH.fullmatch(self.raw_path) and unescape(self.raw_path) == self.path:
            return self.raw_path
        return "*" if self.path == "*" else escape(self.path, "path")

    def escaped_fragment(self) -> str:
        if (
            self.raw_fragment
            and _VALID_FRAGMENT.fullmatch(self.raw_fragment)
            and unescape(self.raw_fragment) == self.fragment
        ):
            return self.raw_fragment
        return escape(self.fragment, "fragment")

    def hostname(self) -> str:
        host = self._without_port()
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    def _without_port(self) -> str:
        colon = self.host.rfind(":")
        return self.host[:colon] if colon >= 0 and re.fullmatch(r":[0-9]*", self.host[colon:]) else self.host

    def port(self) -> str:
        return self.host[len(self._without_port()) :].removeprefix(":")

    def gostring(self) -> str:
        out = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            out += self.opaque
        else:
            out += self._hierarchy()
        if self.force_query or self.raw_query:
            out += "?" + self.raw_query
        return out + ("#" + self.escaped_fragment() if self.fragment else "")

    def _hierarchy(self) -> str:
        out = ""
        if self.scheme or self.host or self.user:
            if self.host or self.path or self.user:
                out += "//"
            if self.user:
                out += self.user.gostring() + "@"
            out += escape(self.host, "host")
        path = self.escaped_path()
        if path and path[0] != "/" and self.host:
            out += "/"
        if not out and not self.scheme and ":" in path.split("/", 1)[0]:
            out += "./"
        return out + path

    def query(self) -> StrListMap:
        found: dict[str, list[str]] = {}
        for pair in self.raw_query.split("&"):
            if not pair or ";" in pair:
                continue
            key, _, value = pair.partition("=")
            try:
                found.setdefault(unescape(key.replace("+", " ")), []).append(unescape(value.replace("+", " ")))
            except FunctionError:
                continue
        return StrListMap(found)


URL.gomethods = {
    "String": GoFunc(URL.gostring),
    "Hostname": GoFunc(URL.hostname),
    "Port": GoFunc(URL.port),
    "Query": GoFunc(URL.query),
    "EscapedPath": GoFunc(URL.escaped_path),
    "EscapedFragment": GoFunc(URL.escaped_fragment),
    "RequestURI": GoFunc(
        lambda url: (
            (url.opaque or url.escaped_path() or "/")
            + ("?" + url.raw_query if url.force_query or url.raw_query else "")
        )
    ),
    "IsAbs": GoFunc(lambda url: bool(url.scheme)),
}


def parse(text: str) -> URL:
    """url.Parse; FunctionError with Go's text, which names the URL."""
    try:
        return _parse(text)
    except FunctionError as error:
        raise FunctionError(f"parse {quote(text)}: {error}") from None


def _parse(text: str) -> URL:
    if any(char < " " or char == "\x7f" for char in text):
        raise FunctionError("net/url: invalid control character in URL")
    rest, _, raw_fragment = text.partition("#")
    scheme, rest = _scheme(rest)
    force_query = rest.endswith("?") and rest.count("?") == 1
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            opaque = URL(scheme=scheme, opaque=rest, force_query=force_query, raw_query=query)
            return _with_fragment(opaque, raw_fragment)
        if ":" in rest.split("/", 1)[0]:
            raise FunctionError("first path segment in URL cannot contain colon")
    user, host = None, ""
    if (scheme or not rest.startswith("///")) and rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        user, host = _authority(authority)
    path = unescape(rest)
    raw_path = "" if escape(path, "path") == rest else rest
    return _with_fragment(URL(scheme, "", user, host, path, raw_path, force_query, query), raw_fragment)


def _with_fragment(url: URL, raw: str) -> URL:
    text = unescape(raw)
    return replace(url, fragment=text, raw_fragment="" if escape(text, "fragment") == raw else raw)


def _scheme(text: str) -> tuple[str, str]:
    if text.startswith(":"):
        raise FunctionError("missing protocol scheme")
    found = _SCHEME.match(text)
    return (found[1].lower(), text[found.end() :]) if found else ("", text)


def _authority(text: str) -> tuple[Userinfo | None, str]:
    info, at, host = text.rpartition("@")
    host = _host(host)
    if not at:
        return None, host
    if not re.fullmatch(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", info):
        raise FunctionError("net/url: invalid userinfo")
    name, colon, password = info.partition(":")
    return Userinfo(unescape(name), unescape(password) if colon else None), host


def _host(text: str) -> str:
    if text.startswith("["):
        end = text.rfind("]")
        if end < 0:
            raise FunctionError("missing ']' in host")
        tail = text[end + 1 :]
    else:
        colon = text.rfind(":")
        tail = text[colon:] if colon >= 0 else ""
    if tail and not re.fullmatch(r":[0-9]*", tail):
        raise FunctionError(f"invalid port {quote(tail)} after host")
    bad = re.search(r"[ {}|\\^`]", text)
    if bad:
        raise FunctionError(f"invalid character {quote(bad[0])} in host name")
    return unescape(text)
