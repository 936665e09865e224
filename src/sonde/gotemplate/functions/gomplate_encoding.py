"""gomplate: the namespaces regexp, base64, crypto, path and filepath."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import encoding, goregexp, paths
from sonde.gotemplate.functions.casts import conv_int, conv_string
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.sprig_regex import must_compile
from sonde.gotemplate.values import GoFunc, Namespace, NilStrList, StrList, from_bytes, to_bytes

EXPERIMENTAL: Final = "experimental function, but experimental mode not enabled"
_HASHES: Final = {
    "SHA1": "sha1",
    "SHA224": "sha224",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
    "SHA512_224": "sha512_224",
    "SHA512_256": "sha512_256",
}


def raw_bytes(value: Any) -> bytes:
    """Gomplate's toBytes."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else to_bytes(conv_string(value))


def _pattern_count_text(args: tuple[Any, ...]) -> tuple[str, int, str]:
    if len(args) not in (2, 3):
        raise FunctionError(f"wrong number of args: want 2 or 3, got {len(args)}")
    return conv_string(args[0]), conv_int(args[1]) if len(args) == 3 else -1, conv_string(args[-1])


def _find_all(*args: Any) -> StrList:
    pattern, count, text = _pattern_count_text(args)
    return StrList(goregexp.find_all(pattern, text, count)) or NilStrList()


def _split(*args: Any) -> StrList:
    pattern, count, text = _pattern_count_text(args)
    parts = goregexp.split(pattern, text, count)
    return NilStrList() if parts is None else StrList(parts)


def _replace(pattern: Any, replacement: Any, text: Any, *, literal: bool) -> str:
    if not literal:
        must_compile(conv_string(pattern))
    return goregexp.replace_all(conv_string(pattern), conv_string(text), conv_string(replacement), literal=literal)


def _match(pattern: Any, text: Any) -> bool:
    must_compile(conv_string(pattern))
    return goregexp.matches(conv_string(pattern), conv_string(text))


def _regexp() -> dict[str, GoFunc]:
    three = ("any", "any", "any")
    return {
        "Find": GoFunc(lambda pattern, text: goregexp.find(conv_string(pattern), conv_string(text)), "any", "any"),
        "FindAll": GoFunc(_find_all, "...any"),
        "Match": GoFunc(_match, "any", "any"),
        "QuoteMeta": GoFunc(lambda text: goregexp.quote_meta(conv_string(text)), "any"),
        "Replace": GoFunc(lambda *args: _replace(*args, literal=False), *three),
        "ReplaceLiteral": GoFunc(lambda *args: _replace(*args, literal=True), *three),
        "Split": GoFunc(_split, "...any"),
    }


def _decode(value: Any) -> bytes:
    """Standard alphabet first, then the URL-safe one, whose complaint counts."""
    text = conv_string(value)
    try:
        return encoding.decode64(text)
    except FunctionError:
        swapped = str.maketrans("-_+/", "+/\x00\x00")
        return encoding.decode64(text.translate(swapped))


def _base64() -> dict[str, GoFunc]:
    return {
        "Encode": GoFunc(lambda value: encoding.encode64(raw_bytes(value)), "any"),
        "Decode": GoFunc(lambda value: from_bytes(_decode(value)), "any"),
        "DecodeBytes": GoFunc(_decode, "any"),
    }


def _sum(name: str, value: Any) -> bytes:
    return hashlib.new(name, raw_bytes(value), usedforsecurity=False).digest()


def _hasher(name: str) -> tuple[Callable[[Any], str], Callable[[Any], bytes]]:
    return (lambda value: _sum(name, value).hex()), (lambda value: _sum(name, value))


def _hash_name(name: str) -> str:
    plain = name.replace("SHA-", "SHA").replace("/", "_")
    if plain not in _HASHES:
        raise FunctionError(f"no such hash {name}")
    return _HASHES[plain]


def pbkdf2(password: Any, salt: Any, rounds: Any, length: Any, *name: str) -> str:
    function = _hash_name(name[0]) if name else "sha1"
    count, size = max(conv_int(rounds), 1), conv_int(length)
    if size <= 0:
        return "00"
    return hashlib.pbkdf2_hmac(function, raw_bytes(password), raw_bytes(salt), count, size).hex()


def _refused(reason: str) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise FunctionError(reason)

    return refuse


def _crypto() -> dict[str, GoFunc]:
    members = {
        "PBKDF2": GoFunc(pbkdf2, "any", "any", "any", "any", "...string"),
        "WPAPSK": GoFunc(lambda ssid, password: pbkdf2(password, ssid, 4096, 32), "any", "any"),
        "Bcrypt": GoFunc(_refused("Bcrypt is not available here"), "...any"),
    }
    for name, function in _HASHES.items():
        text, data = _hasher(function)
        members |= {name: GoFunc(text, "any"), f"{name}Bytes": GoFunc(data, "any")}
    for name in ("RSAGenerateKey", "ECDSAGenerateKey"):
        members[name] = GoFunc(_refused(EXPERIMENTAL), "...any")
    for name in ("RSADerivePublicKey", "ECDSADerivePublicKey"):
        members[name] = GoFunc(_refused(EXPERIMENTAL), "string")
    for name in ("EncryptAES", "DecryptAES", "DecryptAESBytes"):
        members[name] = GoFunc(_refused(EXPERIMENTAL), "string", "...any")
    members["RSAEncrypt"] = GoFunc(_refused(EXPERIMENTAL), "string", "any")
    for name in ("RSADecrypt", "RSADecryptBytes"):
        members[name] = GoFunc(_refused(EXPERIMENTAL), "string", "[]uint8")
    return members


def _path() -> dict[str, GoFunc]:
    one: dict[str, Callable[[str], Any]] = {
        "Base": paths.base,
        "Clean": paths.clean,
        "Dir": paths.directory,
        "Ext": paths.extension,
        "IsAbs": lambda path: path.startswith("/"),
        "Split": lambda path: StrList(paths.split(path)),
    }
    members = {name: GoFunc(_on_text(call), "any") for name, call in one.items()}
    return members | {
        "Join": GoFunc(lambda *parts: paths.join(*map(conv_string, parts)), "...any"),
        "Match": GoFunc(lambda pattern, name: paths.match(conv_string(pattern), conv_string(name)), "any", "any"),
    }


def _on_text(call: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: call(conv_string(value))


def _filepath() -> dict[str, GoFunc]:
    return _path() | {
        "FromSlash": GoFunc(conv_string, "any"),
        "ToSlash": GoFunc(conv_string, "any"),
        "VolumeName": GoFunc(lambda _: "", "any"),
        "Rel": GoFunc(lambda start, target: paths.relative(conv_string(start), conv_string(target)), "any", "any"),
    }


def table(host: Host) -> Mapping[str, Any]:  # noqa: ARG001  one signature for all libraries
    """The functions of this library by name."""
    return {
        "regexp": Namespace("re", _regexp()),
        "base64": Namespace("base64", _base64()),
        "crypto": Namespace("crypto", _crypto()),
        "path": Namespace("path", _path()),
        "filepath": Namespace("filePath", _filepath()),
    }
