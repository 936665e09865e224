"""sprig: random texts, passwords, and the cryptography that the standard library can do."""

import hashlib
import hmac
import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import encoding
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import GoFunc, to_bytes

_SEED: Final = b"com.lyndir.masterpassword"
_TEMPLATES: Final = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv "
        "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv "
        "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno"
    ),
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
_LETTERS: Final = _VOWELS.upper() + _VOWELS + _CONSONANTS.upper() + _CONSONANTS
_CHARACTERS: Final = {
    "V": _VOWELS.upper(),
    "C": _CONSONANTS.upper(),
    "v": _VOWELS,
    "c": _CONSONANTS,
    "A": _VOWELS.upper() + _CONSONANTS.upper(),
    "a": _LETTERS,
    "n": string.digits,
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": _LETTERS + string.digits + "!@#$%^&*()",
}


def derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """The Master Password algorithm: scrypt of the password, an HMAC of the site picks the characters."""
    templates = _TEMPLATES.get(kind)
    if templates is None:
        return f"cannot find password template {kind}"
    name, place = to_bytes(user), to_bytes(site)
    salt = _SEED + len(name).to_bytes(4, "big") + name
    key = hashlib.scrypt(to_bytes(password), salt=salt, n=32768, r=8, p=2, dklen=64, maxmem=2**26)
    message = _SEED + len(place).to_bytes(4, "big") + place + (counter % 2**32).to_bytes(4, "big")
    seed = hmac.new(key, message, hashlib.sha256).digest()
    choices = templates.split()
    template = choices[seed[0] % len(choices)]
    return "".join(_CHARACTERS[mark][seed[i + 1] % len(_CHARACTERS[mark])] for i, mark in enumerate(template))


def random_text(host: Host, alphabet: str) -> Callable[[int], str]:
    def generate(count: int) -> str:
        chance = host.chance()
        return "".join(chance.choice(alphabet) for _ in range(count))

    return generate


def uuid4(host: Host) -> str:
    number = host.chance().getrandbits(128)
    number = number & ~(0xF000 << 64) & ~(0xC000 << 48) | (4 << 76) | (8 << 60)
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _random_bytes(host: Host, count: int) -> str:
    return encoding.encode64(host.chance().randbytes(count))


def _unavailable(name: str) -> Callable[..., Any]:
    def refuse(*_: Any) -> str:
        raise FunctionError(f"{name} is not available: templates generate no keys or certificates here")

    return refuse


_UNAVAILABLE: Final = {
    "bcrypt": ("string",),
    "htpasswd": ("string", "string"),
    "genPrivateKey": ("string",),
    "buildCustomCert": ("string", "string"),
    "genCA": ("string", "int"),
    "genCAWithKey": ("string", "int", "string"),
    "genSelfSignedCert": ("string", "list", "list", "int"),
    "genSelfSignedCertWithKey": ("string", "list", "list", "int", "string"),
    "genSignedCert": ("string", "list", "list", "int", "any"),
    "genSignedCertWithKey": ("string", "list", "list", "int", "any", "string"),
    "encryptAES": ("string", "string"),
    "decryptAES": ("string", "string"),
}


def table(host: Host) -> Mapping[str, GoFunc]:
    """The functions of this library by name."""
    alphabets = {
        "randAlphaNum": string.ascii_letters + string.digits,
        "randAlpha": string.ascii_letters,
        "randAscii": "".join(map(chr, range(32, 127))),
        "randNumeric": string.digits,
    }
    functions = {name: GoFunc(random_text(host, alphabet), "int") for name, alphabet in alphabets.items()}
    functions |= {name: GoFunc(_unavailable(name), *params) for name, params in _UNAVAILABLE.items()}
    return functions | {
        "derivePassword": GoFunc(derive_password, "uint32", "string", "string", "string", "string"),
        "uuidv4": GoFunc(lambda: uuid4(host)),
        "randBytes": GoFunc(lambda count: _random_bytes(host, count), "int"),
    }
