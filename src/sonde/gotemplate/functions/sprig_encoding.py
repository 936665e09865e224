"""sprig: encodings, hashes, paths, URLs and the environment."""

import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import encoding, gourl, paths
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, kind_name, to_bytes


def _or_complaint(decode: Callable[[str], bytes]) -> Callable[[str], str]:
    """Sprig answers the decoder's complaint as if it were the text."""

    def attempt(text: str) -> str:
        try:
            return decode(text).decode("utf-8", "surrogateescape")
        except FunctionError as error:
            return str(error)

    return attempt


def _hashed(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, to_bytes(text), usedforsecurity=False).hexdigest()


def url_parse(text: str) -> dict[str, Any]:
    try:
        url = gourl.parse(text)
    except FunctionError as error:
        raise FunctionError(f"unable to parse url: {error}") from None
    return {
        "scheme": url.scheme,
        "host": url.host,
        "hostname": url.hostname(),
        "path": url.path,
        "query": url.raw_query,
        "opaque": url.opaque,
        "fragment": url.fragment,
        "userinfo": url.user.gostring() if url.user else "",
    }


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key, "")
    if not isinstance(value, str):
        raise FunctionError(f"unable to parse {key} key, must be of type string, but {kind_name(value)} found")
    return value


def url_join(mapping: dict[str, Any]) -> str:
    parts = [_text(mapping, key) for key in ("scheme", "host", "path", "query", "opaque", "fragment")]
    scheme, host, path, query, opaque, fragment = parts
    info = _text(mapping, "userinfo")
    user = gourl.parse(f"proto://{info}@host").user if info else None
    return gourl.URL(
        scheme=scheme, host=host, path=path, raw_query=query, opaque=opaque, fragment=fragment, user=user
    ).gostring()


def expand_env(host: Host, text: str) -> str:
    """os.ExpandEnv: $name and ${name}; what is not set is empty."""
    env = host.environment()
    pattern = r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#$@!?\-0-9]))"
    return re.sub(pattern, lambda found: env.get(found[1] if found[1] is not None else found[2], ""), text)


def table(host: Host) -> Mapping[str, GoFunc]:
    """The functions of this library by name."""
    one: dict[str, Callable[..., Any]] = {
        "b64enc": lambda text: encoding.encode64(to_bytes(text)),
        "b64dec": _or_complaint(encoding.decode64),
        "b32enc": lambda text: encoding.encode32(to_bytes(text)),
        "b32dec": _or_complaint(encoding.decode32),
        "sha1sum": _hashed("sha1"),
        "sha256sum": _hashed("sha256"),
        "sha512sum": _hashed("sha512"),
        "adler32sum": lambda text: str(zlib.adler32(to_bytes(text))),
        "base": paths.base,
        "dir": paths.directory,
        "clean": paths.clean,
        "ext": paths.extension,
        "isAbs": lambda path: path.startswith("/"),
        "env": lambda name: host.environment().get(name, ""),
        "expandenv": lambda text: expand_env(host, text),
        "urlParse": url_parse,
    }
    functions = {name: GoFunc(call, "string") for name, call in one.items()}
    functions |= {
        f"os{name[0].upper()}{name[1:]}": functions[name] for name in ("base", "dir", "clean", "ext", "isAbs")
    }
    return functions | {"urlJoin": GoFunc(url_join, "map"), "getHostByName": GoFunc(_no_network, "string")}


def _no_network(name: str) -> str:
    raise FunctionError(f"lookup {name}: templates have no access to the network here")
