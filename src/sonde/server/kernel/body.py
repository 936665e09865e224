"""The bytes of a request body: under a cap, decompressed, and read to the end even where it is refused."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from sonde.server.kernel.http import GZIP, RefusedError, bad_body
from sonde.wire.envelope import ErrorTag
from sonde.wire.limits import MIB

PASSED_OVER = 64 * MIB  # bytes that are read of a body that is refused, so that its sender hears it
PIECE = 64 * 1024  # bytes that are decompressed in one go: a millisecond at most


async def read_body(request: Request, cap: int) -> bytes:
    """The body, decompressed.

    Raises RefusedError 413 past `cap` bytes (decompressed size counts), 400 for gzip that is broken, cut off or has more
    behind it, 415 for another encoding.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding and encoding != "identity" and encoding not in GZIP:
        raise RefusedError(
            415,
            ErrorTag.BAD_REQUEST,
            f"The request body is encoded as {encoding[:40]!r}. Send it as it is, or with gzip.",
        )
    inflate = zlib.decompressobj(31) if encoding in GZIP else None
    parts: list[bytes] = []
    size, stream = 0, request.stream()
    try:
        async for chunk in _inflated(stream, inflate):
            size += len(chunk)
            if size > cap:
                parts.clear()
                await _pass_over(stream)
                raise RefusedError(
                    413,
                    ErrorTag.PAYLOAD_TOO_LARGE,
                    f"The request body is over {cap // 1024 // 1024} MiB. Send it in smaller parts.",
                )
            parts.append(chunk)
    except zlib.error as error:
        raise bad_body(f"the gzip encoding is broken ({error})") from error
    if inflate and (not inflate.eof or inflate.unused_data):
        raise bad_body("the gzip encoding is cut off, or something stands behind its end")
    return b"".join(parts)


async def _pass_over(stream: AsyncIterator[bytes]) -> None:
    """Read what is left of a body and forget it: who hangs up on one that still sends is never heard (RFC 9112 §9.6)."""
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > PASSED_OVER:
            return


async def _inflated(stream: AsyncIterator[bytes], inflate: Any) -> AsyncIterator[bytes]:
    """The chunks as they were before compression. One of 64 KiB may be 64 MiB, so others have their turn between its pieces."""
    async for chunk in stream:
        if inflate is None:
            yield chunk
            continue
        given, piece = chunk, b""
        while given or len(piece) == PIECE:
            piece = inflate.decompress(given, PIECE)
            given = inflate.unconsumed_tail
            yield piece
            await asyncio.sleep(0)
