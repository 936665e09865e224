"""Base64 and base32 as Go decodes them, with Go's complaint about the first bad byte."""

import base64
import binascii
import re
from typing import Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import from_bytes, to_bytes

_NOT_64: Final = re.compile(r"[^A-Za-z0-9+/]")
_NOT_32: Final = re.compile(r"[^A-Z2-7]")


def encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode64(text: str) -> bytes:
    """base64.StdEncoding.DecodeString: new lines are ignored."""
    return _decode(text, _NOT_64, 4, "base64")


def decode32(text: str) -> bytes:
    """base32.StdEncoding.DecodeString."""
    return _decode(text, _NOT_32, 8, "base32")


def _decode(text: str, illegal: re.Pattern[str], block: int, name: str) -> bytes:
    kept = text.replace("\n", "").replace("\r", "")
    body = kept.rstrip("=")
    bad = illegal.search(kept)
    if bad and bad.start() < len(body):
        raise FunctionError(f"illegal {name} data at input byte {_offset(text, bad.start())}")
    padding = len(kept) - len(body)
    short = len(body) % block
    wanted = (block - short) % block
    allowed = (0, 2, 3) if block == 4 else (0, 2, 4, 5, 7)
    if short not in allowed:
        raise FunctionError(
            f"illegal {name} data at input byte {_offset(text, len(body) if padding else len(kept) - short)}"
        )
    if padding != wanted:
        place = len(body) + wanted if padding > wanted else len(kept) - short if not padding else len(kept)
        raise FunctionError(f"illegal {name} data at input byte {_offset(text, place)}")
    decode = base64.b64decode if block == 4 else base64.b32decode
    try:
        return decode(body + "=" * wanted)
    except (binascii.Error, ValueError):
        raise FunctionError(f"illegal {name} data at input byte {len(text)}") from None


def _offset(text: str, place: int) -> int:
    """Where the place in the text without new lines is in the text, in bytes."""
    seen = 0
    for number, char in enumerate(text):
        if char in "\r\n":
            continue
        if seen == place:
            return len(to_bytes(text[:number]))
        seen += 1
    return len(to_bytes(text))


def encode32(data: bytes) -> str:
    return base64.b32encode(data).decode()


def text64(text: str) -> str:
    return from_bytes(decode64(text))
