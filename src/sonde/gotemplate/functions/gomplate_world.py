"""gomplate: the namespaces that reach environment, files, chance and network. The network is closed."""

import os
import re
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.casts import conv_float, conv_int, conv_string
from sonde.gotemplate.functions.gomplate_conv import interface_slice
from sonde.gotemplate.functions.gomplate_encoding import EXPERIMENTAL
from sonde.gotemplate.functions.goregexp import compile_pattern
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.sprig_crypto import uuid4
from sonde.gotemplate.values import GoFunc, Int64, Namespace, StrList, from_bytes, to_bytes

_DEFAULT_SET: Final = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_UUID: Final = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?", re.IGNORECASE
)


def getenv(host: Host, key: Any, *default: str) -> str:
    """A variable; if it is empty, the content of the file that KEY_FILE names, then the default."""
    env, name = host.environment(), conv_string(key)
    value = env.get(name, "")
    if not value and env.get(f"{name}_FILE"):
        try:
            value = _path(host, env[f"{name}_FILE"]).read_text("utf-8", "surrogateescape").strip()
        except OSError:
            value = ""
    return value or (default[0] if default else "")


def expand_env(host: Host, value: Any) -> str:
    pattern = r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#$@!?\-0-9]))"
    return re.sub(
        pattern, lambda found: getenv(host, found[1] if found[1] is not None else found[2]), conv_string(value)
    )


def _path(host: Host, value: Any) -> Path:
    return host.folder() / conv_string(value)


def _opened(call: Callable[[Path], Any], host: Host, value: Any) -> Any:
    """A file operation, with Go's text if it fails."""
    try:
        return call(_path(host, value))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FunctionError(f"open {conv_string(value)}: {reason}") from None


def _write(host: Host, path: Any, data: Any) -> str:
    """Only below the base folder, as gomplate refuses to write elsewhere."""
    target = _path(host, path).resolve()
    if not target.is_relative_to(host.folder().resolve()):
        raise FunctionError(f"failed to open {conv_string(path)}: path is outside of the base folder")

    def write(found: Path) -> str:
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_bytes(data if isinstance(data, bytes) else to_bytes(conv_string(data)))
        return ""

    return str(_opened(write, host, path))


def _walk(host: Host, value: Any) -> StrList:
    start = conv_string(value)
    found = [start]
    for root, folders, files in os.walk(_path(host, start)):
        folders.sort()
        inner = Path(root).relative_to(_path(host, start))
        found += [str(Path(start) / inner / name) for name in (*folders, *files)]
    return StrList(sorted(found))


def _file(host: Host) -> dict[str, GoFunc]:
    one: dict[str, Callable[[Any], Any]] = {
        "Read": lambda path: _opened(lambda found: from_bytes(found.read_bytes()), host, path),
        "Exists": lambda path: _path(host, path).exists(),
        "IsDir": lambda path: _path(host, path).is_dir(),
        "ReadDir": lambda path: _opened(
            lambda found: StrList(sorted(item.name for item in found.iterdir())), host, path
        ),
        "Walk": lambda path: _walk(host, path),
    }
    members = {name: GoFunc(call, "any") for name, call in one.items()}
    return members | {"Write": GoFunc(lambda path, data: _write(host, path, data), "any", "any")}


def _text_of(host: Host, count: int, alphabet: str) -> str:
    chance = host.chance()
    return "".join(chance.choice(alphabet) for _ in range(count))


def _between(low: int, high: int) -> str:
    if high - low > 0x11000:
        high = low + 0x11000
    found = "".join(chr(code) for code in range(max(low, 0), high + 1) if chr(code).isprintable())
    if not found:
        raise FunctionError(f"no printable codepoints found between U{low:#x} and U{high:#x}")
    return found


def _random_string(host: Host, count: Any, *bounds: Any) -> str:
    size = conv_int(count)
    if size == 0:
        raise FunctionError("count must be greater than 0")
    if len(bounds) == 2:
        ends = [ord(bound) if isinstance(bound, str) and len(bound) == 1 else conv_int(bound) for bound in bounds]
        return _text_of(host, size, _between(*ends))
    pattern = conv_string(bounds[0]) if len(bounds) == 1 else ""
    if not pattern:
        return _text_of(host, size, _DEFAULT_SET)
    matching = compile_pattern(pattern)
    return _text_of(host, size, "".join(char for char in _between(0, 0xFFFF) if matching.search(char)))


def _item(host: Host, value: Any) -> Any:
    items = interface_slice(value)
    if not items:
        raise FunctionError("expected a non-empty array or slice")
    return items[0] if len(items) == 1 else host.chance().choice(items)


def _number(host: Host, *bounds: Any) -> Int64:
    low, high = 0, 100
    if len(bounds) == 1:
        high = conv_int(bounds[0])
    elif len(bounds) == 2:
        low, high = map(conv_int, bounds)
    if low > high:
        raise FunctionError(f"min must not be greater than max (was {low}, {high})")
    return Int64(host.chance().randint(low, high))


def _float(host: Host, *bounds: Any) -> float:
    low, high = 0.0, 1.0
    if len(bounds) == 1:
        high = conv_float(bounds[0])
    elif len(bounds) == 2:
        low, high = map(conv_float, bounds)
    return low + host.chance().random() * (high - low)


def _random(host: Host) -> dict[str, GoFunc]:
    return {
        "ASCII": GoFunc(lambda count: _text_of(host, conv_int(count), _between(32, 126)), "any"),
        "Alpha": GoFunc(lambda count: _text_of(host, conv_int(count), string.ascii_letters), "any"),
        "AlphaNum": GoFunc(lambda count: _text_of(host, conv_int(count), string.ascii_letters + string.digits), "any"),
        "String": GoFunc(lambda count, *bounds: _random_string(host, count, *bounds), "any", "...any"),
        "Item": GoFunc(lambda value: _item(host, value), "any"),
        "Number": GoFunc(lambda *bounds: _number(host, *bounds), "...any"),
        "Float": GoFunc(lambda *bounds: _float(host, *bounds), "...any"),
    }


def _uuid_parse(value: Any) -> str:
    text = conv_string(value)
    found = _UUID.fullmatch(text)
    if not found:
        raise FunctionError(
            f"invalid UUID length: {len(text)}" if len(text) not in (32, 36, 38, 45) else "invalid UUID format"
        )
    return "-".join(found.groups()).lower()


def _uuid1(host: Host) -> str:
    """A time-based UUID with a random node."""
    ticks = int(host.clock().timestamp() * 10**7) + 0x01B21DD213814000
    chance = host.chance()
    clock, node = chance.getrandbits(14) | 0x8000, chance.getrandbits(48) | (1 << 40)
    return f"{ticks & 0xFFFFFFFF:08x}-{ticks >> 32 & 0xFFFF:04x}-{ticks >> 48 & 0x0FFF | 0x1000:04x}-{clock:04x}-{node:012x}"


def _uuid(host: Host) -> dict[str, GoFunc]:
    return {
        "V1": GoFunc(lambda: _uuid1(host)),
        "V4": GoFunc(lambda: uuid4(host)),
        "Nil": GoFunc(lambda: "00000000-0000-0000-0000-000000000000"),
        "IsValid": GoFunc(lambda value: _UUID.fullmatch(conv_string(value)) is not None, "any"),
        "Parse": GoFunc(_uuid_parse, "any"),
    }


def _refusing(reason: str, names: Mapping[str, str]) -> dict[str, GoFunc]:
    def refuse(*_: Any) -> Any:
        raise FunctionError(reason)

    return {name: GoFunc(refuse, *params.split()) for name, params in names.items()}


_NO_NETWORK: Final = "templates have no access to the network here"
_LOOKUPS: Final = dict.fromkeys(("LookupIP", "LookupIPs", "LookupCNAME", "LookupSRV", "LookupSRVs", "LookupTXT"), "any")
_CIDR: Final = {"CIDRHost": "any any", "CIDRNetmask": "any", "CIDRSubnets": "any any", "CIDRSubnetSizes": "...any"}
_PARSERS: Final = dict.fromkeys(("ParseIP", "ParseIPPrefix", "ParseIPRange"), "any")
_SOCKADDR: Final = {
    **dict.fromkeys(("GetAllInterfaces", "GetDefaultInterfaces", "GetPrivateInterfaces", "GetPublicInterfaces"), ""),
    **dict.fromkeys(("GetPrivateIP", "GetPrivateIPs", "GetPublicIP", "GetPublicIPs"), ""),
    **dict.fromkeys(("GetInterfaceIP", "GetInterfaceIPs"), "string"),
}
_EC2: Final = {
    "EC2Meta": "string ...string",
    "EC2Dynamic": "string ...string",
    "EC2Tag": "string ...string",
    "EC2Tags": "",
    "EC2Region": "...string",
}
_AWS: Final = {**_EC2, "KMSEncrypt": "any any", "KMSDecrypt": "any", "UserID": "", "Account": "", "ARN": ""}


def table(host: Host) -> Mapping[str, Any]:
    """The functions of this library by name."""
    env = {
        "Getenv": GoFunc(lambda key, *default: getenv(host, key, *default), "any", "...string"),
        "ExpandEnv": GoFunc(lambda value: expand_env(host, value), "any"),
    }
    aws = _refusing(_NO_NETWORK, _AWS)
    net = _refusing(_NO_NETWORK, {**_LOOKUPS, **_PARSERS}) | _refusing(EXPERIMENTAL, _CIDR)
    functions: dict[str, Any] = {name.lower(): aws[name] for name in _EC2}
    return functions | {
        "env": Namespace("env", env),
        "getenv": env["Getenv"],
        "file": Namespace("file", _file(host)),
        "random": Namespace("random", _random(host)),
        "uuid": Namespace("uuid", _uuid(host)),
        "net": Namespace("net", net),
        "sockaddr": Namespace("sockaddr", _refusing(_NO_NETWORK, _SOCKADDR)),
        "aws": Namespace("aws", aws),
        "gcp": Namespace("gcp", _refusing(_NO_NETWORK, {"Meta": "string ...string"})),
    }
